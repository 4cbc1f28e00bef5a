"""optax's Kullback-Leibler divergences, as the P and the Q that they stand for."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ... import LogProbs, Probs
from ..declared import EXCLUSIVE, declares
from .arguments import (
    BROADCASTS,
    EACH,
    SOFT,
    UNCHECKED,
    WHERE,
    Axis,
    broadcast,
    class_axes,
    classes_last,
    floating,
    together,
    two_classes,
    unchecked,
)

Array = jax.Array


@declares(
    "optax",
    "kl_divergence",
    outcomes=EXCLUSIVE,
    target=SOFT,
    prediction="log-probabilities, taken as they are",
    reduction=EACH,
    call="kl_divergence(Probs(targets, axis=axis), LogProbs(log_predictions, axis=axis), "
    "reduction='none')",
    quirks=(BROADCASTS, WHERE, UNCHECKED, "`axis` may be several axes, or None for all"),
)
def kl_divergence(
    log_predictions: Any, targets: Any, axis: Axis = -1, where: Any | None = None
) -> Array:
    """`optax.kl_divergence`.

    Σ_j t_j (log t_j - x_j), the cross-entropy of `Probs(t)` and of the log-ratios
    `LogProbs(x - log t)`, term by term. The loss has the dtype that the two promote to.

    Raises:
        TypeError: something that holds no floating-point numbers.
        ValueError: as `softmax_cross_entropy`.

    Examples:
        >>> import jax.numpy as jnp
        >>> from plogq.compat.optax import kl_divergence
        >>> q, p = jnp.array([0.25, 0.5, 0.25]), jnp.array([0.5, 0.25, 0.25])
        >>> print(kl_divergence(jnp.log(q), p).round(4))
        0.1733
    """
    x, t = floating("log_predictions", log_predictions), floating("targets", targets)
    return _divergence(x, t, jnp.log(jnp.where(t == 0, 1.0, t)), axis, where)


@declares(
    "optax",
    "kl_divergence_with_log_targets",
    outcomes=EXCLUSIVE,
    target="log-probabilities, classes on axis",
    prediction="log-probabilities, taken as they are",
    reduction=EACH,
    call="kl_divergence(Probs(exp(log_targets), axis=axis), "
    "LogProbs(log_predictions, axis=axis), reduction='none')",
    quirks=(BROADCASTS, WHERE, UNCHECKED, "`axis` may be several axes, or None for all"),
)
def kl_divergence_with_log_targets(
    log_predictions: Any, log_targets: Any, axis: Axis = -1, where: Any | None = None
) -> Array:
    """`optax.kl_divergence_with_log_targets`: `kl_divergence` of exp(log_targets).

    Raises:
        TypeError, ValueError: as `kl_divergence`.

    Examples:
        >>> import jax.numpy as jnp
        >>> from plogq.compat.optax import kl_divergence_with_log_targets
        >>> q, p = jnp.array([0.25, 0.5, 0.25]), jnp.array([0.5, 0.25, 0.25])
        >>> print(kl_divergence_with_log_targets(jnp.log(q), jnp.log(p)).round(4))
        0.1733
    """
    x, log_t = floating("log_predictions", log_predictions), floating("log_targets", log_targets)
    known = jnp.where(log_t == -jnp.inf, 0.0, log_t)
    return _divergence(x, jnp.exp(log_t), known, axis, where)


def _divergence(x: Array, t: Array, log_t: Array, axis: Axis, where: Any | None) -> Array:
    """Σ t (log t - x) along the axes, 0 where t is 0 or the class is left out."""
    dtype = jnp.result_type(x, t)
    x, t, log_t = broadcast(x, t, log_t)
    axes = class_axes(axis, x.ndim)
    if where is not None:
        # No mask of events here: optax broadcasts it as NumPy does.
        mask = jnp.asarray(where).astype(bool)
        mask = jnp.broadcast_to(mask, together("P and where", x.shape, mask.shape))
        x, t, log_t = (jnp.where(mask, y, 0.0) for y in (x, t, log_t))
    p, q = (two_classes(classes_last(y, axes), 0.0) for y in (t, x - log_t))
    return unchecked(Probs(p), LogProbs(q)).astype(dtype)
