"""The arithmetic of the verbs in JAX: what the formula is made of; all traceable.

Widths are JAX's own: weights are float64 where `jax_enable_x64` is on, and float32 where it is
not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array


# So many numbers are added one after another; then these sums are.
_RUN = 256


def statistics_dtype(x: Array) -> Any:
    return x.dtype if x.dtype.name == "float64" else jnp.dtype(jnp.float32)


def statistics(x: Array) -> Array:
    """x in the type that its statistics have."""
    return x.astype(statistics_dtype(x))


def cast_like(x: Any, like: Array) -> Array:
    return jnp.asarray(x, like.dtype)


def wide() -> Any:
    """The widest floating type that is allowed now."""
    return jnp.float64 if jax.config.read("jax_enable_x64") else jnp.float32


def weights(x: Any) -> Any:
    """Weights, masses and probabilities per event, as wide as may be; numbers stay numbers."""
    return jnp.asarray(x, wide()) if hasattr(x, "dtype") else x


def indices(x: Array) -> Array:
    return jnp.asarray(x, jnp.int64 if jax.config.read("jax_enable_x64") else jnp.int32)


def full(shape: tuple[int, ...], value: float, like: Array) -> Array:
    return jnp.full(shape, value, wide())


def to_last(x: Array, axis: int) -> Array:
    return jnp.moveaxis(x, axis, -1)


def from_last(x: Array, axis: int) -> Array:
    return jnp.moveaxis(x, -1, axis)


def expand(x: Array) -> Array:
    """A class axis of length one at the end."""
    return x[..., None]


def max_first(x: Array) -> tuple[Array, Array]:
    """The greatest score with the class axis kept, and a mask that is True at its first place."""
    first = jnp.argmax(x, axis=-1, keepdims=True)
    classes = jax.lax.broadcasted_iota(first.dtype, (*(1,) * (x.ndim - 1), x.shape[-1]), x.ndim - 1)
    return gather(x, first), classes == first


def sum_classes(x: Array) -> Array:
    """The sum along the last axis, in runs: a long sum in one go would round too often.

    A length that an exported program leaves open has no runs.
    """
    classes: Any = x.shape[-1]
    if not isinstance(classes, int) or classes <= _RUN or x.dtype.itemsize > 4:
        return x.sum(axis=-1)
    runs = classes // _RUN
    whole = x[..., : runs * _RUN].reshape(*x.shape[:-1], runs, _RUN)
    return sum_classes(whole.sum(axis=-1)) + x[..., runs * _RUN :].sum(axis=-1)


def sum_events(x: Array) -> Array:
    """The sum over everything but the classes."""
    return x.sum(axis=tuple(range(x.ndim - 1)))


def sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    """The sum over the axes along which an array of `shape` was broadcast."""
    lead = x.ndim - len(shape)
    kept = [i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1]
    return x.sum(axis=(*range(lead), *kept)).reshape(shape)


def times(weight: Any, x: Any) -> Any:
    """weight · x, and 0 where the weight is 0, whatever x is (0 · log 0 = 0)."""
    # The factor and not the product is chosen, so that the derivatives are finite too.
    return weight * jnp.where((weight == 0) & ~jnp.isfinite(x), 0.0, x)


def span(x: Array, start: Any, count: int, axis: int) -> Array:
    """The `count` entries of x from `start` on along an axis."""
    return jax.lax.dynamic_slice_in_dim(x, start, count, axis)


def gather(x: Array, index: Array) -> Array:
    """x at `index` [..., T] along the class axis; the indices are in range."""
    return jnp.take_along_axis(x, index, axis=-1, mode="promise_in_bounds")


def take(x: Array, index: Array) -> Array:
    """x [K] at every index."""
    return x.at[index].get(mode="promise_in_bounds")


def scatter(index: Array, value: Array, classes: int) -> Array:
    """A dense [..., K] array that has `value` at `index` [..., T]; equal indices add up."""
    dense = jnp.zeros((*index.shape[:-1], classes), wide())
    if index.shape[-1] == 1:
        places = jax.lax.broadcasted_iota(index.dtype, dense.shape, dense.ndim - 1)
        return jnp.where(places == index, value.astype(dense.dtype), dense)
    rows = dense.reshape(-1, classes)
    flat = index.reshape(rows.shape[0], index.shape[-1])
    numbers = jax.lax.broadcasted_iota(index.dtype, flat.shape, 0)
    added = rows.at[numbers, flat].add(value.reshape(flat.shape).astype(dense.dtype))
    return added.reshape(dense.shape)


def places(index: Array) -> Array:
    """A number below T for every entry of a row [..., T], the same for equal entries alone."""
    order = jnp.argsort(index, axis=-1, stable=True)
    ordered = gather(index, order)
    steps = jnp.cumsum(ordered[..., 1:] != ordered[..., :-1], axis=-1, dtype=order.dtype)
    found = jnp.concatenate((jnp.zeros_like(order[..., :1]), steps), axis=-1)
    return gather(found, jnp.argsort(order, axis=-1))


where = jnp.where


exp = jnp.exp


log = jnp.log


log1p = jnp.log1p


tanh = jnp.tanh


expm1 = jnp.expm1


equal = jnp.equal


absolute = jnp.abs


def rows(x: Array) -> Array:
    """x as [events, classes], whatever axes the events have."""
    return x.reshape(-1, x.shape[-1])


def matmul(a: Array, b: Array) -> Array:
    """a · b, in no lower precision than that of a."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def joined(parts: Iterable[Array]) -> Array:
    """The parts one after another along the first axis."""
    return jnp.concatenate(list(parts))


def inverse(x: Any) -> Any:
    """1 / x, and 0 where x is 0."""
    return ratio(1.0, x)


def scalar_like(value: Any, like: Array) -> Array:
    """A number of the type of `like`."""
    return jnp.asarray(value, like.dtype)


def ratio(x: Any, divisor: Any) -> Array:
    """x / divisor, and 0 where the divisor is 0 (N6)."""
    nothing = jnp.asarray(divisor) == 0
    return jnp.where(nothing, 0.0, x / jnp.where(nothing, 1.0, divisor))
