"""plogq on TensorFlow's tensors, in a tf.function; the gradient by GradientTape."""

from __future__ import annotations

from typing import Any

import plogq

from .tf_nn import in_graph


def _labels(z: Any, y: Any) -> Any:
    return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))


WORK = {"labels_grad": in_graph(_labels)}
XLA = {"labels_grad": in_graph(_labels, jit_compile=True)}
