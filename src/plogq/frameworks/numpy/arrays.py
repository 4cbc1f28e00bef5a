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

from ...errors import DtypeError
from ...native import sums
from .. import overlap
from ..loading import WAITING, unmet
from ..verbs import several
from .memory import memory
from .operations import absolute as absolute
from .operations import add_product as add_product
from .operations import cast_like as cast_like
from .operations import column_sums as column_sums
from .operations import counting as counting
from .operations import equal as equal
from .operations import exceeding as exceeding
from .operations import exp as exp
from .operations import expand as expand
from .operations import expm1 as expm1
from .operations import from_last as from_last
from .operations import full as full
from .operations import gather as gather
from .operations import indices as indices
from .operations import inverse as inverse
from .operations import joined as joined
from .operations import log as log
from .operations import log1p as log1p
from .operations import matmul as matmul
from .operations import max_first as max_first
from .operations import places as places
from .operations import product_into as product_into
from .operations import quiet as quiet
from .operations import ratio as ratio
from .operations import rows as rows
from .operations import scalar_like as scalar_like
from .operations import scatter as scatter
from .operations import span as span
from .operations import statistics as statistics
from .operations import statistics_dtype as statistics_dtype
from .operations import sum_classes as sum_classes
from .operations import sum_events as sum_events
from .operations import take as take
from .operations import tanh as tanh
from .operations import times as times
from .operations import to_last as to_last
from .operations import weights as weights
from .operations import where as where
from .operations import zeros as zeros

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
    "reshape": "y.reshape({})",
    "flat": "y.reshape(-1)",
    "softmax": "scipy.special.softmax(z, axis=-1)",
    "sigmoid": "scipy.special.expit(z)",
    "exp": "np.exp(x)",
}
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
    if hasattr(getattr(value, "logits", None), "shape"):
        return ", what a model puts out, with scores among it; write output.logits"
    if isinstance(value, Mapping):
        if "logits" in value:
            return "; write output['logits']"
        return ", whose keys are no places; write its values as a list, in the order of the places"
    if isinstance(value, Set):
        return ", which has no order; write a list"
    if isinstance(value, str | bytes):
        return "; write numbers"
    if isinstance(value, Iterable):
        return "; write np.asarray(list(x)) first"
    return "; write np.asarray(x) first"


def ready(x: Any, of: str, axis: Any = None) -> bool:
    """Whether x is an array of this kind, "float" or "integer", that nothing is to be done to.

    With an `axis`, also whether there are two classes on it at least.
    """
    if x.__class__ is not np.ndarray or (WAITING and unmet()):
        return False
    if of == "integer":
        return x.dtype.kind in "iu"
    return _IS_FLOAT.get(x.dtype, False) and several(x, axis)


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


def readable(x: Array, wait: bool = False) -> bool:
    """Whether the values of x can be looked at; of a NumPy array, always."""
    return True


def tracing() -> bool:
    """Whether values are unknown for now, because a program is being recorded; never in NumPy."""
    return False


def owned(x: Array) -> Array:
    """x in memory that nobody else writes to."""
    return x.copy()


def total(x: Array) -> Any:
    """The sum of everything, pairwise, in float64, always in the same order (N6)."""
    x = np.ascontiguousarray(x)
    if memory.code(x) in (sums.F64, sums.F32) and x.flags.aligned:
        return np.float64(sums.total(memory, x))
    return np.sum(x, dtype=np.float64)


def host(x: Any) -> Array:
    """x where NumPy can read it."""
    return np.asarray(x)


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


def row_sums(x: Array, axis: int, weight: Array | None = None) -> tuple[Array, Array]:
    """The sum along the class axis, each class times its weight, and the least entry."""
    found = sums.row_sums(memory, x, axis, weight)
    if found is not None:
        return found
    least = x.min(axis=axis)
    wide = x if x.dtype.name in ("float32", "float64") else x.astype(np.float32)
    if weight is not None:
        each = times(np.moveaxis(wide, axis, -1), weight)
        return each.sum(axis=-1, dtype=np.float64), least.astype(np.float64)
    return wide.sum(axis=axis, dtype=np.float64), least.astype(np.float64)


def value_range(x: Array) -> tuple[float, float]:
    """The least and the greatest element; both NaN where there is one."""
    found = sums.value_range(memory, x)
    return (float(x.min()), float(x.max())) if found is None else found


def unread_labels(
    index: Array, classes: int, ignore: tuple[int, ...], weight: Any = None
) -> tuple[Array, Array]:
    """Labels within [0, classes) and their masses, NaN for a label out of range."""
    inside = (index >= 0) & (index < classes)
    mass = np.where(inside, 1.0, np.nan)
    for mark in ignore:
        ignored = index == mark
        mass, inside = np.where(ignored, 0.0, mass), inside & ~ignored
    return indices(np.where(inside, index, 0)), mass


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
