"""What Keras' losses have in common besides the loss: clipping, smoothing, one class, means."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from math import prod
from typing import Any

from ... import Labels, Logits, LogProbs, Probs, cross_entropy, validation
from ...errors import ShapeError
from ...frameworks import Verbs, verbs
from ...options import integer
from .inputs import epsilon, floatx, together

_ONE_SHAPE = "Arguments `target` and `output` must have the same shape"
# What to write where a target has one number for every row of the output: for yes/no outcomes, and
# for exclusive classes.
_INDICES = (
    "; a yes or no is needed for each output: end the model in Dense(1) for one of each row, or "
    "use SparseCategoricalCrossentropy if the target is class indices",
    "; these are class indices: use SparseCategoricalCrossentropy "
    "(sparse_categorical_crossentropy), or keras.ops.one_hot(target, classes)",
)


def prepared(y_true: Any, y_pred: Any) -> tuple[Verbs, Any, Any, Any]:
    """The framework, y_true and y_pred in the type of statistics, and an array of the dtype.

    Keras casts y_true to the dtype of y_pred, and the loss has that dtype.
    """
    xp, y_true, y_pred = together(y_true, y_pred)
    y_pred = floating(xp, y_pred)
    return xp, xp.statistics(xp.cast_like(y_true, y_pred)), xp.statistics(y_pred), y_pred


def floating(xp: Verbs, x: Any) -> Any:
    """x, and integers and booleans as floats."""
    return x if xp.is_float(x) else xp.to_dtype(x, floatx())


def require_same_shape(y_true: Any, y_pred: Any, exclusive: bool = False) -> None:
    """Refuse shapes that differ, as every backend of Keras does; indices are named as such.

    Raises:
        ShapeError: two shapes, or a single number.
    """
    target, output = tuple(y_true.shape), tuple(y_pred.shape)
    if len(target) != len(output) or differ(target, output):
        raise ShapeError(
            f"{_ONE_SHAPE}. Received: target.shape={target}, output.shape={output}"
            + (_INDICES[exclusive] if target in (output[:-1], (*output[:-1], 1)) else "")
        )
    _require_an_axis(target, output)


def require_same_classes(y_true: Any, y_pred: Any) -> None:
    """Refuse last axes that differ, which Keras broadcasts: labels in place of a distribution.

    Raises:
        ShapeError: two numbers of classes, or a single number.
    """
    target, output = tuple(y_true.shape), tuple(y_pred.shape)
    _require_an_axis(target, output)
    if differ(target[-1:], output[-1:]):
        raise ShapeError(
            f"{_ONE_SHAPE} on their last axis, the classes. Received: target.shape={target}, "
            f"output.shape={output}"
        )


def _require_an_axis(target: tuple[int | None, ...], output: tuple[int | None, ...]) -> None:
    if not target or not output:
        raise ShapeError(
            "Arguments `target` and `output` must be at least rank 1. Received: "
            f"target.shape={target}, output.shape={output}; write [[0.9, 0.1]] for one sample"
        )


def differ(first: tuple[int | None, ...], second: tuple[int | None, ...]) -> bool:
    """Whether two shapes of one length differ where both are known."""
    pairs = zip(first, second, strict=True)
    return any(None not in (m, n) and m != n for m, n in pairs)


def class_axis(x: Any, axis: Any) -> int:
    """The class axis, counted from the front.

    Raises:
        ShapeError: no such axis, or a boolean.
    """
    if isinstance(axis, bool):
        raise ShapeError(
            f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}"
        )
    axis = integer(axis, "axis", "one integer, a tuple or list of them, or None")
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"axis {axis} is out of bounds for y_pred of shape {tuple(x.shape)}")
    return axis % x.ndim


def warn_of_one_class(loss: str, y_pred: Any) -> None:
    """Keras' warning of a last axis of length 1."""
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"In loss {loss}, expected y_pred.shape to be (batch_size, num_classes) with "
            f"num_classes > 1. Received: y_pred.shape={tuple(y_pred.shape)}. Consider using "
            "'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=5,
        )


def warn_of_two_softmaxes(loss: str, from_logits: bool, y_pred: Any, level: int = 4) -> None:
    """A warning of probabilities that are given as scores, where Keras left a note of it."""
    if from_logits and getattr(y_pred, "_keras_logits", None) is not None:
        warnings.warn(
            f'"`{loss}` received `from_logits=True`, but the `output` argument was produced by a '
            "Softmax or Sigmoid activation and thus does not represent logits. Was this intended?",
            stacklevel=level,
        )


def clipped(xp: Verbs, x: Any, greatest: float = 1.0) -> Any:
    """x kept between Keras' epsilon and `greatest`; outside, the gradient is 0."""
    low, high = (xp.cast_like(xp.full((), bound, x), x) for bound in (epsilon(), greatest))
    return xp.where(x > high, high, xp.where(x < low, low, x))


def normalized(xp: Verbs, x: Any, axis: int) -> Any:
    """Rows divided by their sums."""
    with xp.quiet():
        sums = xp.expand(xp.sum_classes(xp.to_last(x, axis)))
        return x / xp.from_last(sums, axis)


def probabilities(xp: Verbs, x: Any, axis: int) -> Any:
    """Rows divided by their sums, then kept ε away from 0 and from 1."""
    return clipped(xp, normalized(xp, x, axis), 1.0 - epsilon())


def smoothed(y_true: Any, share: Any, classes: int) -> Any:
    """y (1 - a) + a / K, whatever a row sums to; `Smoothed` would spread a · mass / K."""
    return y_true * (1.0 - share) + share / classes if share else y_true


def unchecked(p: Any, q: Any, reduction: str = "none") -> Any:
    """H(P, Q), one loss per event or reduced, of probabilities that Keras does not check."""
    # No check runs while a program is being recorded, and there is nothing to switch off.
    recording = verbs(p.arrays()[0]).tracing()
    with nullcontext() if recording else validation("off"):
        return cross_entropy(p, q, reduction=reduction)


def exclusive(xp: Verbs, y: Any, kind: type, x: Any, axis: int, ignore: int | None = None) -> Any:
    """H(P, Q) per event for labels, or for a y of the shape of x, and a Q of this kind.

    plogq refuses one class, whose loss says nothing. Keras computes it, so a second class is added
    that is ruled out.
    """
    soft = y.ndim == x.ndim
    if x.shape[axis] == 1:
        if kind is Logits:
            kind, x = LogProbs, x - x
        ruled_out = 0.0 if kind is Probs else -float("inf")
        x = _with_a_class(xp, x, axis, ruled_out)
        y = _with_a_class(xp, y, axis, 0.0) if soft else y
        axis = 0
    p = Probs(y, axis=axis) if soft else Labels(y, ignore=ignore)
    return unchecked(p, kind(x, axis=axis))


def _with_a_class(xp: Verbs, x: Any, axis: int, value: float) -> Any:
    """The one class of `axis` and another, on the first axis."""
    only = xp.to_last(x, axis)[..., 0]
    return xp.joined((only[None], shaped(xp, value, only)[None]))


def shaped(xp: Verbs, value: Any, like: Any) -> Any:
    """`value` in the shape and dtype of `like`, whose shape need not be known yet."""
    value = xp.cast_like(xp.full((), value, like) if isinstance(value, float) else value, like)
    return xp.where(xp.equal(like, like), value, value)


def count(xp: Verbs, x: Any) -> Any:
    """How many elements x has: a number, or a tensor where that is not known yet."""
    shape = tuple(x.shape)
    if all(isinstance(n, int) for n in shape):
        return float(prod(shape))
    return xp.total(shaped(xp, 1.0, x))


def mean(xp: Verbs, x: Any, axis: Any) -> Any:
    """The mean over an axis, several of them, or all (None)."""
    if axis is None:
        axis = tuple(range(x.ndim))
    axes: Any = axis if isinstance(axis, tuple | list) else (axis,)
    for each in sorted({class_axis(x, a) for a in axes}, reverse=True):
        rows = xp.to_last(x, each)
        classes = rows.shape[-1]
        with xp.quiet():
            if classes is None:
                classes = xp.sum_classes(shaped(xp, 1.0, rows))
            elif not classes:
                classes = xp.full((), 0.0, x)
            x = xp.sum_classes(rows) / classes
    return x
