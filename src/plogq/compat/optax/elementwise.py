"""optax's losses that take each element by itself, as the P and the Q that they stand for."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ... import BinaryLogits, BinaryProbs
from ..declared import YES_NO, declares
from .arguments import BROADCASTS, broadcast, cast, floating, unchecked

Array = jax.Array


@declares(
    "optax",
    "sigmoid_binary_cross_entropy",
    outcomes=YES_NO,
    target="the probability of yes, any number type",
    prediction="scores",
    reduction="one loss per outcome",
    call="cross_entropy(BinaryProbs(labels), BinaryLogits(logits), reduction='none')",
    quirks=(BROADCASTS, "P is cast to the dtype of Q", "P may leave [0, 1]"),
)
def sigmoid_binary_cross_entropy(logits: Any, labels: Any) -> Array:
    """`optax.sigmoid_binary_cross_entropy`.

    `BinaryProbs(labels)` with `BinaryLogits(logits)`, one loss per element of the two, broadcast.
    Labels are cast to the dtype of the logits, and the loss has it.

    Raises:
        TypeError: logits that are no floating-point numbers.
        ValueError: shapes that do not broadcast.

    Examples:
        >>> import jax.numpy as jnp
        >>> from plogq.compat.optax import sigmoid_binary_cross_entropy
        >>> print(sigmoid_binary_cross_entropy(jnp.array([2.0, 0.0]), jnp.array([1, 0])).round(4))
        [0.1269 0.6931]
    """
    scores = floating("logits", logits)
    return _binary(*broadcast(scores, cast(labels, scores))).astype(scores.dtype)


@declares(
    "optax",
    "sigmoid_focal_loss",
    outcomes=YES_NO,
    target="the probability of yes, any number type",
    prediction="scores",
    reduction="one loss per outcome",
    call="focal(cross_entropy(BinaryProbs(labels), BinaryLogits(logits), reduction='none'), gamma)",
    quirks=(
        BROADCASTS,
        "of a soft target the factor is (1 - p_t)^gamma with p_t = p q + (1 - p)(1 - q), which is "
        "e^-L for hard ones alone",
        "alpha weighs yes, 1 - alpha no",
    ),
    note="Multiply alpha on the result, not into P.",
)
def sigmoid_focal_loss(logits: Any, labels: Any, *, alpha: Any = None, gamma: Any = 2.0) -> Array:
    """`optax.sigmoid_focal_loss` (Lin et al. 2017).

    (1 - p_t)^gamma · `sigmoid_binary_cross_entropy`, p_t the probability that Q gives to what P
    says: p q + (1 - p)(1 - q). For hard labels that is `focal` of the loss. With alpha, yes weighs
    alpha and no 1 - alpha.

    Raises:
        TypeError, ValueError: as `sigmoid_binary_cross_entropy`.

    Examples:
        >>> import jax.numpy as jnp
        >>> from plogq.compat.optax import sigmoid_focal_loss
        >>> print(sigmoid_focal_loss(jnp.array([2.0, 0.0]), jnp.array([1, 0])).round(4))
        [0.0018 0.1733]
    """
    scores = floating("logits", logits)
    z, y = broadcast(scores, cast(labels, scores))
    both = jnp.stack((jnp.ones_like(z), jnp.zeros_like(z)))
    # -log q and -log (1 - q). 1 - p_t stays in logarithms, where it never underflows.
    costs = _binary(jnp.stack((z, z)), both)
    log_not = jax.scipy.special.logsumexp(-costs, axis=0, b=jnp.stack((1 - y, y)))
    loss = (_binary(z, y) * jnp.exp(gamma * log_not)).astype(scores.dtype)
    return loss if alpha is None else (alpha * y + (1.0 - alpha) * (1.0 - y)) * loss


def _binary(z: Array, y: Array) -> Array:
    return unchecked(BinaryProbs(y), BinaryLogits(z))
