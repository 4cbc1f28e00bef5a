"""The arithmetic of the verbs in NumPy: what the formula is made of.

Classes are on the last axis here. Statistics are float64 for float64 and float32 for every
narrower type; weights are float64 throughout, as they are one per event.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


_SUM_BYTES = 2 << 20


def quiet() -> AbstractContextManager[Any]:
    """∞ - ∞ and log 0 have defined outcomes here (N3), so NumPy need not warn of them."""
    return np.errstate(invalid="ignore", divide="ignore", over="ignore", under="ignore")


def statistics_dtype(x: Array) -> np.dtype[Any]:
    return np.dtype(np.float64 if x.dtype.name == "float64" else np.float32)


def statistics(x: Array) -> Array:
    """x in the type that its statistics have, native byte order; no copy where it has it."""
    return x.astype(statistics_dtype(x), copy=False)


def cast_like(x: Any, like: Array) -> Array:
    return np.asarray(x).astype(like.dtype, copy=False)


def weights(x: Any) -> Array:
    """Weights, masses and probabilities per event, as float64."""
    return np.asarray(x, dtype=np.float64)


def indices(x: Array) -> Array:
    return x.astype(np.int64, copy=False)


def full(shape: tuple[int, ...], value: float, like: Array) -> Array:
    return np.full(shape, value, dtype=np.float64)


def to_last(x: Array, axis: int) -> Array:
    return np.moveaxis(x, axis, -1)


def from_last(x: Array, axis: int) -> Array:
    return np.moveaxis(x, -1, axis)


def expand(x: Array) -> Array:
    """A class axis of length one at the end."""
    return x[..., None]


def max_first(x: Array) -> tuple[Array, Array]:
    """The greatest score with the class axis kept, and a mask that is True at its first place."""
    first: Array = np.asarray(np.argmax(x, axis=-1))
    mask = np.zeros(x.shape, np.bool_)
    np.put_along_axis(mask, first[..., None], True, axis=-1)
    return np.take_along_axis(x, first[..., None], axis=-1), mask


def sum_classes(x: Array) -> Array:
    # NumPy adds pairwise only what lies side by side.
    return np.ascontiguousarray(x).sum(axis=-1)


def times(weight: Any, x: Any) -> Array:
    """weight · x, and 0 where the weight is 0, whatever x is (0 · log 0 = 0)."""
    return np.where(np.equal(weight, 0), 0.0, np.multiply(weight, x))


def span(x: Array, start: int, count: int, axis: int) -> Array:
    """The `count` entries of x from `start` on along an axis."""
    return x[(slice(None),) * axis + (slice(start, start + count),)]


def gather(x: Array, index: Array) -> Array:
    """x at `index` [..., T] along the class axis."""
    return np.take_along_axis(x, index, axis=-1)


def take(x: Array, index: Array) -> Array:
    """x [K] at every index."""
    return x[index]


def scatter(index: Array, value: Array, classes: int) -> Array:
    """A dense [..., K] array that has `value` at `index` [..., T]; equal indices add up."""
    dense = np.zeros((*index.shape[:-1], classes), dtype=np.float64)
    rows = np.arange(dense.size // classes if classes else 0).reshape(*index.shape[:-1], 1)
    np.add.at(dense.reshape(-1), rows * classes + index, value)
    return dense


def places(index: Array) -> Array:
    """A number below T for every entry of a row [..., T], the same for equal entries alone."""
    order = np.argsort(index, axis=-1, kind="stable")
    ordered = np.take_along_axis(index, order, axis=-1)
    found = np.zeros_like(order)
    np.cumsum(ordered[..., 1:] != ordered[..., :-1], axis=-1, out=found[..., 1:])
    place = np.empty_like(found)
    np.put_along_axis(place, order, found, axis=-1)
    return place


where = np.where


exp = np.exp


log = np.log


log1p = np.log1p


tanh = np.tanh


def absolute(x: Array) -> Array:
    return np.abs(x)


expm1 = np.expm1


equal = np.equal


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    """A new array of the type of `like`, all 0."""
    return np.zeros(shape, like.dtype)


def joined(parts: Iterable[Array]) -> Array:
    """The parts one after another along the first axis."""
    return np.concatenate(list(parts))


def sum_events(x: Array) -> Array:
    """The sum over everything but the classes."""
    return x.sum(axis=tuple(range(x.ndim - 1)))


def rows(x: Array) -> Array:
    """x as [events, classes], whatever axes the events have."""
    return x.reshape(-1, x.shape[-1])


def matmul(a: Array, b: Array) -> Array:
    """a · b."""
    return np.matmul(a, b)


def product_into(out: Array, a: Array, b: Array, row: Array | None = None) -> None:
    """out = a · b, with `row` added to every row."""
    np.matmul(a, b, out=out)
    if row is not None:
        out += row


def add_product(total: Array, a: Array, b: Array) -> None:
    """total += a · b, some rows at a time, so that they are added while they are in cache."""
    step = max(1, _SUM_BYTES // max(1, total.shape[1] * total.itemsize))
    for start in range(0, len(total), step):
        total[start : start + step] += a[start : start + step] @ b


def column_sums(x: Array) -> Array:
    """The sums of the columns, each of a type that has more digits than what it sums."""
    return weights(x.sum(0))


def counting(idle: Array) -> Array:
    """The places of what is not idle."""
    return np.flatnonzero(~idle)


def exceeding(x: Array, least: Array) -> Array:
    """Which columns of x have an entry whose size exceeds its row's `least`."""
    return np.asarray((np.abs(x) > least[:, None]).any(axis=0))


def ratio(x: Any, divisor: Any) -> Any:
    """x / divisor, and 0 where the divisor is 0 (N6)."""
    return 0.0 if divisor == 0 else x / divisor


def inverse(x: Any) -> float:
    """1 / x as a number, and 0 where x is 0."""
    return 0.0 if x == 0 else 1.0 / float(x)


def scalar_like(value: Any, like: Array) -> Any:
    """A number of the type of `like`."""
    return like.dtype.type(value)
