"""Keras' losses of independent yes/no outcomes, each as the P and the Q that it stands for."""

from __future__ import annotations

from math import inf
from typing import Any

from ... import BinaryLogits, BinaryProbs, Weighted
from ...frameworks import Verbs
from ..declared import YES_NO, declares
from .inputs import epsilon, exponent, registered
from .quirks import (
    clipped,
    mean,
    prepared,
    require_same_shape,
    shaped,
    smoothed,
    unchecked,
    warn_of_two_softmaxes,
)
from .symbolic import of_symbols

_TARGET = "the probability of yes, of the shape of y_pred"
_PREDICTION = "the probability of yes; scores with from_logits=True"


@registered()
@declares(
    "keras",
    "binary_crossentropy",
    outcomes=YES_NO,
    target=_TARGET,
    prediction=_PREDICTION,
    reduction="mean over the last axis",
    call="cross_entropy(BinaryProbs(y_true), BinaryProbs(y_pred), reduction='none').mean(axis)",
    quirks=("probabilities are kept 1e-7 away from 0 and from 1",),
    note="from_logits=True is BinaryLogits(y_pred); label_smoothing=a is Smoothed(P, a).",
)
@of_symbols
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Any:
    """`keras.losses.binary_crossentropy`.

    `BinaryProbs(y_true)` with `BinaryProbs(clip(y_pred, ε, 1 - ε))`, or with `BinaryLogits(y_pred)`
    where `from_logits`; elementwise, then the mean over `axis`. Smoothing makes y (1 - a) + a / 2
    of y. The loss has the dtype of y_pred.

    Raises:
        ValueError: two shapes, or no such axis.

    Examples:
        >>> import numpy as np
        >>> from plogq.compat.keras import binary_crossentropy
        >>> loss = binary_crossentropy([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]])
        >>> np.asarray(loss).round(5)
        array([0.91629, 0.71356], dtype=float32)
    """
    xp, y, x, dtype = prepared(y_true, y_pred)
    require_same_shape(y, x)
    warn_of_two_softmaxes("binary_crossentropy", from_logits, y_pred)
    p = BinaryProbs(smoothed(y, label_smoothing, 2))
    losses = unchecked(p, BinaryLogits(x) if from_logits else _certainty_clipped(xp, x))
    return xp.cast_like(mean(xp, losses, axis), dtype)


@registered()
@declares(
    "keras",
    "binary_focal_crossentropy",
    outcomes=YES_NO,
    target=_TARGET,
    prediction=_PREDICTION,
    reduction="mean over the last axis",
    call="focal(cross_entropy(BinaryProbs(y_true), BinaryProbs(y_pred), reduction='none'), gamma)"
    ".mean(axis)",
    quirks=(
        "probabilities are kept 1e-7 away from 0 and from 1, though not in the focal factor",
        "the focal factor of a soft label is (y (1 - q) + (1 - y) q)^gamma",
    ),
    note="For labels 0 and 1. apply_class_balancing=True weighs yes with alpha and no with "
    "1 - alpha: multiply the result.",
)
@of_symbols
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: Any = 0.25,
    gamma: Any = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Any:
    """`keras.losses.binary_focal_crossentropy`.

    `binary_crossentropy` with every outcome weighted by (1 - p_t)^gamma, p_t = y q + (1 - y)(1 - q)
    (Lin et al. 2017), and by y alpha + (1 - y)(1 - alpha) where `apply_class_balancing`: a
    `Weighted(BinaryProbs(y), sample_weight=w)` whose weight depends on Q, also in the gradient. For
    hard labels that is `plogq.focal`. The loss has the dtype of y_pred.

    Raises:
        ValueError: two shapes, or no such axis.

    Examples:
        >>> import numpy as np
        >>> from plogq.compat.keras import binary_focal_crossentropy
        >>> loss = binary_focal_crossentropy([[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]])
        >>> np.asarray(loss).round(5)
        array([0.32986, 0.2058 ], dtype=float32)
    """
    xp, y, x, dtype = prepared(y_true, y_pred)
    require_same_shape(y, x)
    warn_of_two_softmaxes("binary_focal_crossentropy", from_logits, y_pred)
    y = smoothed(y, label_smoothing, 2)
    if from_logits:
        x = xp.exp(-unchecked(BinaryProbs(shaped(xp, 1.0, x)), BinaryLogits(x)))
    weight = _power(xp, y * (1.0 - x) + (1.0 - y) * x, exponent(gamma))
    if apply_class_balancing:
        weight = weight * (y * alpha + (1.0 - y) * (1.0 - alpha))
    p = Weighted(BinaryProbs(y), sample_weight=weight)
    return xp.cast_like(mean(xp, unchecked(p, _certainty_clipped(xp, x)), axis), dtype)


def _power(xp: Verbs, x: Any, gamma: float) -> Any:
    """x^gamma, with a slope of 0 at 0: a root is infinitely steep there, and the loss is flat."""
    if gamma >= 1.0:
        return x**gamma
    # Below what float32 holds in full the slope overflows, and the loss is 1e-7 at most.
    nothing = (x >= 0.0) & (x < 2.0**-126)
    at_nothing = 1.0 if gamma == 0.0 else 0.0 if gamma > 0.0 else inf
    return xp.where(nothing, at_nothing, xp.where(nothing, 1.0, x) ** gamma)


def _certainty_clipped(xp: Verbs, x: Any) -> BinaryProbs:
    return BinaryProbs(clipped(xp, x, 1.0 - epsilon()))
