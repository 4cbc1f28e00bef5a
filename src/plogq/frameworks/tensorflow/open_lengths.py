"""Lengths of axes in TensorFlow: known, or left open by a graph and looked up when it runs."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from ...algebra.open_lengths import Length, known

Tensor = Any


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
        return _float(self.number()) * _number(other)

    __rmul__ = __mul__

    def __rtruediv__(self, other: Any) -> Tensor:
        return _number(other) / _float(self.number())


def _float(x: Tensor) -> Tensor:
    return tf.cast(x, tf.float64)


def _number(x: Any) -> Any:
    return _float(x.number()) if isinstance(x, Dimension) else x


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


def compiled() -> bool:
    """Whether the graph that is being recorded is for XLA, which runs no Python."""
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(
        tf.compat.v1.get_default_graph()
    )
