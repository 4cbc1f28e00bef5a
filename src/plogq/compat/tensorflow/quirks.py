"""What TensorFlow's losses have in common besides the loss: arguments, shapes, dtypes, errors."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def given(name: str, labels: Any, logits: Any) -> tuple[Tensor, Tensor]:
    """Labels and logits as tensors.

    Raises:
        ValueError: one of them is missing.
    """
    if labels is None or logits is None:
        raise ValueError(
            f"Both `labels` and `logits` must be provided for {name}; "
            f"got labels={labels} and logits={logits}"
        )
    logits = tf.convert_to_tensor(logits, name="logits")
    return tf.convert_to_tensor(labels, name="labels"), logits


def same_shape(labels: Tensor, logits: Tensor) -> None:
    """Refuse two shapes where outcomes are taken one by one.

    Raises:
        ValueError: with both.
    """
    if not labels.shape.is_compatible_with(logits.shape):
        raise ValueError(
            "`logits` and `labels` must have the same shape, received "
            f"({logits.shape} vs {labels.shape})"
        )


def same_dtype(a: Tensor, b: Tensor) -> None:
    """Let TensorFlow say, in its own way, that it multiplies no two dtypes."""
    if a.dtype != b.dtype:
        tf.multiply(tf.zeros((), a.dtype), tf.zeros((), b.dtype))


def precise(x: Tensor) -> Tensor:
    """Half precision as float32, in which the losses are computed."""
    return tf.cast(x, tf.float32) if x.dtype in (tf.float16, tf.bfloat16) else x


def length(x: Tensor, axis: int) -> Any:
    """The length of an axis: a number, or a tensor where the graph leaves it open."""
    known = None if x.shape.rank is None else x.shape[axis]
    return tf.shape(x)[axis] if known is None else known


def flat(x: Tensor) -> Tensor:
    """x as [events, classes], whatever axes the events have."""
    return x if x.shape.rank == 2 else tf.reshape(x, [-1, length(x, -1)])


def widened(x: Tensor, filling: float) -> Tensor:
    """x with one more class if it has one, or as many as nobody knows yet.

    plogq refuses one exclusive class, whose loss is always 0; TensorFlow returns that 0.
    """
    known = x.shape[-1]
    if known is not None and known > 1:
        return x
    missing = 2 - known if known is not None else 1
    return tf.pad(x, [[0, 0], [0, missing]], constant_values=tf.cast(filling, x.dtype))
