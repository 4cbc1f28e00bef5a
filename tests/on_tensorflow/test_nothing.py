"""Tensors without events or without mass: a loss of 0 and a gradient of 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

import plogq

from .tensors import by, on_tensorflow, traced


def test_an_empty_batch_and_one_that_is_ignored_have_mean_0_and_gradient_0(way: str) -> None:
    def run(y: Any, z: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = plogq.cross_entropy(plogq.Labels(y, ignore=-1), plogq.Logits(z))
        return loss, tape.gradient(loss, z)

    for n in (0, 3):
        with by(way):
            y, z = tf.fill([n], -1), tf.ones([n, 4])
            loss, gradient = traced(way, run, y, z)
        assert loss == 0
        np.testing.assert_array_equal(gradient, np.zeros((n, 4)))
    y, z = plogq.BinaryProbs(np.zeros((0, 2))), plogq.BinaryLogits(np.zeros((0, 2)))
    with by(way):
        pair = map(on_tensorflow, (y, z))
        assert plogq.cross_entropy(*pair) == 0
