"""What P mostly is: labels, smoothed and weighted or not; rows of probabilities; yes/no targets.

Each knows its arrays, and what kernels read of it once there is more to ask than the short ways do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from . import reducing
from .limits import without_junk
from .measure import Measure
from .scores import BinaryScores, Scores
from .yes_no import BinaryMeasure

Array = Any


class Plain(NamedTuple):
    """Labels, and what is made of them in this order: smoothing, then weights.

    `ignore` is what marks labels that do not count, as it is among labels of 64 bits.
    """

    index: Array
    ignore: tuple[int, ...] = ()
    epsilon: float = 0.0
    sample_weight: Array | None = None
    class_weight: Array | None = None

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.index, self.sample_weight, self.class_weight)

    def holding(self, arrays: Any) -> Plain:
        index, sample_weight, class_weight = arrays
        return Plain(index, self.ignore, self.epsilon, sample_weight, class_weight)

    def measure(self, xp: Any, classes: int) -> Measure:
        """The same as a measure, without a look at the values: of a label that is no class, NaN."""
        w = None if self.sample_weight is None else xp.weights(self.sample_weight)
        each = None if w is None else xp.expand(w)
        index, value = xp.unread_labels(xp.expand(self.index), classes, self.ignore, each)
        if each is not None:
            value = without_junk(xp, xp.equal(each, 0.0), value)
        found = Measure(xp.shape(self.index), classes, index, value).smoothed(xp, self.epsilon)
        if self.class_weight is not None:
            nothing = None if w is None else xp.equal(w, 0.0)
            found = found.class_weighted(xp, xp.weights(self.class_weight), nothing)
        return found if w is None else found.scaled(xp, w)


class PlainRows(NamedTuple):
    """Rows of probabilities, and how far from 1 one may sum."""

    probs: Array
    axis: int
    tolerance: float

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.probs,)

    def holding(self, arrays: Any) -> PlainRows:
        return PlainRows(arrays[0], self.axis, self.tolerance)

    def measure(self, xp: Any, classes: int) -> Measure:
        shape = xp.shape(self.probs)
        axis = self.axis % len(shape)
        events = shape[:axis] + shape[axis + 1 :]
        return Measure(events, classes, dense=self.probs, axis=axis)


class PlainYesNo(NamedTuple):
    """The probability of yes, of outcomes that are independent of one another."""

    probs: Array

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.probs,)

    def holding(self, arrays: Any) -> PlainYesNo:
        return PlainYesNo(arrays[0])

    def measure(self, xp: Any, classes: int) -> BinaryMeasure:
        return BinaryMeasure(self.probs)


AnyPlain = Plain | PlainRows | PlainYesNo

# What P may be, as a loss says it without P's arrays.
LABELS, OF_ROWS, OF_YES_NO = "labels", "rows", "yes/no"


class PlainLoss(NamedTuple):
    """The reduced loss of P and logits, without its arrays: two alike are equal.

    The arrays are scores; labels, rows of probabilities on the same axis, or those of yes; and the
    weights that there are: of events, then of classes.
    """

    ignore: tuple[int, ...]
    epsilon: float
    sampled: bool
    by_class: bool
    axis: int
    softcap: float | None
    reduction: str
    target: str = LABELS
    tolerance: float = 0.0

    def step_by_step(
        self, xp: Any, losses: Callable[[Any, Any], Any], scores: Array, *arrays: Array
    ) -> Array:
        """The loss by way of a measure, and of one loss for each event that `losses` gives."""
        q: Any = Scores("logits", scores, self.axis, self.softcap)
        if self.target == OF_YES_NO:
            q = BinaryScores("logits", scores)
        classes = 1 if self.target == OF_YES_NO else xp.shape(scores)[self.axis]
        measure: Any = self.holding(arrays).measure(xp, classes)
        found = losses(measure, q)
        if self.reduction == "none":
            return found
        divisor = reducing.divisor(xp, measure, xp.shape(found), self.reduction)
        return reducing.reduce(xp, found, divisor)

    def holding(self, arrays: Any) -> AnyPlain:
        """P with its arrays."""
        if self.target == OF_YES_NO:
            return PlainYesNo(arrays[0])
        if self.target == OF_ROWS:
            return PlainRows(arrays[0], self.axis, self.tolerance)
        of_p, *weights = arrays
        sample = weights.pop(0) if self.sampled else None
        return Plain(of_p, self.ignore, self.epsilon, sample, *weights)


def plain_loss(p: AnyPlain, axis: int, softcap: float | None, reduction: str) -> PlainLoss:
    """What is asked for, without the arrays."""
    if isinstance(p, Plain):
        weights = p.sample_weight is not None, p.class_weight is not None
        return PlainLoss(p.ignore, p.epsilon, *weights, axis, softcap, reduction)
    if isinstance(p, PlainRows):
        like = (OF_ROWS, p.tolerance)
        return PlainLoss((), 0.0, False, False, axis, softcap, reduction, *like)
    return PlainLoss((), 0.0, False, False, -1, None, reduction, OF_YES_NO)
