"""Subnormal losses, which TensorFlow's own operations take for 0."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

import plogq


def test_small_losses_and_gradients_are_kept_where_tensorflow_keeps_them() -> None:
    """Eagerly even subnormal ones, which TensorFlow's own operations take for 0."""
    z = tf.constant([[0.0, -100.0]])
    pair = plogq.Labels(tf.constant([0])), plogq.Logits(z)
    loss = plogq.cross_entropy(*pair, reduction="none")
    np.testing.assert_allclose(loss, np.exp(-100.0), rtol=0.02)
