"""optax and plogq in programs that JAX has compiled; every call waits for its result."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from ..case import Run
from .losses import EPSILON, IGNORED, Loss, pair


def _masked(z: Any, y: Any) -> Any:
    there = y != IGNORED
    each = optax.softmax_cross_entropy_with_integer_labels(z, jnp.where(there, y, 0))
    return jnp.where(there, each, 0).sum() / there.sum()


def _smoothed(z: Any, y: Any, w: Any) -> Any:
    soft = optax.smooth_labels(jax.nn.one_hot(y, z.shape[-1], dtype=z.dtype), EPSILON) * w
    return optax.softmax_cross_entropy(z, soft).sum() / soft.sum()


PEER: dict[str, Loss] = {
    "labels": lambda z, y, w: optax.softmax_cross_entropy_with_integer_labels(z, y).mean(),
    "ignored": lambda z, y, w: _masked(z, y),
    "smoothed": _smoothed,
    "soft": lambda z, p, w: optax.softmax_cross_entropy(z, p).mean(),
    "yes/no": lambda z, y, w: optax.sigmoid_binary_cross_entropy(z, y).mean(),
    "none": lambda z, y, w: optax.softmax_cross_entropy_with_integer_labels(z, y),
}
DTYPES = ("float32", "bfloat16")


def _jitted(loss: Loss, arrays: Any, gradient: bool) -> Run:
    z, target, weight = map(jnp.asarray, arrays)
    if gradient:

        def both(z: Any, target: Any, weight: Any) -> Any:
            value, back = jax.vjp(lambda z: loss(z, target, weight), z)
            return value, back(jnp.ones_like(value))[0]

        function = jax.jit(both)
    else:
        function = jax.jit(loss)
    return lambda: jax.block_until_ready(function(z, target, weight))


WAYS = {"jit": pair(_jitted, PEER)}
