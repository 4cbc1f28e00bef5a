"""TensorFlow's losses of independent yes/no outcomes, each as the P and the Q it stands for."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

import plogq

from ... import BinaryLogits, BinaryProbs, Weighted, validation
from ..declared import YES_NO, declares
from .quirks import given, same_dtype, same_shape

Tensor = Any


@declares(
    "tensorflow",
    "sigmoid_cross_entropy_with_logits",
    outcomes=YES_NO,
    target="the probability of yes, any number, of the logits' dtype",
    prediction="scores",
    reduction="one loss per element",
    call="cross_entropy(BinaryProbs(labels), BinaryLogits(logits), reduction='none')",
    quirks=("labels may leave [0, 1]", "the loss has the logits' dtype"),
)
def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """`tf.nn.sigmoid_cross_entropy_with_logits`.

    `BinaryProbs(labels)` with `BinaryLogits(logits)`, one loss per element, in the logits' dtype.

    Raises:
        ValueError: an argument is missing, or two shapes.
        TypeError, tf.errors.InvalidArgumentError: two dtypes.

    Examples:
        >>> from plogq.compat.tensorflow import sigmoid_cross_entropy_with_logits
        >>> [round(float(x), 4) for x in sigmoid_cross_entropy_with_logits([1.0, 0.0], [2.0, -1.0])]
        [0.1269, 0.3133]
    """
    with tf.name_scope(name or "logistic_loss"):
        y, z = given("sigmoid_cross_entropy_with_logits", labels, logits)
        same_shape(y, z)
        same_dtype(z, y)
        return _losses(BinaryProbs(y), z)


@declares(
    "tensorflow",
    "weighted_cross_entropy_with_logits",
    outcomes=YES_NO,
    target="the probability of yes, any number, of the logits' dtype",
    prediction="scores",
    reduction="one loss per element",
    call=(
        "cross_entropy(Weighted(BinaryProbs(labels), class_weight=(1.0, pos_weight)), "
        "BinaryLogits(logits), reduction='none')"
    ),
    quirks=("labels and pos_weight may be any number", "the loss has the logits' dtype"),
)
def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Tensor:
    """`tf.nn.weighted_cross_entropy_with_logits`.

    `Weighted(BinaryProbs(labels), class_weight=(1.0, pos_weight))` with `BinaryLogits(logits)`, one
    loss per element, in the logits' dtype. `pos_weight` is a number or broadcasts to the labels.

    Raises:
        ValueError: two shapes.
        TypeError, tf.errors.InvalidArgumentError: two dtypes.

    Examples:
        >>> from plogq.compat.tensorflow import weighted_cross_entropy_with_logits
        >>> loss = weighted_cross_entropy_with_logits([1.0, 0.0], [2.0, -1.0], 3.0)
        >>> [round(float(x), 4) for x in loss]
        [0.3808, 0.3133]
    """
    with tf.name_scope(name or "logistic_loss"):
        y, z = given("weighted_cross_entropy_with_logits", labels, logits)
        same_shape(y, z)
        same_dtype(z, y)
        if not isinstance(pos_weight, int | float):
            pos_weight = tf.convert_to_tensor(pos_weight)
            same_dtype(y, pos_weight)
        with validation("off"):
            p = Weighted(BinaryProbs(y), class_weight=(1.0, pos_weight))
        return _losses(p, z)


def _losses(p: Any, z: Tensor) -> Tensor:
    """One loss per element; TensorFlow looks at no label."""
    with validation("off"):
        loss = plogq.cross_entropy(p, BinaryLogits(z), reduction="none")
    return tf.cast(loss, z.dtype)
