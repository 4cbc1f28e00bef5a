"""tf.nn and plogq on tensors: eager, in a tf.function, and compiled by XLA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ..case import Run
from .losses import EPSILON, IGNORED, Loss, Prepare, pair


def _each(z: Any, y: Any) -> Any:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)


def _masked(z: Any, y: Any) -> Any:
    there = tf.not_equal(y, IGNORED)
    each = tf.where(there, _each(z, tf.where(there, y, tf.zeros_like(y))), tf.zeros((), z.dtype))
    return tf.reduce_sum(each) / tf.reduce_sum(tf.cast(there, z.dtype))


def _smoothed(z: Any, y: Any, w: Any) -> Any:
    classes = z.shape[-1]
    soft = tf.one_hot(y, classes, 1 - EPSILON + EPSILON / classes, EPSILON / classes, dtype=z.dtype)
    soft *= tf.cast(w, z.dtype)
    each = tf.nn.softmax_cross_entropy_with_logits(soft, z)
    # tf.nn divides by the sum of each row's masses nowhere: a weight counts as it stands.
    return tf.reduce_sum(each) / tf.reduce_sum(soft)


PEER: dict[str, Loss] = {
    "labels": lambda z, y, w: tf.reduce_mean(_each(z, y)),
    "ignored": lambda z, y, w: _masked(z, y),
    "smoothed": _smoothed,
    "soft": lambda z, p, w: tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(p, z)),
    "yes/no": lambda z, y, w: tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, z)),
    "none": lambda z, y, w: _each(z, y),
}
DTYPES = ("float32", "bfloat16")


def _taken(wrap: Callable[[Any], Any]) -> Prepare:
    def prepare(loss: Loss, arrays: Any, gradient: bool) -> Run:
        z, target, weight = map(tf.constant, arrays)

        def both(z: Any, target: Any, weight: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(z)
                value = loss(z, target, weight)
            return value, tape.gradient(value, z)

        function = wrap(both if gradient else loss)

        def run() -> Any:
            found = function(z, target, weight)
            # On a CPU a small graph may still be at work: reading the loss waits for it.
            (found[0] if gradient else found).numpy()
            return found

        return run

    return prepare


def _eager(function: Any) -> Any:
    return function


def _xla(function: Any) -> Any:
    return tf.function(function, jit_compile=True)


WAYS = {
    name: pair(_taken(wrap), PEER)
    for name, wrap in {"eager": _eager, "graph": tf.function, "jit_compile": _xla}.items()
}
