"""Two predictions of which some are LinearLogits, in programs without C++ of ours: in a while loop.

XLA compiles such a loop as it stands, so that what a block of events takes is taken once
(`algebra/by_events.py`).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ...algebra.by_events import ByEvents, Step
from ...algebra.formula import Formula
from . import arrays as verbs
from .kernels import no_kernel

Tensor = Any


class _Loop:
    """What is done block by block in a program of TensorFlow."""

    xp = verbs

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        return tf.matmul(verbs.statistics(a), verbs.statistics(b))

    def transposed(self, x: Tensor) -> Tensor:
        return tf.transpose(x)

    def reshaped(self, x: Tensor, shape: Any) -> Tensor:
        return tf.reshape(x, shape)

    def zeros(self, x: Tensor) -> Tensor:
        return tf.zeros(x.shape, verbs.statistics_dtype(x))

    def itemsize(self, x: Tensor) -> int:
        return verbs.statistics_dtype(x).size

    def each(self, x: Any, events: Any) -> Tensor:
        return tf.broadcast_to(tf.cast(x, tf.float64), events)

    def no_pair(self, measure: Any, pair: Any) -> str | None:
        return "the formula is all there is"

    def scan(self, step: Step, sums: Any, blocks: int, rows: Any) -> Any:
        """The first block says what there is of each, and stands before the loop."""
        sums, first = step(sums, tuple(x[0] for x in rows))
        found = tuple(
            tf.TensorArray(x.dtype, blocks, element_shape=x.shape).write(0, x) for x in first
        )

        def block(i: Tensor, sums: Any, found: Any) -> Any:
            sums, here = step(sums, tuple(x[i] for x in rows))
            pairs = zip(found, here, strict=True)
            return i + 1, sums, tuple(held.write(i, x) for held, x in pairs)

        start = (tf.constant(1), sums, found)
        _, sums, found = tf.while_loop(
            lambda i, *_: i < blocks, block, start, parallel_iterations=1
        )
        return sums, tuple(x.stack() for x in found)


class _Looped(ByEvents):
    """Where the C++ kernel is to be had it is quicker; what has no length cannot be cut."""

    def refuses(self, measure: Any, scores: Any) -> str | None:
        why = super().refuses(measure, scores)
        if why is not None:
            return why
        arrays = [x for x in (*measure.arrays(), *scores.arrays()) if x is not None]
        if no_kernel(arrays[-1], "Q") is None:
            return "the C++ kernel that works in chunks runs here"
        if any(n is None for x in arrays for n in x.shape):
            return "a length that the program leaves open cannot be cut into blocks"
        return None


by_events = _Looped(_Loop(), Formula(verbs), None, 168, 168)
