"""TensorFlow's losses over exclusive classes, each as the P and the Q that it stands for."""

from __future__ import annotations

from typing import Any, cast

import tensorflow as tf

import plogq

from ... import Labels, Logits, Probs, validation
from ...errors import LabelError
from ..declared import EXCLUSIVE, declares
from .quirks import flat, given, length, precise, widened

Tensor = Any


@declares(
    "tensorflow",
    "softmax_cross_entropy_with_logits",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes on the axis; need not sum to 1",
    prediction="scores",
    reduction="one loss per event",
    call="cross_entropy(Probs(labels, axis=axis), Logits(logits, axis=axis), reduction='none')",
    quirks=(
        "the gradient of the logits is q - p, whatever p sums to",
        "labels and logits broadcast, [1, K] to [N, K] among others",
        "labels are cast to the logits' dtype; the loss of float16 and bfloat16 has that dtype",
        "one class costs 0",
    ),
)
def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Tensor:
    """`tf.nn.softmax_cross_entropy_with_logits`.

    `Probs(labels, axis=axis)` with `Logits(logits, axis=axis)`, one loss per event; labels have a
    gradient too. Rows of labels need not sum to 1: the loss is -Σ p log q all the same, and its
    gradient q - p. The loss has the logits' dtype.

    Raises:
        ValueError: in a graph, shapes that do not broadcast.
        tf.errors.InvalidArgumentError: eagerly, the same.

    Examples:
        >>> import tensorflow as tf
        >>> from plogq.compat.tensorflow import softmax_cross_entropy_with_logits
        >>> loss = softmax_cross_entropy_with_logits([[0.0, 1.0, 0.0]], [[2.0, 5.0, 1.0]])
        >>> [round(float(x), 4) for x in loss]
        [0.0659]
    """
    with tf.name_scope(name or "softmax_cross_entropy_with_logits"):
        y, z = given("softmax_cross_entropy_with_logits", labels, logits)
        kind, z = z.dtype, precise(z)
        y = tf.cast(y, z.dtype)
        y, z = (_last(x, axis) for x in (y, z))
        shape = [*z.shape[:-1]] if z.shape.rank is not None else None
        lengths = tf.shape(z)[:-1] if shape is None or None in shape else shape
        loss = _of_rows(*_broadcast(flat(y), flat(z)))
        loss = tf.reshape(loss, lengths)
        loss.set_shape(shape)
        return tf.cast(loss, kind)


@declares(
    "tensorflow",
    "compat.v1.nn.softmax_cross_entropy_with_logits",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes on the axis; need not sum to 1",
    prediction="scores",
    reduction="one loss per event",
    call="cross_entropy(Probs(labels, axis=dim), Logits(logits, axis=dim), reduction='none')",
    quirks=("labels have no gradient", "all else is that of tf.nn's of the same name"),
)
def softmax_cross_entropy_with_logits_v1(
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """`tf.compat.v1.nn.softmax_cross_entropy_with_logits`: labels have no gradient.

    All else is that of `softmax_cross_entropy_with_logits`; the axis is called `dim`.

    Raises:
        ValueError: labels or logits are missing, or `axis` is given, as TensorFlow raises.

    Examples:
        >>> import tensorflow as tf
        >>> from plogq.compat.tensorflow.compat.v1 import nn
        >>> loss = nn.softmax_cross_entropy_with_logits([[0.0, 1.0, 0.0]], [[2.0, 5.0, 1.0]])
        >>> [round(float(x), 4) for x in loss]
        [0.0659]
    """
    if axis is not None:
        raise ValueError("Cannot specify both 'dim' and 'axis'; dim always has a value, write dim")
    y, z = given("softmax_cross_entropy_with_logits", labels, logits)
    return softmax_cross_entropy_with_logits(tf.stop_gradient(y), z, dim, name)


@declares(
    "tensorflow",
    "sparse_softmax_cross_entropy_with_logits",
    outcomes=EXCLUSIVE,
    target="a class index per event, int32 or int64",
    prediction="scores, classes last",
    reduction="one loss per event",
    call="cross_entropy(Labels(labels), Logits(logits), reduction='none')",
    quirks=(
        "a label out of range is an InvalidArgumentError on the CPU and NaN under XLA",
        "the loss of float16 and bfloat16 has that dtype",
        "one class costs 0",
    ),
)
def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Tensor:
    """`tf.nn.sparse_softmax_cross_entropy_with_logits`.

    `Labels(labels)` with `Logits(logits)`, one loss per event, in the logits' dtype.

    Raises:
        ValueError: an argument is missing, or the ranks or shapes do not fit.
        TypeError: labels that are not int32 or int64.
        tf.errors.InvalidArgumentError: a label out of range, on the CPU.

    Examples:
        >>> import tensorflow as tf
        >>> from plogq.compat.tensorflow import sparse_softmax_cross_entropy_with_logits
        >>> loss = sparse_softmax_cross_entropy_with_logits([1], [[2.0, 5.0, 1.0]])
        >>> [round(float(x), 4) for x in loss]
        [0.0659]
    """
    with tf.name_scope(name or "SparseSoftmaxCrossEntropyWithLogits"):
        y, z = given("sparse_softmax_cross_entropy_with_logits", labels, logits)
        _check_ranks(y, z)
        if y.dtype not in (tf.int32, tf.int64):
            raise TypeError(
                f"labels must be int32 or int64, got {y.dtype.name}; write tf.cast(labels, "
                "tf.int64) for class indices; rows of probabilities go to "
                "softmax_cross_entropy_with_logits"
            )
        kind, known, shape = z.dtype, y.shape, tf.shape(y)
        rows, index = widened(flat(precise(z)), float("-inf")), _flat_labels(y, z)
        if rows.shape[-1] is None or rows.shape[-1] != z.shape[-1]:
            index = _beyond(index, length(z, -1))
        try:
            loss = plogq.cross_entropy(Labels(index), Logits(rows), reduction="none")
        except LabelError as error:
            raise _out_of_range(error, length(z, -1)) from None
        if y.shape.rank != 1:
            loss = tf.reshape(loss, shape)
            loss.set_shape(known)
        return tf.cast(loss, kind)


def _last(x: Tensor, axis: int) -> Tensor:
    """x with the classes last."""
    if axis == -1 or (x.shape.rank is not None and axis == x.shape.rank - 1):
        return x
    rank = x.shape.rank if x.shape.rank is not None else tf.rank(x)
    around = [tf.range(axis % rank), tf.range(axis % rank + 1, rank), [axis % rank]]
    return tf.transpose(x, cast("Any", tf.concat(around, 0)))


def _broadcast(y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of labels and of logits in the shape that both broadcast to."""
    if y.shape == z.shape and y.shape.is_fully_defined():
        return y, z
    try:
        known = tf.broadcast_static_shape(y.shape, z.shape)
    except ValueError:
        said = f"logits and labels must be broadcastable: logits={z.shape} labels={y.shape}"
        if tf.executing_eagerly():
            raise tf.errors.InvalidArgumentError(None, None, said) from None
        raise ValueError(said) from None
    lengths = tf.broadcast_dynamic_shape(tf.shape(y), tf.shape(z))
    y, z = tf.broadcast_to(y, lengths), tf.broadcast_to(z, lengths)
    y.set_shape(known)
    z.set_shape(known)
    return y, z


def _of_rows(y: Tensor, z: Tensor) -> Tensor:
    """-Σ p log q for rows, with the gradient q - p whatever the rows of y sum to."""
    wide_y, wide_z = widened(y, 0.0), widened(z, float("-inf"))
    q = Logits(wide_z)
    with validation("off"):
        loss = plogq.cross_entropy(Probs(wide_y), q, reduction="none")
    # That gradient is mass · q - p: what is missing of the mass is a gradient of log Z, q.
    missing = tf.stop_gradient(1.0 - tf.reduce_sum(y, -1))
    if tf.executing_eagerly():
        rounding = 2.0**-20 * y.shape[-1]
        if not tf.reduce_any(tf.abs(missing) > rounding):
            return loss
    return loss + _silent(missing * plogq.log_normalizer(q))


@tf.custom_gradient
def _silent(x: Tensor) -> Any:
    """0, with the gradient of x."""
    return tf.zeros_like(x), lambda upstream: upstream


def _check_ranks(y: Tensor, z: Tensor) -> None:
    if z.shape.rank == 0:
        raise ValueError(f"`logits` cannot be a scalar. Received logits={z}")
    ranks = y.shape.rank, z.shape.rank
    if None not in ranks and ranks[0] != ranks[1] - 1:
        raise ValueError(
            "`labels.shape.rank` must equal `logits.shape.rank - 1`. Received: labels.shape="
            f"{y.shape} of rank {ranks[0]} and logits.shape={z.shape} of rank {ranks[1]}"
        )
    if None not in ranks and not y.shape.is_compatible_with(z.shape[:-1]):
        raise ValueError(
            "`labels.shape` must equal `logits.shape` except for the last dimension. Received: "
            f"labels.shape={y.shape} and logits.shape={z.shape}"
        )


def _flat_labels(y: Tensor, z: Tensor) -> Tensor:
    """Labels as [events]; the graph fails where their rank, if nobody knows it yet, is not."""
    if y.shape.rank is None and z.shape.rank == 2:
        said = ["labels must be 1-D, but got shape", tf.shape(y)]
        with tf.control_dependencies([tf.debugging.Assert(tf.equal(tf.rank(y), 1), said)]):
            y = tf.identity(y)
    return y if y.shape.rank == 1 else tf.reshape(y, [-1])


def _beyond(index: Tensor, classes: Any) -> Tensor:
    """The labels, those of classes that were added to none or one out of range as before."""
    return tf.where(index < tf.cast(classes, index.dtype), index, index + 2)


def _out_of_range(said: Any, classes: Any) -> Exception:
    value = str(said).split()[1]
    return tf.errors.InvalidArgumentError(
        None,
        None,
        f"Received a label value of {value} which is outside the valid range of [0, {classes}): "
        f"{said}",
    )
