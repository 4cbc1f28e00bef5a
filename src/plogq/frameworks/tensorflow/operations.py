"""The arithmetic of the verbs in TensorFlow: what the formula is made of; all differentiable.

TensorFlow promotes no dtypes, so the verbs that take two arrays do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import tensorflow as tf

from ...algebra.open_lengths import Length
from .open_lengths import compiled, dynamic, shape, static

Tensor = Any


_WIDTH = {tf.float64: 3, tf.float32: 2, tf.float16: 1, tf.bfloat16: 1}


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
    if compiled():
        # XLA finds a maximum and its place at once in a reduction of two arrays, which it does
        # not vectorise: the least place of the maximum is two of one.
        classes = tf.range(tf.shape(x)[-1])
        greatest = tf.reduce_max(tf.stop_gradient(x), axis=-1, keepdims=True)
        places = tf.where(tf.equal(x, greatest), classes, classes[-1])
        place = tf.reduce_min(places, axis=-1, keepdims=True)
        return gather(x, place), tf.equal(classes, place)
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


def scalar_like(value: Any, like: Tensor) -> Tensor:
    """A number of the type of `like`."""
    return tf.cast(value, like.dtype)


def ratio(x: Tensor, divisor: Any) -> Tensor:
    """x / divisor, and 0 where the divisor is 0 (N6)."""
    if isinstance(divisor, tf.Variable | np.ndarray | np.generic):
        divisor = tf.convert_to_tensor(cast("Any", divisor))
    if not isinstance(divisor, tf.Tensor):
        return x / divisor if divisor else x * 0.0
    divisor = tf.cast(divisor, x.dtype)
    nothing = equal(divisor, 0.0)
    return where(nothing, 0.0, x / where(nothing, 1.0, divisor))
