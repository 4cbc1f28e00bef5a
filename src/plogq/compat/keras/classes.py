"""Keras' losses over exclusive classes, each as the P and the Q that it stands for."""

from __future__ import annotations

from typing import Any

from ... import BinaryProbs, Labels, Logits, LogProbs, Probs, focal, log_normalizer
from ...errors import ShapeError
from ...frameworks import Verbs
from ..declared import EXCLUSIVE, declares
from .inputs import exponent, like, registered, set_mask, together
from .quirks import (
    class_axis,
    clipped,
    differ,
    exclusive,
    floating,
    prepared,
    probabilities,
    require_same_classes,
    require_same_shape,
    shaped,
    smoothed,
    unchecked,
    warn_of_one_class,
    warn_of_two_softmaxes,
)
from .reduction import replicas
from .symbolic import of_symbols

_DISTRIBUTION = "a distribution per event, classes on axis"
_PREDICTION = "probabilities, classes on axis; scores with from_logits=True"
_DIVIDED = "probabilities are divided by their sum, then kept 1e-7 away from 0 and from 1"
_ONE_HOT = (
    "; these are one-hot rows: use CategoricalCrossentropy (categorical_crossentropy), or "
    "keras.ops.argmax(target, axis) as the target"
)
_LAST_AXIS = "label smoothing divides by the length of the last axis, whatever axis says"


@registered()
@declares(
    "keras",
    "categorical_crossentropy",
    outcomes=EXCLUSIVE,
    target=_DISTRIBUTION,
    prediction=_PREDICTION,
    reduction="one loss per event",
    call="cross_entropy(Probs(y_true, axis=axis), Probs(y_pred, axis=axis), reduction='none')",
    quirks=(_DIVIDED, "rows of y_true need not sum to 1", _LAST_AXIS),
    note="from_logits=True is Logits(y_pred, axis=axis); label_smoothing=a is Smoothed(P, a).",
)
@of_symbols
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`keras.losses.categorical_crossentropy`.

    `Probs(y_true)` with `Probs(clip(q / Σq, ε, 1 - ε))`, or with `Logits(y_pred)` where
    `from_logits`; one loss per event. Smoothing makes y (1 - a) + a / K of y. The loss has the
    dtype of y_pred.

    Raises:
        ValueError: two shapes, or no such axis.

    Examples:
        >>> import numpy as np
        >>> from plogq.compat.keras import categorical_crossentropy
        >>> loss = categorical_crossentropy([[0, 1, 0]], [[0.05, 0.95, 0.0]])
        >>> np.asarray(loss).round(5)
        array([0.05129], dtype=float32)
    """
    xp, y, x, dtype, axis = _dense(
        "categorical_crossentropy", y_true, y_pred, from_logits, label_smoothing, axis
    )
    kind = Logits if from_logits else Probs
    x = x if from_logits else probabilities(xp, x, axis)
    return xp.cast_like(exclusive(xp, y, kind, x, axis), dtype)


@registered()
@declares(
    "keras",
    "categorical_focal_crossentropy",
    outcomes=EXCLUSIVE,
    target=_DISTRIBUTION,
    prediction=_PREDICTION,
    reduction="one loss per event",
    call="alpha * focal(cross_entropy(Probs(y_true, axis=axis), Probs(y_pred, axis=axis), "
    "reduction='none'), gamma)",
    quirks=(_DIVIDED, "of soft labels every class has a focal loss of its own", _LAST_AXIS),
    note="For one-hot labels.",
)
@of_symbols
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: Any = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`keras.losses.categorical_focal_crossentropy`.

    Σ_j y_j · alpha_j · `focal(L_j)`, L_j = -log q_j the loss of class j by itself: `Probs(y_true)`
    with `LogProbs(-alpha · focal(L))`, q = clip(q / Σq, ε, 1 - ε) or the softmax of scores where
    `from_logits`. `alpha` is a number, or one per class of the last axis. The loss has the dtype of
    y_pred.

    Raises:
        ValueError: two shapes, no such axis, or a negative gamma.

    Examples:
        >>> import numpy as np
        >>> from plogq.compat.keras import categorical_focal_crossentropy
        >>> loss = categorical_focal_crossentropy([[0, 1, 0]], [[0.1, 0.8, 0.1]])
        >>> np.asarray(loss).round(6)
        array([0.002231], dtype=float32)
    """
    xp, y, x, dtype, axis = _dense(
        "categorical_focal_crossentropy", y_true, y_pred, from_logits, label_smoothing, axis
    )
    q = probabilities(xp, _softmax(xp, x, axis) if from_logits else x, axis)
    costs = unchecked(BinaryProbs(shaped(xp, 1.0, q)), BinaryProbs(q))
    if not isinstance(alpha, int | float):
        alpha = xp.cast_like(like(alpha, x), x)
    log_probs = -alpha * focal(costs, exponent(gamma))
    return xp.cast_like(exclusive(xp, y, LogProbs, log_probs, axis), dtype)


@registered()
@declares(
    "keras",
    "sparse_categorical_crossentropy",
    outcomes=EXCLUSIVE,
    target="a class index per event",
    prediction=_PREDICTION,
    reduction="one loss per event",
    call="cross_entropy(Labels(y_true, ignore=ignore_class), Probs(y_pred, axis=axis), "
    "reduction='none')",
    quirks=(_DIVIDED, "labels may be floats, whose fraction is cut off"),
    note="from_logits=True is Logits(y_pred, axis=axis).",
)
@of_symbols
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """`keras.losses.sparse_categorical_crossentropy`.

    `Labels(y_true, ignore=ignore_class)` with `Probs(clip(q / Σq, ε, 1 - ε))`, or with
    `Logits(y_pred)` where `from_logits`; one loss per event, and a Keras mask of what is not
    ignored. y_true has the shape of y_pred without its class axis, or with length 1 there. The loss
    has the dtype of y_pred.

    Raises:
        LabelError: a label outside the classes.
        ValueError: shapes that do not fit, or no such axis.

    Examples:
        >>> import numpy as np
        >>> from plogq.compat.keras import sparse_categorical_crossentropy
        >>> loss = sparse_categorical_crossentropy([1, 2], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
        >>> np.asarray(loss).round(5)
        array([0.05129, 2.30259], dtype=float32)
    """
    xp, y_true, y_pred = together(y_true, y_pred)
    y_pred = floating(xp, y_pred)
    axis = class_axis(y_pred, axis)
    warn_of_two_softmaxes("sparse_categorical_crossentropy", from_logits, y_pred)
    y, x = _labels(xp, y_true, y_pred, axis), xp.statistics(y_pred)
    valid = None
    if ignore_class is not None:
        valid = y != ignore_class
        # A row that does not count may sum to 0.
        x = xp.where(xp.from_last(xp.expand(valid), axis), x, shaped(xp, 1.0, x))
    kind = Logits if from_logits else Probs
    x = x if from_logits else probabilities(xp, x, axis)
    losses = xp.cast_like(exclusive(xp, y, kind, x, axis, ignore_class), y_pred)
    return losses if valid is None else set_mask(losses, valid)


@registered()
@declares(
    "keras",
    "kl_divergence",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes last",
    prediction="probabilities, classes last",
    reduction="one loss per event",
    call="kl_divergence(Probs(y_true), Probs(y_pred), reduction='none')",
    quirks=(
        "both are kept at 1e-7 at least and at 1 at most, and neither is divided by its sum",
        "the two shapes may broadcast, less the classes",
    ),
)
@of_symbols
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """`keras.losses.kl_divergence`.

    `Probs(y)` with `LogProbs(log(q / y))`, which is H(y, q) - H(y) without the difference; y and q
    are clipped to [ε, 1], their classes are on the last axis, and their other axes may broadcast.
    One loss per event, of the dtype of y_pred.

    Raises:
        ValueError: two numbers of classes, other axes that do not broadcast, or no axis.

    Examples:
        >>> import numpy as np
        >>> from plogq.compat.keras import kl_divergence
        >>> np.asarray(kl_divergence([[0.5, 0.25, 0.25]], [[0.25, 0.5, 0.25]])).round(6)
        array([0.173287], dtype=float32)
    """
    xp, y, x, dtype = prepared(y_true, y_pred)
    require_same_classes(y, x)
    y, x = clipped(xp, y), clipped(xp, x)
    ratio = x / y
    y = shaped(xp, y, ratio)
    return xp.cast_like(exclusive(xp, y, LogProbs, xp.log(ratio), ratio.ndim - 1), dtype)


def mean_of_labels(xp: Verbs, y_true: Any, y_pred: Any, axis: Any) -> Any | None:
    """The mean of `sparse_categorical_crossentropy` of scores; None where the losses have a say."""
    axis = class_axis(y_pred, axis)
    known = [n for n in y_pred.shape if isinstance(n, int)]
    if y_pred.shape[axis] == 1 or 0 in known or replicas(xp) != 1:
        return None
    warn_of_two_softmaxes("sparse_categorical_crossentropy", True, y_pred)
    p = Labels(_labels(xp, y_true, y_pred, axis))
    return unchecked(p, Logits(y_pred, axis=axis), "sum_over_batch_size")


def _dense(
    loss: str, y_true: Any, y_pred: Any, from_logits: bool, label_smoothing: Any, axis: int
) -> tuple[Verbs, Any, Any, Any, int]:
    """What `prepared` makes of a distribution per event and a prediction, and the class axis."""
    xp, y, x, dtype = prepared(y_true, y_pred)
    require_same_shape(y, x, exclusive=True)
    axis = class_axis(x, axis)
    warn_of_one_class(loss, x)
    warn_of_two_softmaxes(loss, from_logits, y_pred, level=5)
    return xp, smoothed(y, label_smoothing, y.shape[-1]), x, dtype, axis


def _labels(xp: Verbs, y_true: Any, y_pred: Any, axis: int) -> Any:
    """Class indices of the shape of the events."""
    for squeezed in (axis, -1):
        if y_true.ndim == y_pred.ndim and y_true.shape[squeezed] == 1:
            y_true = xp.to_last(y_true, squeezed)[..., 0]
    shape = tuple(y_pred.shape)
    events = shape[:axis] + shape[axis + 1 :]
    if y_true.ndim != len(events) or differ(tuple(y_true.shape), events):
        raise ShapeError(
            "Arguments `target` and `output` must have the same shape up until the last dimension: "
            f"target.shape={tuple(y_true.shape)}, output.shape={shape}, the classes on axis {axis}"
            + (
                _ONE_HOT
                if len(y_true.shape) == len(shape) and not differ(tuple(y_true.shape), shape)
                else ""
            )
        )
    return xp.indices(y_true)


def _softmax(xp: Verbs, x: Any, axis: int) -> Any:
    """exp(s - log Z), of scores whose greatest is 0, so that no digits are lost."""
    greatest, _ = xp.max_first(xp.to_last(x, axis))
    with xp.quiet():
        scores = x - xp.from_last(greatest, axis)
        if x.shape[axis] == 1:
            return xp.exp(scores)
        log_z = xp.expand(log_normalizer(Logits(scores, axis=axis)))
        return xp.exp(scores - xp.from_last(log_z, axis))
