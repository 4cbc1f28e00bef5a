"""The array verbs that the formula needs, in JAX: the same names as for NumPy.

Every verb can be traced. Widths are JAX's own: weights are float64 where `jax_enable_x64` is on,
and float32 where it is not.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ...errors import DtypeError
from ..loading import WAITING, unmet
from ..numpy import arrays as on_numpy
from ..verbs import several
from ..versions import require
from .operations import absolute as absolute
from .operations import cast_like as cast_like
from .operations import equal as equal
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
from .operations import ratio as ratio
from .operations import rows as rows
from .operations import scalar_like as scalar_like
from .operations import scatter as scatter
from .operations import span as span
from .operations import statistics as statistics
from .operations import statistics_dtype as statistics_dtype
from .operations import sum_classes as sum_classes
from .operations import sum_events as sum_events
from .operations import sum_to as sum_to
from .operations import take as take
from .operations import tanh as tanh
from .operations import times as times
from .operations import to_last as to_last
from .operations import weights as weights
from .operations import where as where
from .operations import wide as wide

require(jax)

Array = jax.Array

name = "jax"
float_names = ("float64", "float32", "float16", "bfloat16")
# What to write, in this framework, where a sentence says so.
words = {
    "float": "{}.astype(float)",
    "int": "{}.astype(int)",
    "broadcast": "jnp.broadcast_to({}, y.shape)",
    "reshape": "y.reshape({})",
    "flat": "y.reshape(-1)",
    "softmax": "jax.nn.softmax(z, axis=-1)",
    "sigmoid": "jax.nn.sigmoid(z)",
    "exp": "jnp.exp(x)",
}


def as_array(value: Any, role: str) -> Array:
    """`value` as it is; a sentence says why a key or a float of 8 bits is none."""
    if jnp.issubdtype(value.dtype, jax.dtypes.extended):
        raise DtypeError(f"{role} is an array of {value.dtype}, which are no numbers")
    return value


def ready(x: Array, of: str, axis: Any = None) -> bool:
    """Whether x is an array of this kind, "float" or "integer", that nothing is to be done to.

    With an `axis`, also whether there are two classes on it at least.
    """
    if WAITING and unmet():
        return False
    return (is_integer(x) if of == "integer" else is_float(x)) and several(x, axis)


def dtype_name(x: Array) -> str:
    return x.dtype.name


def shape(x: Array) -> tuple[int, ...]:
    """The lengths of the axes."""
    return tuple(x.shape)


def is_float(x: Array) -> bool:
    return x.dtype.name in float_names


def is_integer(x: Array) -> bool:
    return x.dtype.kind in "iu" and x.dtype.itemsize * 8 == jnp.iinfo(x.dtype).bits


def is_bool(x: Array) -> bool:
    return x.dtype.kind == "b"


def traced(x: Any) -> bool:
    """Whether x stands for values that are not known now."""
    return isinstance(x, Tracer)


def device(x: Array) -> str:
    """The platform that x is on; what is traced will be on the default one."""
    if traced(x):
        return jax.default_backend()
    return next(iter(x.devices())).platform


def place(x: Array) -> str:
    """The devices that x is on, to be compared with another's: JAX itself sees to it."""
    return "jax"


def readable(x: Any, wait: bool = False) -> bool:
    """Whether the values of x can be looked at, without waiting for a device unless `wait`."""
    if traced(x):
        return False
    if isinstance(x, np.ndarray):
        return True
    # NumPy has no arrays of more axes.
    here = wait or next(iter(x.devices())).platform == "cpu"
    return x.ndim <= 64 and x.is_fully_addressable and here


def tracing() -> bool:
    """Whether every value is unknown for now; JAX says that of each array."""
    return False


def epsilon(x: Array) -> float:
    """The distance from 1 to the next number of x's type."""
    return float(jnp.finfo(x.dtype).eps)


# ∞ - ∞ and log 0 have defined outcomes here (N3), and JAX does not warn of them.
quiet = nullcontext


def owned(x: Array) -> Array:
    """x in JAX's own memory."""
    return x


def total(x: Array) -> Array:
    """The sum of everything, in runs, in the widest type."""
    return sum_classes(x.reshape(-1).astype(wide()))


def host(x: Any) -> Any:
    """x where NumPy can read it."""
    x = np.asarray(x)
    return x.astype(np.float32) if x.dtype.name == "bfloat16" else x


def exact() -> AbstractContextManager[Any]:
    """Inside, products are what they say."""
    return nullcontext()


def autocast(*arrays: Any) -> tuple[Any, ...]:
    """The arrays as a matrix product is to take them here: as they are."""
    return arrays


def no_products(x: Array) -> str | None:
    """Why products of x cannot be made, or None."""
    return None


def row_sums(x: Array, axis: int, weight: Array | None = None) -> tuple[Array, Array]:
    """The sum along the class axis, each class times its weight, and the least entry.

    Inside a program every operation is recorded, on arrays that are known too: these are summed
    outside of it, so that a constant is checked as the program is made.
    """
    if not traced(x) and not traced(weight) and readable(x):
        known: Any = None if weight is None else np.asarray(weight)
        found: Any = on_numpy.row_sums(np.asarray(x), axis, known)
        return found
    rows = weights(to_last(x, axis))
    least = rows.min(axis=-1, initial=jnp.inf)
    if weight is None:
        return sum_classes(rows), least
    # A NaN shows in its row's sum, and in no derivative by a class's weight.
    known = jnp.where(jnp.isfinite(rows), rows, 0.0)
    lost = sum_classes(0.0 * jax.lax.stop_gradient(rows))
    return sum_classes(times(known, weight)) + lost, least


def value_range(x: Array) -> tuple[float, float]:
    """The least and the greatest element; both NaN where there is one."""
    seen = host(x)
    return float(seen.min()), float(seen.max())


def aliases(x: Any, y: Any) -> bool:
    """Whether writing to x could change y: nothing writes to an array of JAX."""
    return False


def read_only(x: Array) -> str:
    """Why x cannot be written to."""
    return "it is read-only, as all arrays of JAX are: leave out aside"


def to_dtype(x: Array, dtype: str) -> Array:
    """x in the dtype of this name."""
    return jnp.asarray(x, dtype)


def from_host(x: Any, like: Array) -> Array:
    """An array of NumPy, in this framework; integers too wide for it stay outside all classes."""
    if x.dtype.kind in "iu":
        bounds = jnp.iinfo(jax.dtypes.canonicalize_dtype(x.dtype))
        x = np.clip(x, bounds.min, bounds.max)
    return jnp.asarray(x)


def unread_labels(
    index: Array, classes: int, ignore: tuple[int, ...], weight: Any = None
) -> tuple[Array, Array]:
    """Labels within [0, classes) and their masses, NaN for a label out of range."""
    if index.dtype.itemsize < 4:
        index = index.astype(jnp.int32)
    limits = jnp.iinfo(index.dtype)
    inside = (index >= 0) & (index <= min(classes - 1, int(limits.max)))
    mass = jnp.where(inside, 1.0, jnp.nan).astype(wide())
    for mark in ignore:
        if int(limits.min) <= mark <= int(limits.max):
            kept = index != mark
            mass, inside = jnp.where(kept, mass, 0.0), inside & kept
    return indices(jnp.where(inside, index, 0)), mass
