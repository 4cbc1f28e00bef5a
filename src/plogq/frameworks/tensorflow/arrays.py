"""The array verbs that the formula needs, in TensorFlow: the same names as for NumPy.

Every verb is differentiable and works eagerly, in a tf.function and under XLA. TensorFlow promotes
no dtypes, so the verbs that take two arrays do. What looks at values (`host`, `inverse`) is asked
only of arrays that `readable` lets through. A dimension that a graph leaves open is a `Dimension`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from math import nan, prod
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.autograph.core import config as autograph
from tensorflow.python.eager.forwardprop_util import pack_tangents
from tensorflow.python.framework.device_spec import DeviceSpecV2

from ...errors import DtypeError, ShapeError
from ..numpy import arrays as on_numpy
from ..pages import LARGE
from ..verbs import several
from ..versions import require
from .open_lengths import Dimension as Dimension
from .open_lengths import compiled as compiled
from .open_lengths import dynamic as dynamic
from .open_lengths import shape as shape
from .open_lengths import static as static
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
from .operations import zeros as zeros

require(tf)

Tensor = Any

# None of our functions branches on the value of a tensor: AutoGraph is to leave them as they are.
autograph.CONVERSION_RULES = (autograph.DoNotConvert("plogq"), *autograph.CONVERSION_RULES)

name = "tensorflow"
float_names = ("float64", "float32", "float16", "bfloat16")
# What to write, in this framework, where a sentence says so.
words = {
    "float": "tf.cast({}, tf.float32)",
    "int": "tf.cast({}, tf.int64)",
    "broadcast": "tf.broadcast_to({}, tf.shape(y))",
    "reshape": "tf.reshape(y, {})",
    "flat": "tf.reshape(y, [-1])",
    "softmax": "tf.nn.softmax(z, axis=-1)",
    "sigmoid": "tf.nn.sigmoid(z)",
    "exp": "tf.exp(x)",
}
_FLOATS = (tf.float32, tf.bfloat16, tf.float16, tf.float64)
_INTEGERS = (
    tf.int64,
    tf.int32,
    tf.uint8,
    tf.int16,
    tf.int8,
    tf.uint16,
    tf.uint32,
    tf.uint64,
)


def as_array(value: Any, role: str) -> Tensor:
    """`value` as a dense tensor; a sentence says why a ragged or sparse one is none."""
    if isinstance(value, tf.Variable):
        value = tf.convert_to_tensor(value)
    if isinstance(value, tf.RaggedTensor):
        raise DtypeError(
            f"{role} is a RaggedTensor; write x.to_tensor(), and give the padding no mass: "
            "Labels(y, ignore=…), or a sample_weight of 0"
        )
    if isinstance(value, tf.SparseTensor):
        raise DtypeError(
            f"{role} is a SparseTensor; write tf.sparse.to_dense(x), or "
            "SparseProbs(index, probs) for a target with few classes per event"
        )
    if isinstance(value, tf.IndexedSlices):
        raise DtypeError(f"{role} is an IndexedSlices; write tf.convert_to_tensor(x)")
    if value.shape.rank is None:
        raise ShapeError(
            f"{role} has no known rank in this graph; say where its classes are: "
            "tf.ensure_shape(x, [None, 10])"
        )
    return value


def ready(x: Any, of: str, axis: Any = None) -> bool:
    """Whether x is a tensor of this kind, "float" or "integer", that nothing is to be done to.

    With an `axis`, also whether there are two classes on it at least.
    """
    if not tf.executing_eagerly() or not isinstance(x, tf.Tensor):
        return False
    return x.dtype in (_INTEGERS if of == "integer" else _FLOATS) and several(x, axis)


def dtype_name(x: Tensor) -> str:
    return str(x.dtype.name)


def is_float(x: Tensor) -> bool:
    return x.dtype in _FLOATS


def is_integer(x: Tensor) -> bool:
    return x.dtype in _INTEGERS


def is_bool(x: Tensor) -> bool:
    return x.dtype == tf.bool


def device(x: Tensor) -> str:
    """Where x is; of a tensor in a graph, where TensorFlow will put what computes it."""
    kind = _kind(x.device) if x.device else None
    if kind is None:
        kind = "gpu" if _accelerated() else "cpu"
    return kind


@lru_cache
def _kind(named: str) -> str | None:
    """The kind of device in one of TensorFlow's names of devices, where it says one."""
    kind = DeviceSpecV2.from_string(named).device_type
    return None if kind is None else str(kind).lower()


def _accelerated() -> bool:
    return any(d.device_type != "CPU" for d in tf.config.list_logical_devices())


def place(x: Tensor) -> str:
    """One place for all: TensorFlow moves tensors by its own device policy."""
    return ""


def tracing() -> bool:
    """Whether values are unknown for now, because a graph is being recorded."""
    return not tf.executing_eagerly()


def forward_mode(arrays: Iterable[Any]) -> bool:
    """Whether a forward accumulator carries derivatives of any of these along."""
    return bool(pack_tangents([x for x in arrays if x is not None]).tangents)


def eager(x: Any) -> bool:
    """Whether x has a value."""
    return isinstance(x, tf.Tensor) and hasattr(x, "numpy")


def readable(x: Tensor, wait: bool = False) -> bool:
    """Whether the values of x can be looked at, without waiting for a device unless `wait`."""
    return not tracing() and eager(x) and (wait or device(x) == "cpu")


def epsilon(x: Tensor) -> float:
    """The distance from 1 to the next number of x's type."""
    return 2.0**-7 if x.dtype == tf.bfloat16 else float(np.finfo(x.dtype.as_numpy_dtype).eps)


def quiet() -> AbstractContextManager[Any]:
    """∞ - ∞ and log 0 have defined outcomes here (N3), and TensorFlow does not warn of them."""
    return nullcontext()


def owned(x: Tensor) -> Tensor:
    """x in TensorFlow's own memory."""
    return x


def total(x: Tensor) -> Tensor:
    """The sum of everything, in float64, in a fixed order."""
    return tf.reduce_sum(weights(x))


def host(x: Tensor) -> Any:
    """x where NumPy can read it."""
    each = seen(x)
    return each.astype(np.float32) if x.dtype == tf.bfloat16 else each


def seen(x: Tensor) -> Any:
    """An eager tensor as the NumPy array on its memory."""
    # TensorFlow hands a single number over as a number.
    return np.asarray(x if x.shape.rank else x.numpy())


def exact() -> AbstractContextManager[Any]:
    """Inside, products are what they say; TensorFlow casts none by itself."""
    return nullcontext()


def autocast(*arrays: Any) -> tuple[Any, ...]:
    """The arrays as a matrix product is to take them here: as they are."""
    return arrays


def no_products(x: Tensor) -> str | None:
    """Why products of x cannot be made in place, or None."""
    return "tensors of TensorFlow are never written to"


def inverse(x: Any) -> float:
    """1 / x as a number, and 0 where x is 0, asked where its value can be looked at."""
    if isinstance(x, tf.Tensor) and not readable(x, wait=True):
        raise DtypeError(
            "value_and_grad looks at values, which a graph does not have yet; in a tf.function "
            "write cross_entropy and tf.GradientTape"
        )
    return 0.0 if x == 0 else 1.0 / float(x)


def row_sums(x: Tensor, axis: int, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The sum along the class axis, each class times its weight, and the least entry."""
    if weight is not None or not readable(x) or size(x) < LARGE:
        return _in_operations(x, axis, weight)
    found: list[Any] = []

    @tf.custom_gradient
    def sums(x: Tensor) -> Any:
        total, least = on_numpy.row_sums(seen(x), axis)
        found.append(tf.convert_to_tensor(least))

        def backward(d: Tensor) -> Tensor:
            wide = tf.expand_dims(tf.cast(d, x.dtype), axis)
            return tf.broadcast_to(wide, tf.shape(x))

        return tf.convert_to_tensor(total), backward

    return sums(x), found[0]


def _in_operations(x: Tensor, axis: int, weight: Tensor | None) -> tuple[Tensor, Tensor]:
    """The same in TensorFlow's own operations."""
    least = tf.reduce_min(x, axis=axis)
    if weight is None:
        return tf.reduce_sum(weights(x), axis=axis), least
    # A NaN shows in its row's sum, and in no derivative by a class's weight.
    rows = weights(to_last(x, axis))
    known = where(tf.math.is_finite(rows), rows, 0.0)
    lost = sum_classes(0.0 * tf.stop_gradient(rows))
    return sum_classes(times(known, weights(weight))) + lost, least


def value_range(x: Tensor) -> tuple[float, float]:
    """The least and the greatest element; both NaN where there is one."""
    return on_numpy.value_range(seen(x))


def aliases(x: Any, y: Any) -> bool:
    """Whether writing to x could change y."""
    return x is y


def read_only(x: Tensor) -> str:
    """Why x cannot be written to."""
    return "it is read-only, as all tensors of TensorFlow are: leave out aside"


def size(x: Tensor) -> int:
    """The bytes of a tensor that has a value."""
    return prod(x.shape) * int(x.dtype.size)


def to_dtype(x: Tensor, dtype: str) -> Tensor:
    """x in the dtype of this name."""
    return tf.cast(x, dtype)


def from_host(x: Any, like: Tensor) -> Tensor:
    """An array of NumPy, in this framework."""
    return tf.convert_to_tensor(x)


def unread_labels(
    index: Tensor, classes: Any, ignore: tuple[int, ...], weight: Any = None
) -> tuple[Tensor, Tensor]:
    """Labels within [0, classes) and their masses, NaN for a label out of range.

    A graph for the CPU also fails when it runs, and says which label; XLA runs no such checks.
    """
    index = tf.cast(index, tf.int64)
    count = classes.number() if isinstance(classes, Dimension) else classes
    inside = (index >= 0) & (index < tf.cast(count, tf.int64))
    mass = where(inside, 1.0, tf.constant(nan, tf.float64))
    kept = inside
    for mark in ignore:
        ignored = tf.equal(index, mark)
        mass, kept = where(ignored, 0.0, mass), kept & ~ignored
        inside = inside | ignored
    if weight is not None:
        inside = inside | equal(weight, 0.0)
    if tracing() and not compiled() and device(index) == "cpu":
        outside = tf.where(tf.reshape(~inside, [-1]))[:1]
        bad = tf.gather(tf.reshape(index, [-1]), outside)
        message = ["LabelError: Received a label value of", bad]
        if index.shape.rank:
            # Of a single event there is no place to tell.
            message += ["at event", tf.where(~inside)[:1]]
        message += ["which is outside the number of classes", count]
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(inside), message)]):
            mass = tf.identity(mass)
    return where(kept, index, 0), mass
