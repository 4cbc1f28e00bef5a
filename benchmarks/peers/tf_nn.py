"""TensorFlow: tf.nn in a tf.function, and under XLA; the gradient by GradientTape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ..case import Run

Loss = Callable[..., Any]


def _labels(z: Any, y: Any) -> Any:
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z))


def in_graph(loss: Loss, **options: Any) -> Callable[..., Run]:
    """The loss and the gradient of its first input, traced once."""

    def prepare(*arrays: Any) -> Run:
        inputs = [tf.constant(x) for x in arrays]

        @tf.function(**options)
        def both(*given: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(given[0])
                found = loss(*given)
            return found, tape.gradient(found, given[0])

        def run() -> Any:
            found, gradient = both(*inputs)
            return float(found), gradient

        return run

    return prepare


WORK = {"labels_grad": in_graph(_labels)}
XLA = {"labels_grad": in_graph(_labels, jit_compile=True)}
