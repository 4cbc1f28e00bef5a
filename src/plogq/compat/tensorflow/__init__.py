"""TensorFlow's cross-entropies under TensorFlow's names: what to import in place of tf.nn's own.

Signatures, defaults, error types, dtypes and quirks are those of the installed TensorFlow; the
losses are plogq's. `compat.v1.losses` and `compat.v1.nn` have those of TensorFlow 1. The page on
TensorFlow in the docs lists the quirks, and what differs.
"""

from . import compat
from .exclusive import softmax_cross_entropy_with_logits, sparse_softmax_cross_entropy_with_logits
from .yes_no import sigmoid_cross_entropy_with_logits, weighted_cross_entropy_with_logits

__all__ = [
    "compat",
    "sigmoid_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits",
    "sparse_softmax_cross_entropy_with_logits",
    "weighted_cross_entropy_with_logits",
]
