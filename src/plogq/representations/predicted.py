"""A prediction that stands as P: another model's, the same one's of before, or its own.

Where only the weights of events are around it, P and Q meet as two predictions (`meeting.py`);
smoothed, or weighted by class, it is the dense target that it predicts.
"""

from __future__ import annotations

from typing import Any

from ..algebra.formula import Formula
from ..algebra.measure import Measure
from ..algebra.yes_no import BinaryMeasure
from ..frameworks import Verbs
from .base import BinaryPrediction, Look, Prediction
from .binary import BinaryTarget
from .targets import Target


class Predicted(Target):
    """What a prediction over exclusive classes says, as a target."""

    __slots__ = ("prediction",)
    holds = ("prediction",)

    def __init__(self, prediction: Prediction) -> None:
        self.prediction = prediction

    def __repr__(self) -> str:
        return repr(self.prediction)

    def look(self) -> Look:
        return self.prediction.look()

    def events(self) -> tuple[int, ...]:
        return self.look().events

    def class_count(self) -> int:
        return self.look().classes

    def needs(self) -> str:
        return shown(self.prediction)

    def bare(self) -> Any:
        return self.prediction.bare()

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        return self._measure(xp, self._costs(xp))

    def entropy_terms(
        self, xp: Verbs, classes: int | None, weight: Any = None
    ) -> tuple[Measure, Any]:
        costs = self._costs(xp)
        return self._measure(xp, costs), costs

    def _measure(self, xp: Verbs, costs: Any) -> Measure:
        p, events = xp.exp(-costs), self.events()
        return Measure(events, self.class_count(), dense=p, axis=len(events))

    def _costs(self, xp: Verbs) -> Any:
        return xp.weights(Formula(xp).costs(self.bare().lower(xp, lambda: None)))


class PredictedBinary(BinaryTarget):
    """What a prediction of yes/no outcomes says, as a target."""

    __slots__ = ("prediction",)
    holds = ("prediction",)

    def __init__(self, prediction: BinaryPrediction) -> None:
        self.prediction = prediction

    def __repr__(self) -> str:
        return repr(self.prediction)

    def look(self) -> Look:
        return self.prediction.look()

    def needs(self) -> str:
        return shown(self.prediction)

    def bare(self) -> Any:
        return self.prediction.bare()

    def measure(self, xp: Verbs, weight: Any = None) -> BinaryMeasure:
        return BinaryMeasure(self.probabilities(xp)[0])

    def probabilities(self, xp: Verbs) -> tuple[Any, Any]:
        costs = Formula(xp).costs(self.bare().lower(xp, lambda: None))
        yes, no = (xp.exp(-xp.weights(c)) for c in costs)
        return yes, no


def standing(p: Any) -> Any:
    """A prediction as a target; all else as it is."""
    if isinstance(p, Prediction) and not isinstance(p, Target):
        return Predicted(p)
    if isinstance(p, BinaryPrediction) and not isinstance(p, BinaryTarget):
        return PredictedBinary(p)
    return p


def named(q: Any) -> str:
    """A prediction's type as it is written."""
    inner = getattr(q, "prediction", None)
    return type(q).__name__ if inner is None else f"Tempered({type(inner).__name__})"


def shown(q: Any) -> str:
    """A prediction in a message: its type, the shape of its scores, where its classes are."""
    look = q.look()
    if look.axis is None:
        return f"{named(q)} of shape {look.events}"
    shape = (*look.events[: look.axis], look.classes, *look.events[look.axis :])
    return f"{named(q)} of shape {shape}, classes on axis {look.axis}"
