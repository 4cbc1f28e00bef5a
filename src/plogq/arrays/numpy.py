"""The array verbs that the formula needs, in NumPy.

Classes are on the last axis here. Statistics are float64 for float64 and float32 for every
narrower type; weights are float64 throughout, as they are one per event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from contextlib import AbstractContextManager
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..errors import DtypeError
from . import overlap

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

name = "numpy"
float_names = ("float64", "float32", "float16", "bfloat16")
# What to write, in this framework, where a sentence says so.
words = {
    "float": "{}.astype(float)",
    "int": "{}.astype(int)",
    "broadcast": "np.broadcast_to({}, y.shape)",
    "softmax": "scipy.special.softmax(z, axis=-1)",
    "sigmoid": "scipy.special.expit(z)",
    "exp": "np.exp(x)",
}
_SUM_BYTES = 2 << 20
_IS_FLOAT: dict[np.dtype[Any], bool] = {}


def as_array(value: Any, role: str) -> Array:
    """`value` as an ndarray; a sentence says why a masked, sparse or foreign object is none."""
    if isinstance(value, np.ma.MaskedArray):
        raise DtypeError(
            f"{role} is a masked array; plogq has no silent masks: mark missing labels with "
            "Labels(y, ignore=...), or give masked events weight 0 with "
            "Weighted(P, sample_weight=~mask)"
        )
    if isinstance(value, np.ndarray):
        return np.asarray(cast("Array", value))
    kind = type(value).__name__
    module = type(value).__module__.partition(".")[0]
    if module == "scipy" or hasattr(value, "toarray"):
        raise DtypeError(
            f"{role} is a sparse matrix ({type(value).__name__}); write x.toarray(), or "
            "SparseProbs(index, probs) for a target with few classes per event"
        )
    if module == "keras" and hasattr(value, "dtype") and not hasattr(value, "kernel"):
        raise DtypeError(
            f"{role} is a {type(value).__name__} of Keras and no array; write loss=… in compile, "
            "or a layer around it"
        )
    if isinstance(value, (list, tuple, bool, int, float, np.generic)) or hasattr(
        value, "__array__"
    ):
        try:
            return np.asarray(value)
        except ValueError:
            raise DtypeError(
                f"{role} is not a rectangular array: its rows differ in length; write rows of one "
                "length, padded with a label that Labels(y, ignore=...) leaves out"
            ) from None
        except (TypeError, RuntimeError, NotImplementedError) as error:
            # Lists of tensors that NumPy cannot read, and arrays that refuse to be read by it.
            raise DtypeError(
                f"{role} is a {kind} that NumPy cannot read "
                f"({type(error).__name__}); write one array of one framework, such as "
                "torch.stack(x), jnp.stack(x) or tf.stack(x) of a list of tensors"
            ) from None
    raise DtypeError(f"{role} must be an array, got {type(value).__name__}{_instead(value)}")


def _instead(value: Any) -> str:
    """What to write in place of something that is no array."""
    for held, written in (("kernel", "layer.kernel, transposed,"), ("weight", "layer.weight")):
        if hasattr(getattr(value, held, None), "shape"):
            return (
                f", a layer; write {written} for its weight [K, D] and layer.bias for its bias, or "
                "call it and give its outputs to Logits(z)"
            )
    if isinstance(value, Mapping):
        return ", whose keys are no places; write its values as a list, in the order of the places"
    if isinstance(value, Set):
        return ", which has no order; write a list"
    if isinstance(value, str | bytes):
        return "; write numbers"
    if isinstance(value, Iterable):
        return "; write np.asarray(list(x)) first"
    return "; write np.asarray(x) first"


def dtype_name(x: Array) -> str:
    return x.dtype.name


def shape(x: Array) -> tuple[int, ...]:
    """The lengths of the axes; where a framework leaves one open, a `Length` in its place."""
    return x.shape


def is_float(x: Array) -> bool:
    found = _IS_FLOAT.get(x.dtype)
    if found is None:
        found = _IS_FLOAT[x.dtype] = x.dtype.name in float_names
    return found


def is_integer(x: Array) -> bool:
    return x.dtype.kind in "iu"


def is_bool(x: Array) -> bool:
    return x.dtype.kind == "b"


def device(x: Array) -> str:
    return "cpu"


def place(x: Array) -> str:
    """The device that x is on, to be compared with another's."""
    return "cpu"


def epsilon(x: Array) -> float:
    """The distance from 1 to the next number of x's type."""
    return 2.0**-7 if x.dtype.name == "bfloat16" else float(np.finfo(x.dtype).eps)


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


def readable(x: Array, wait: bool = False) -> bool:
    """Whether the values of x can be looked at; of a NumPy array, always."""
    return True


def tracing() -> bool:
    """Whether values are unknown for now, because a program is being recorded; never in NumPy."""
    return False


def indices(x: Array) -> Array:
    return x.astype(np.int64, copy=False)


def owned(x: Array) -> Array:
    """x in memory that nobody else writes to."""
    return x.copy()


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


def total(x: Array) -> Any:
    """The sum of everything, pairwise, in at least float32, in a fixed order."""
    return np.sum(np.ascontiguousarray(x), dtype=np.float64)


def host(x: Any) -> Array:
    """x where NumPy can read it."""
    return np.asarray(x)


expm1 = np.expm1
equal = np.equal


def exact() -> AbstractContextManager[Any]:
    """Inside, products are what they say: nothing is recorded, cast or warned of."""
    return quiet()


def autocast(*arrays: Any) -> tuple[Any, ...]:
    """The arrays as a matrix product is to take them here: as they are."""
    return arrays


def no_products(x: Array) -> str | None:
    """Why products of x cannot be made in place, or None."""
    return None


def empty(shape: tuple[int, ...], like: Array) -> Array:
    """A new array of the type of `like`."""
    return np.empty(shape, like.dtype)


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


def product_into(out: Array, a: Array, b: Array) -> None:
    """out = a · b."""
    np.matmul(a, b, out=out)


def add_product(total: Array, a: Array, b: Array) -> None:
    """total += a · b, some rows at a time, so that they are added while they are in cache."""
    step = max(1, _SUM_BYTES // max(1, total.shape[1] * total.itemsize))
    for start in range(0, len(total), step):
        total[start : start + step] += a[start : start + step] @ b


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


def row_sums(x: Array, axis: int, weight: Array | None = None) -> tuple[Array, Array]:
    """The sum along the class axis, each class times its weight, and the least entry."""
    least = x.min(axis=axis)
    wide = x if x.dtype.name in ("float32", "float64") else x.astype(np.float32)
    if weight is not None:
        each = times(np.moveaxis(wide, axis, -1), weight)
        return each.sum(axis=-1, dtype=np.float64), least.astype(np.float64)
    return wide.sum(axis=axis, dtype=np.float64), least.astype(np.float64)


def value_range(x: Array) -> tuple[float, float]:
    """The least and the greatest element; both NaN where there is one."""
    return float(x.min()), float(x.max())


def aliases(x: Any, y: Any) -> bool:
    """Whether writing to x could change y."""
    return bool(np.may_share_memory(x, y))


def read_only(x: Array) -> str | None:
    """Why x cannot be written to, or None."""
    return None if x.flags.writeable else "it is read-only: give an array that is not"


def overlaps_itself(x: Array) -> bool:
    """Whether two elements of x lie on the same memory."""
    return overlap.overlaps_itself(x.shape, x.strides, x.itemsize)


def overwritten(x: Array) -> None:
    """Nobody has to know that x is written to."""


def to_dtype(x: Array, dtype: str) -> Array:
    """x in the dtype of this name."""
    return x.astype(dtype, copy=False)


def from_host(x: Array, like: Array) -> Array:
    """An array of NumPy, in this framework."""
    return x


def scalar(value: Any) -> float | None:
    """A real number of Python or NumPy as a float, None for all else: arrays, booleans, strings.

    Raises:
        OverflowError: an integer that no float holds.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        held = cast("Array", value)
        return float(held) if not held.ndim and (is_float(held) or is_integer(held)) else None
    return None if value.__class__ is bool or not isinstance(value, Real) else float(value)
