"""The array verbs that the formula needs, in TensorFlow: the same names as for NumPy.

Every verb is differentiable and works eagerly, in a tf.function and under XLA. TensorFlow promotes
no dtypes, so the verbs that take two arrays do. What looks at values (`host`, `inverse`) is asked
only of arrays that `readable` lets through. A dimension that a graph leaves open is a `Dimension`.
"""

# What is known of TensorFlow's types is little, and in part wrong.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportMissingTypeStubs=false, reportMissingImports=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false
# pyright: reportUntypedFunctionDecorator=false, reportArgumentType=false
# pyright: reportOptionalMemberAccess=false

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.autograph.core import config as autograph
from tensorflow.python.eager.forwardprop_util import pack_tangents
from tensorflow.python.framework.device_spec import DeviceSpecV2
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from ..errors import DtypeError, ShapeError
from .lengths import Length, known
from .versions import require

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
_WIDTH = {tf.float64: 3, tf.float32: 2, tf.float16: 1, tf.bfloat16: 1}


class Dimension(Length):
    """The length of one axis of a tensor, looked up when the graph runs."""

    __slots__ = ("axis", "x")

    def __init__(self, x: Tensor, axis: int) -> None:
        self.x, self.axis = x, axis

    def number(self) -> Tensor:
        return tf.shape(self.x, out_type=tf.int64)[self.axis]

    def __repr__(self) -> str:
        return "None"

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """True of every length; the graph fails when it runs and they differ."""
        if isinstance(other, Dimension):
            if other.x is not self.x or other.axis != self.axis:
                _assert_same(self.number(), other.number())
            return True
        if isinstance(other, int):
            _assert_same(self.number(), tf.constant(other, tf.int64))
            return True
        return NotImplemented

    def __mul__(self, other: Any) -> Tensor:
        return weights(self.number()) * _number(other)

    __rmul__ = __mul__

    def __rtruediv__(self, other: Any) -> Tensor:
        return _number(other) / weights(self.number())


def _number(x: Any) -> Any:
    return weights(x.number()) if isinstance(x, Dimension) else x


def _assert_same(a: Tensor, b: Tensor) -> None:
    """Let the graph fail when it runs, or when XLA compiles it, if two lengths differ."""
    what = "P and Q must describe the same events, and have the lengths"
    if compiled():
        # XLA leaves assertions out, but not what they look at: a reshape that it cannot make.
        same = tf.reduce_all(tf.reshape(tf.fill(tf.stack([a]), True), tf.stack([b])))
        tf.raw_ops.Assert(condition=same, data=[what])
        return
    said = tf.debugging.Assert(tf.equal(a, b), [what, a, "and", b])
    # A tf.function runs it by itself; what TensorFlow says of it in its other graphs is no news.
    getattr(said, "mark_used", lambda: None)()


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


def dtype_name(x: Tensor) -> str:
    return str(x.dtype.name)


def is_float(x: Tensor) -> bool:
    return x.dtype in _FLOATS


def is_integer(x: Tensor) -> bool:
    return x.dtype in _INTEGERS


def is_bool(x: Tensor) -> bool:
    return x.dtype == tf.bool


def shape(x: Tensor) -> tuple[Any, ...]:
    """The lengths of the axes, a `Dimension` for each that this graph leaves open."""
    return tuple(Dimension(x, i) if n is None else n for i, n in enumerate(x.shape))


def static(lengths: tuple[Any, ...]) -> list[int | None]:
    """The lengths that are known, None for the others."""
    return [None if isinstance(n, Length) else n for n in lengths]


def dynamic(lengths: tuple[Any, ...]) -> Any:
    """The lengths as TensorFlow's operations take a shape."""
    if known(lengths):
        return lengths
    return tf.stack(
        [n.number() if isinstance(n, Dimension) else tf.constant(n, tf.int64) for n in lengths]
    )


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


def compiled() -> bool:
    """Whether the graph that is being recorded is for XLA, which runs no Python."""
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(
        tf.compat.v1.get_default_graph()
    )


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


def statistics_dtype(x: Tensor) -> Any:
    return tf.float64 if x.dtype == tf.float64 else tf.float32


def statistics(x: Tensor) -> Tensor:
    """x in the type that its statistics have; no copy where it has it."""
    return tf.cast(x, statistics_dtype(x))


def cast_like(x: Any, like: Tensor) -> Tensor:
    return tf.cast(x, like.dtype)


def weights(x: Any) -> Any:
    """Weights, masses and probabilities per event, as float64; numbers stay numbers."""
    return tf.cast(x, tf.float64) if isinstance(x, tf.Tensor) else x


def indices(x: Tensor) -> Tensor:
    return tf.cast(x, tf.int64)


def owned(x: Tensor) -> Tensor:
    """x in TensorFlow's own memory."""
    return x


def full(shape: tuple[Any, ...], value: float, like: Tensor) -> Tensor:
    return tf.fill(dynamic(shape), tf.constant(value, tf.float64))


def to_last(x: Tensor, axis: int) -> Tensor:
    return _moved(x, axis, x.shape.rank - 1)


def from_last(x: Tensor, axis: int) -> Tensor:
    return _moved(x, x.shape.rank - 1, axis)


def _moved(x: Tensor, source: int, target: int) -> Tensor:
    order = list(range(x.shape.rank))
    order.insert(target % len(order), order.pop(source))
    return x if order == sorted(order) else tf.transpose(x, order)


def expand(x: Tensor) -> Tensor:
    """A class axis of length one at the end."""
    return tf.expand_dims(x, -1)


def max_first(x: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest score with the class axis kept, and a mask that is True at its first place."""
    place = tf.expand_dims(tf.argmax(x, axis=-1), -1)
    return gather(x, place), tf.equal(_classes(x), place)


def _classes(x: Tensor) -> Tensor:
    return tf.range(tf.shape(x, out_type=tf.int64)[-1])


def sum_classes(x: Tensor) -> Tensor:
    return tf.reduce_sum(x, axis=-1)


def sum_events(x: Tensor) -> Tensor:
    """The sum over everything but the classes."""
    return tf.reduce_sum(x, axis=list(range(x.shape.rank - 1)))


def sum_to(x: Tensor, shape: tuple[Any, ...]) -> Tensor:
    """The sum over the axes along which an array of `shape` was broadcast."""
    ahead = x.shape.rank - len(shape)
    own = static(shape)
    axes = [i + ahead for i, n in enumerate(own) if n == 1 and x.shape[i + ahead] != 1]
    summed = tf.reduce_sum(x, axis=[*range(ahead), *axes])
    return tf.reshape(summed, dynamic(shape)) if axes else summed


def rows(x: Tensor) -> Tensor:
    """x as [events, classes], whatever axes the events have."""
    return tf.reshape(x, [-1, dynamic(shape(x)[-1:])[0]])


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Both in the wider of their dtypes; a number takes the dtype of the other."""
    if not isinstance(a, tf.Tensor) or not isinstance(b, tf.Tensor) or a.dtype == b.dtype:
        return a, b
    if _WIDTH.get(a.dtype, 0) >= _WIDTH.get(b.dtype, 0):
        return a, tf.cast(b, a.dtype)
    return tf.cast(a, b.dtype), b


def times(weight: Any, x: Any) -> Any:
    """weight · x, and 0 where the weight is 0, whatever x is (0 · log 0 = 0)."""
    if not isinstance(x, tf.Tensor):
        return weight * x
    if not isinstance(weight, tf.Tensor):
        return weight * x if weight else tf.zeros_like(x)
    weight, x = _alike(weight, x)
    # The factor and not the product is chosen, so that the derivatives are finite too.
    ruled_out = equal(weight, 0.0) & ~tf.math.is_finite(x)
    return weight * tf.where(ruled_out, tf.zeros((), x.dtype), x)


def gather(x: Tensor, index: Tensor) -> Tensor:
    """x at `index` [..., T] along the class axis."""
    return tf.gather(x, index, axis=-1, batch_dims=index.shape.rank - 1)


def take(x: Tensor, index: Tensor) -> Tensor:
    """x [K] at every index."""
    # Behind a reshape the gradient is an array, and no IndexedSlices.
    return tf.gather(tf.reshape(x, [-1]), index)


def scatter(index: Tensor, value: Tensor, classes: Any) -> Tensor:
    """A dense [..., K] array that has `value` at `index` [..., T]; equal indices add up."""
    value = weights(value)
    count = dynamic((classes,))[0] if isinstance(classes, Length) else classes
    if index.shape[-1] == 1:
        return tf.where(
            tf.equal(tf.range(count, dtype=tf.int64), index), value, tf.zeros((), value.dtype)
        )
    lengths = dynamic((*shape(index)[:-1], classes))
    size = tf.reduce_prod(tf.cast(lengths, tf.int64), keepdims=True)
    first = tf.range(size[0] // tf.cast(count, tf.int64)) * tf.cast(count, tf.int64)
    flat = tf.reshape(tf.expand_dims(first, -1) + rows(index), [-1, 1])
    return tf.reshape(tf.scatter_nd(flat, tf.reshape(value, [-1]), size), lengths)


def places(index: Tensor) -> Tensor:
    """A number below T for every entry of a row [..., T], the same for equal entries alone."""
    order = tf.argsort(index, axis=-1, stable=True)
    ordered = gather(index, order)
    steps = tf.cumsum(tf.cast(ordered[..., 1:] != ordered[..., :-1], tf.int64), axis=-1)
    found = tf.concat((tf.zeros_like(index[..., :1]), steps), axis=-1)
    return gather(found, tf.argsort(order, axis=-1))


def where(condition: Tensor, a: Any, b: Any) -> Tensor:
    a, b = _alike(a, b)
    if isinstance(b, tf.Tensor) and not isinstance(a, tf.Tensor):
        a = tf.constant(a, b.dtype)
    elif isinstance(a, tf.Tensor) and not isinstance(b, tf.Tensor):
        b = tf.constant(b, a.dtype)
    return tf.where(condition, a, b)


exp = tf.exp
log = tf.math.log
log1p = tf.math.log1p
tanh = tf.tanh
expm1 = tf.math.expm1


def equal(a: Tensor, b: Any) -> Tensor:
    # In graphs of TensorFlow 1 == compares identity.
    return tf.equal(*_alike(a, b))


def absolute(x: Tensor) -> Tensor:
    return tf.abs(x)


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


def zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A new array of the type of `like`, all 0."""
    return tf.zeros(dynamic(shape), like.dtype)


def joined(parts: Iterable[Tensor]) -> Tensor:
    """The parts one after another along the first axis."""
    return tf.concat(list(parts), axis=0)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """a · b, for a [*events, D] and b [D, K]."""
    product = tf.matmul(rows(a), b)
    lengths = (*shape(a)[:-1], *shape(b)[1:])
    return tf.reshape(product, dynamic(lengths)) if a.shape.rank != 2 else product


def inverse(x: Any) -> float:
    """1 / x as a number, and 0 where x is 0, asked where its value can be looked at."""
    if isinstance(x, tf.Tensor) and not readable(x, wait=True):
        raise DtypeError(
            "value_and_grad looks at values, which a graph does not have yet; in a tf.function "
            "write cross_entropy and tf.GradientTape"
        )
    return 0.0 if x == 0 else 1.0 / float(x)


def scalar_like(value: Any, like: Tensor) -> Tensor:
    """A number of the type of `like`."""
    return tf.cast(value, like.dtype)


def ratio(x: Tensor, divisor: Any) -> Tensor:
    """x / divisor, and 0 where the divisor is 0 (N6)."""
    if isinstance(divisor, tf.Variable | np.ndarray | np.generic):
        divisor = tf.convert_to_tensor(divisor)
    if not isinstance(divisor, tf.Tensor):
        return x / divisor if divisor else x * 0.0
    divisor = tf.cast(divisor, x.dtype)
    nothing = equal(divisor, 0.0)
    return where(nothing, 0.0, x / where(nothing, 1.0, divisor))


def row_sums(x: Tensor, axis: int, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The sum along the class axis, each class times its weight, and the least entry."""
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
    each = host(x)
    return float(each.min()), float(each.max())


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
