"""optax's classification losses under optax's names. They need JAX, and not optax.

Signatures, defaults, errors, dtypes and quirks are those of optax; the losses are plogq's.
"""

from .divergence import kl_divergence, kl_divergence_with_log_targets
from .elementwise import sigmoid_binary_cross_entropy, sigmoid_focal_loss
from .softmax import (
    poly_loss_cross_entropy,
    safe_softmax_cross_entropy,
    softmax_cross_entropy,
    softmax_cross_entropy_with_integer_labels,
)

__all__ = [
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "poly_loss_cross_entropy",
    "safe_softmax_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
]
