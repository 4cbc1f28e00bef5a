"""The cross-entropies of tf.compat.v1.losses: weighted, smoothed, reduced and collected.

What is done with one loss per event, TensorFlow's own `compute_weighted_loss` does.
"""

from __future__ import annotations

from typing import Any, cast

import tensorflow as tf
from tensorflow.python.ops.confusion_matrix import remove_squeezable_dimensions

import plogq

from ... import BinaryLogits, BinaryProbs, Probs, Smoothed, validation
from ..declared import EXCLUSIVE, YES_NO, declares
from .exclusive import softmax_cross_entropy_with_logits, sparse_softmax_cross_entropy_with_logits

Tensor = Any

Reduction = tf.compat.v1.losses.Reduction
_COLLECTION = tf.compat.v1.GraphKeys.LOSSES
_MEAN = "the sum divided by the number of weights that are not 0"
_QUIRKS = ("weights broadcast; MEAN divides by Σ weights, 0 / 0 is 0", "weights are float32")

__all__ = [
    "Reduction",
    "log_loss",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_softmax_cross_entropy",
]


@declares(
    "tensorflow",
    "compat.v1.losses.softmax_cross_entropy",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes last; need not sum to 1",
    prediction="scores",
    reduction=_MEAN,
    call="cross_entropy(Smoothed(Probs(onehot_labels), label_smoothing), Logits(logits))",
    quirks=("smoothing spreads a / K, whatever a row sums to", "labels have no gradient", *_QUIRKS),
)
def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Any = _COLLECTION,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """`tf.compat.v1.losses.softmax_cross_entropy`.

    `Smoothed(Probs(onehot_labels), label_smoothing)` with `Logits(logits)`, then weighted and
    reduced; the loss has the logits' dtype.

    Raises:
        ValueError: an argument is missing, or shapes, weights or a reduction that do not fit.

    Examples:
        >>> from plogq.compat.tensorflow.compat.v1 import losses
        >>> round(float(losses.softmax_cross_entropy([[0.0, 1.0, 0.0]], [[2.0, 5.0, 1.0]])), 4)
        0.0659
    """
    y, z = _given("onehot_labels", onehot_labels, "logits", logits)
    z = tf.convert_to_tensor(z)
    y = tf.cast(y, z.dtype)
    z.shape.assert_is_compatible_with(y.shape)
    if label_smoothing > 0:
        classes = tf.cast(tf.shape(y)[-1], z.dtype)
        y = y * (1.0 - label_smoothing) + label_smoothing / classes
    with tf.name_scope(scope or "softmax_cross_entropy_loss"):
        each = softmax_cross_entropy_with_logits(tf.stop_gradient(y), z)
    return _weighted(each, weights, scope, loss_collection, reduction)


@declares(
    "tensorflow",
    "compat.v1.losses.sigmoid_cross_entropy",
    outcomes=YES_NO,
    target="the probability of yes, any number",
    prediction="scores",
    reduction=_MEAN,
    call="cross_entropy(Smoothed(BinaryProbs(multi_class_labels), label_smoothing), "
    "BinaryLogits(logits))",
    quirks=("labels may leave [0, 1]", *_QUIRKS),
)
def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Any = _COLLECTION,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """`tf.compat.v1.losses.sigmoid_cross_entropy`.

    `Smoothed(BinaryProbs(multi_class_labels), label_smoothing)` with `BinaryLogits(logits)`, then
    weighted and reduced; the loss has the logits' dtype.

    Raises:
        ValueError: an argument is missing, or shapes, weights or a reduction that do not fit.

    Examples:
        >>> from plogq.compat.tensorflow.compat.v1 import losses
        >>> round(float(losses.sigmoid_cross_entropy([1.0, 0.0], [2.0, -1.0])), 4)
        0.2201
    """
    y, z = _given("multi_class_labels", multi_class_labels, "logits", logits)
    z = tf.convert_to_tensor(z)
    y = tf.cast(y, z.dtype)
    z.shape.assert_is_compatible_with(y.shape)
    with tf.name_scope(scope or "sigmoid_cross_entropy_loss"), validation("off"):
        p: Any = BinaryProbs(y)
        if label_smoothing > 0:
            p = Smoothed(p, label_smoothing)
        each = tf.cast(plogq.cross_entropy(p, BinaryLogits(z), reduction="none"), z.dtype)
    return _weighted(each, weights, scope, loss_collection, reduction)


@declares(
    "tensorflow",
    "compat.v1.losses.sparse_softmax_cross_entropy",
    outcomes=EXCLUSIVE,
    target="a class index per event, int32 or int64",
    prediction="scores, classes last",
    reduction=_MEAN,
    call="cross_entropy(Labels(labels), Logits(logits))",
    quirks=("an axis of length 1 too many is dropped", *_QUIRKS),
)
def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = _COLLECTION,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """`tf.compat.v1.losses.sparse_softmax_cross_entropy`.

    `Labels(labels)` with `Logits(logits)`, then weighted and reduced; the loss has the logits'
    dtype.

    Raises:
        ValueError: an argument is missing, or shapes, weights or a reduction that do not fit.

    Examples:
        >>> from plogq.compat.tensorflow.compat.v1 import losses
        >>> round(float(losses.sparse_softmax_cross_entropy([1], [[2.0, 5.0, 1.0]])), 4)
        0.0659
    """
    y, z = _given("labels", labels, "logits", logits)
    with tf.name_scope(scope or "sparse_softmax_cross_entropy_loss"):
        y, z = cast("Any", remove_squeezable_dimensions(y, z, expected_rank_diff=1))
        if weights is not None:
            weights = tf.convert_to_tensor(weights)
            ranks = weights.shape.rank, y.shape.rank
            if None not in ranks and ranks[0] - ranks[1] == 1:
                weights = tf.squeeze(weights, [-1])
        each = sparse_softmax_cross_entropy_with_logits(y, z)
    return _weighted(each, weights, scope, loss_collection, reduction)


@declares(
    "tensorflow",
    "compat.v1.losses.log_loss",
    outcomes=YES_NO,
    target="the probability of yes",
    prediction="probabilities",
    reduction=_MEAN,
    call="cross_entropy(BinaryProbs(labels), BinaryProbs(predictions))",
    quirks=("epsilon is added to each probability before its logarithm", "float32", *_QUIRKS),
)
def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: Any = _COLLECTION,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """`tf.compat.v1.losses.log_loss`.

    `Probs([1 - y, y])` with `Probs([1 - q + epsilon, q + epsilon])`, which need not sum to 1, then
    weighted and reduced; the loss is float32.

    Raises:
        ValueError: an argument is missing, or shapes, weights or a reduction that do not fit.

    Examples:
        >>> from plogq.compat.tensorflow.compat.v1 import losses
        >>> round(float(losses.log_loss([1.0, 0.0], [0.8, 0.1])), 4)
        0.1643
    """
    y, q = _given("labels", labels, "predictions", predictions)
    y, q = tf.cast(y, tf.float32), tf.cast(q, tf.float32)
    q.shape.assert_is_compatible_with(y.shape)
    with tf.name_scope(scope or "log_loss"), validation("off"):
        p = Probs(tf.stack([1.0 - y, y], -1))
        predicted = Probs(tf.stack([1.0 - q + epsilon, q + epsilon], -1))
        each = plogq.cross_entropy(p, predicted, reduction="none")
    return _weighted(each, weights, scope, loss_collection, reduction)


def _given(first: str, labels: Any, second: str, predictions: Any) -> tuple[Any, Any]:
    for name, x in ((first, labels), (second, predictions)):
        if x is None:
            raise ValueError(f"Argument `{name}` must not be None.")
    return labels, predictions


def _weighted(each: Tensor, weights: Any, scope: Any, collection: Any, reduction: str) -> Tensor:
    compute: Any = tf.compat.v1.losses.compute_weighted_loss
    # What TensorFlow asks of weights a variable does not say.
    held = tf.convert_to_tensor(weights) if isinstance(weights, tf.Variable) else weights
    return compute(each, held, scope, collection, reduction=reduction)
