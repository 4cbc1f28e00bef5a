"""Mass 0, and mass that is nearly 0, where TensorFlow's own threads and graphs come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq

from .tensors import by, traced


@pytest.mark.parametrize("way", ["cpu", "formula", "graph"])
def test_subnormal_probabilities_of_16_bits_have_their_mass(way: str) -> None:
    """TensorFlow's threads take numbers below the normal ones for 0."""
    p = tf.constant(np.full((2, 20_000), 1 / 20_000, np.float16))
    z = tf.zeros((2, 20_000))
    mass = float(np.float16(1 / 20_000)) * 20_000

    def losses(p: Any, z: Any) -> Any:
        with by(way):
            return plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z), reduction="none")

    found = traced(way, losses, p, z)
    np.testing.assert_allclose(np.asarray(found), mass * np.log(20_000), rtol=1e-5)


def test_a_graph_looks_at_no_label_that_weighs_nothing() -> None:
    @tf.function
    def loss(y: Any, w: Any, z: Any) -> Any:
        p = plogq.Weighted(plogq.Labels(y), sample_weight=w)
        return plogq.cross_entropy(p, plogq.Logits(z))

    y, z = tf.constant([0, 7]), tf.zeros((2, 3))
    np.testing.assert_allclose(loss(y, tf.constant([1.0, 0.0]), z), np.log(3), rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="LabelError"):
        loss(y, tf.constant([1.0, 1e-30]), z)
