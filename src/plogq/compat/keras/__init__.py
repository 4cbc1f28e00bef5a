"""Keras' cross-entropies under Keras' names: what to import in place of `keras.losses`.

Signatures, defaults, clipping, reductions and saved models are those of the installed Keras, on
each of its backends; the losses are plogq's. The metrics are in `plogq.compat.keras.metrics`.
Without Keras the same names work on plain arrays.
"""

from . import metrics
from .classes import (
    categorical_crossentropy,
    categorical_focal_crossentropy,
    kl_divergence,
    sparse_categorical_crossentropy,
)
from .elementwise import binary_crossentropy, binary_focal_crossentropy
from .losses import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    KLDivergence,
    SparseCategoricalCrossentropy,
)

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "KLDivergence",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "kl_divergence",
    "metrics",
    "sparse_categorical_crossentropy",
]
