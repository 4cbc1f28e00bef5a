"""BinaryProbs and BinaryLogits: independent yes/no outcomes, each element an event of its own.

H = yes · log(1 + e^-z) + no · log(1 + e^z), for scores z and mass `yes` and `no`; the definition's
one formula with scores (0, z).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Never

from .. import checks, elsewhere
from ..algebra.limits import weighed
from ..algebra.plain import AnyPlain, PlainYesNo
from ..algebra.scores import BinaryScores
from ..algebra.yes_no import BinaryMeasure
from ..class_weights import pair
from ..errors import DtypeError, PairError, ProbabilityError, ShapeError
from ..frameworks import Verbs, as_array, ready, verbs
from ..options import number, numbers
from .base import BinaryPrediction, Look, Representation
from .targets import both_weights, weight_array


class BinaryTarget(Representation, ABC):
    """The probability of yes, times a mass, for every element."""

    __slots__ = ()

    @abstractmethod
    def measure(self, xp: Verbs, weight: Any = None) -> BinaryMeasure:
        """This target as the contract has it; elements that `weight` gives 0 are not looked at."""

    @abstractmethod
    def probabilities(self, xp: Verbs) -> tuple[Any, Any]:
        """The probabilities of yes and of no, without weights."""


class BinaryProbs(BinaryTarget, BinaryPrediction):
    """The probability of yes for independent yes/no outcomes, as P or as Q.

    As P of a prediction q: H = -y log q - (1 - y) log(1 - q), elementwise. `probs` lies in [0, 1],
    any floating dtype; booleans and integers 0 and 1 are welcome as targets. Outcomes of a target
    that equal `ignore`, or one of several in a tuple, have mass 0; NaN is a mark as well. As Q it
    is never clipped: q = 0 where y > 0 costs ∞.

    Raises:
        DtypeError: something that is not a number.
        PairError: as Q, with outcomes to ignore.
        ProbabilityError: when paired, for an entry outside [0, 1].

    Examples:
        >>> import plogq
        >>> p = plogq.BinaryProbs([[0, 1], [0, 0]])
        >>> q = plogq.BinaryProbs([[0.6, 0.4], [0.4, 0.6]])
        >>> plogq.cross_entropy(p, q).round(10)
        np.float64(0.8149244548)
        >>> p = plogq.BinaryProbs([[0, 1], [-1, 0]], ignore=-1)
        >>> plogq.cross_entropy(p, q, reduction="none").round(4)
        array([[0.9163, 0.9163],
               [0.    , 0.9163]])
    """

    __slots__ = ("ignore", "probs")
    holds = ("probs",)
    settings = ("ignore",)

    def __init__(
        self, probs: Any, *, ignore: float | Sequence[float] | None = None, **others: Never
    ) -> None:
        if others:
            elsewhere.refuse_of("BinaryProbs", others, "BinaryProbs(y)", "ignore")
        self.ignore = None if ignore is None else numbers(ignore, "ignore")
        if ready(probs, "float") is not None:
            self.probs = probs
            return
        self.probs = as_array(probs, "BinaryProbs")
        xp = verbs(self.probs)
        if not (xp.is_float(self.probs) or xp.is_bool(self.probs) or xp.is_integer(self.probs)):
            raise DtypeError(
                "BinaryProbs takes probabilities in [0, 1], booleans or integers 0 and 1, got "
                f"{xp.dtype_name(self.probs)}"
            )

    def __repr__(self) -> str:
        return f"BinaryProbs({self.probs!r}, ignore={self.ignore})"

    def look(self) -> Look:
        xp = verbs(self.probs)
        return Look(xp, self.probs, xp.shape(self.probs))

    def plain(self) -> AnyPlain | None:
        """This target as what targets mostly are."""
        if self.__class__ is not BinaryProbs or self.ignore is not None:
            return None
        return PlainYesNo(self.probs)

    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> BinaryScores:
        role = "BinaryProbs (as Q)"
        if self.ignore is not None:
            raise PairError(
                "what is ignored is missing from the target, and this is the prediction; write "
                "BinaryProbs(y, ignore=…) for P and BinaryProbs(q) for Q"
            )
        instead = "as a prediction it needs BinaryProbs(q.astype(float))"
        checks.floating(xp, self.probs, role, instead)
        if checks.checked(xp, self.probs):
            # A prediction that has become NaN makes its own loss NaN (N3), as scores do.
            checks.unit_interval(xp, self.probs, role, mass, refuse_nan=checks.full())
        return BinaryScores("probs", self.probs)

    def measure(self, xp: Verbs, weight: Any = None) -> BinaryMeasure:
        kept = self._kept(xp)
        if checks.checked(xp, self.probs) or (
            not xp.is_float(self.probs) and checks.known(xp, self.probs)
        ):
            counts = both_weights(xp, kept, weight)
            checks.unit_interval(xp, self.probs, "BinaryProbs (as P)", lambda: counts)
        return BinaryMeasure(self.probs, event=kept)

    def _kept(self, xp: Verbs) -> Any:
        """1 for every outcome that counts and 0 for the others, or None for 1 throughout."""
        if self.ignore is None:
            return None
        y = self.probs
        wide, kept = xp.weights(y), None
        for mark in self.ignore if isinstance(self.ignore, tuple) else (self.ignore,):
            # A mark is what it has become in the dtype of the outcomes.
            held = xp.weights(xp.cast_like(xp.full((), mark, y), y)) if xp.is_float(y) else mark
            other = xp.equal(wide, wide) if mark != mark else ~xp.equal(wide, held)
            kept = other if kept is None else kept & other
        return None if kept is None else xp.weights(kept)

    def probabilities(self, xp: Verbs) -> tuple[Any, Any]:
        y = xp.weights(self.probs)
        return y, 1.0 - y


class SmoothedBinary(BinaryTarget):
    """What `Smoothed` makes of a binary target: y' = (1 - epsilon) · y + epsilon · to."""

    __slots__ = ("epsilon", "target", "to")
    holds = ("target",)
    settings = ("epsilon", "to")

    def __init__(self, target: BinaryTarget, epsilon: float, to: float = 0.5) -> None:
        self.target, self.epsilon, self.to = target, epsilon, to

    def __repr__(self) -> str:
        return f"Smoothed({self.target!r}, {self.epsilon}, to={self.to})"

    def measure(self, xp: Verbs, weight: Any = None) -> BinaryMeasure:
        inner = self.target.measure(xp, weight)
        keep, masses = 1.0 - self.epsilon, [sum(x) for x in zip(inner.yes, inner.no, strict=True)]
        yes, no = (
            tuple(keep * c + share * m for c, m in zip(side, masses, strict=True))
            for side, share in zip((inner.yes, inner.no), self._shares(), strict=True)
        )
        return replace(inner, yes=yes, no=no)

    def probabilities(self, xp: Verbs) -> tuple[Any, Any]:
        yes, no = self.target.probabilities(xp)
        keep, (to_yes, to_no) = 1.0 - self.epsilon, self._shares()
        return keep * yes + to_yes, keep * no + to_no

    def _shares(self) -> tuple[float, float]:
        """What is spread to yes and to no."""
        return self.epsilon * self.to, self.epsilon * (1.0 - self.to)


class WeightedBinary(BinaryTarget):
    """What `Weighted` makes of a binary target: class weights are (negative, positive)."""

    __slots__ = ("class_weight", "sample_weight", "target")
    holds = ("target", "sample_weight", "class_weight")

    def __init__(self, target: BinaryTarget, sample_weight: Any, class_weight: Any) -> None:
        self.target = target
        self.sample_weight = weight_array(sample_weight, "sample_weight")
        self.class_weight: tuple[Any, Any] | None = None
        xp, y = verbs(target.arrays()[0]), target.arrays()[0]
        shape = xp.shape(y)
        weight = self.sample_weight
        if weight is not None and verbs(weight).shape(weight) != shape:
            per_row = verbs(weight).words["broadcast"].format("w[:, None]")
            raise ShapeError(
                f"sample_weight must have the shape of the events {shape}, got "
                f"{tuple(weight.shape)}; every element is an event, so write {per_row} for one "
                "weight per row"
            )
        if class_weight is not None:
            negative, positive = pair(class_weight)
            self.class_weight = (
                _side(negative, "negative", target.arrays()[0]),
                _side(positive, "positive", target.arrays()[0]),
            )

    def __repr__(self) -> str:
        return (
            f"Weighted({self.target!r}, sample_weight={self.sample_weight!r}, "
            f"class_weight={self.class_weight!r})"
        )

    def measure(self, xp: Verbs, weight: Any = None) -> BinaryMeasure:
        inner = self.target.measure(xp, both_weights(xp, self.sample_weight, weight))
        if self.class_weight is not None:
            negative, positive = self.class_weight
            inner = replace(
                inner,
                yes=tuple(weighed(positive, c) for c in inner.yes),
                no=tuple(weighed(negative, c) for c in inner.no),
            )
        if self.sample_weight is not None:
            weight = xp.weights(self.sample_weight)
            inner = replace(inner, event=both_weights(xp, inner.event, weight))
        return inner

    def probabilities(self, xp: Verbs) -> tuple[Any, Any]:
        return self.target.probabilities(xp)


def _side(weight: Any, role: str, y: Any) -> Any:
    """One class weight: a number, or an array that lines up with the last axes of the events."""
    shape = tuple(y.shape)
    if weight is None:
        raise DtypeError(f"the {role} class weight must be a number or an array, got None")
    if isinstance(weight, int | float):
        weight = number(+weight, f"the {role} class weight")
        if not weight >= 0 and checks.checked(verbs(y), y):
            raise ProbabilityError(f"the {role} class weight must be ≥ 0, got {weight:.6g}")
        return weight
    weight = weight_array(weight, f"the {role} class weight")
    if weight.ndim == 0 and verbs(weight).name == "numpy":
        return float(weight)
    tail = tuple(weight.shape)
    if len(tail) > len(shape) or any(
        w not in (1, n) for w, n in zip(tail[::-1], shape[::-1], strict=False)
    ):
        raise ShapeError(
            f"the {role} class weight has shape {tail}, which does not line up with the last axes "
            f"of the events {shape}"
        )
    return verbs(weight).weights(weight)


class BinaryLogits(BinaryPrediction):
    """Scores whose sigmoid is the probability of yes: q = 1 / (1 + e^-z), elementwise.

    `scores` has any floating dtype. Scores of ±∞ are certainty: (+∞, yes) and (-∞, no) cost 0, the
    other two ∞.

    Raises:
        DtypeError: scores that are not floating point.

    Examples:
        >>> import plogq
        >>> plogq.cross_entropy(plogq.BinaryProbs([1.0]), plogq.BinaryLogits([0.0])).round(6)
        np.float64(0.693147)
    """

    __slots__ = ("scores",)
    holds = ("scores",)

    def __init__(self, scores: Any, **others: Never) -> None:
        if others:
            elsewhere.refuse_of("BinaryLogits", others, "BinaryLogits(z)")
        if ready(scores, "float") is not None:
            self.scores = scores
            return
        self.scores = as_array(scores, "BinaryLogits")
        checks.floating(
            verbs(self.scores),
            self.scores,
            "BinaryLogits",
            "write BinaryLogits(z.astype(float)), or BinaryProbs(y) for yes/no targets",
        )

    def __repr__(self) -> str:
        return f"BinaryLogits({self.scores!r})"

    def look(self) -> Look:
        xp = verbs(self.scores)
        return Look(xp, self.scores, xp.shape(self.scores))

    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> BinaryScores:
        if checks.checked(xp, self.scores, "full"):
            checks.no_nan(xp, self.scores, "BinaryLogits", mass)
        return BinaryScores("logits", self.scores)


def require_binary(value: Any) -> BinaryPrediction:
    """`value`, or a sentence that says what a binary target takes as its prediction."""
    if isinstance(value, BinaryPrediction):
        return value
    raise PairError(
        "a binary target takes BinaryLogits(z) or BinaryProbs(q) as its prediction, "
        f"got {type(value).__name__}"
    )
