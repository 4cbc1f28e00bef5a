"""Smoothed and Weighted: changes of P, whatever P is.

A wrapper changes the measure of the target that it wraps, so that weights, smoothing and ignored
labels combine freely and mean the same thing in every combination. Around a yes/no target it makes
the wrapper of that kind (`binary.py`).
"""

from __future__ import annotations

from typing import Any, Never

from .. import elsewhere, options
from ..algebra.limits import self_information
from ..algebra.measure import Measure
from ..algebra.plain import Plain
from ..class_weights import in_order
from ..errors import ShapeError
from ..frameworks import Verbs
from .base import BinaryPrediction, Prediction
from .binary import BinaryTarget, SmoothedBinary, WeightedBinary
from .predicted import Predicted, standing
from .targets import Probs, Target, both_weights, require_target, weight_array


class Smoothed(Target):
    """Label smoothing: a share epsilon of the mass is spread evenly over the K classes.

    p'_j = (1 - epsilon) · p_j + epsilon · mass / K (Szegedy et al. 2016), for whatever target it
    wraps; mass, and so every mean, is unchanged, and an ignored label stays ignored.

    Raises:
        PairError: what it wraps is no target.
        ValueError: epsilon outside [0, 1].

    Examples:
        >>> import plogq
        >>> p = plogq.Smoothed(plogq.Labels([1]), 0.1)
        >>> plogq.cross_entropy(p, plogq.Logits([[2.0, 5.0, 1.0]])).round(6)
        np.float64(0.299217)
    """

    __slots__ = ("epsilon", "target")
    holds = ("target",)
    settings = ("epsilon",)

    # Copying and pickling call __new__ without arguments.
    def __new__(cls, target: Any = None, epsilon: float = 0.0, **others: Never) -> Any:
        if others:
            own = "BinaryProbs(y)" if isinstance(target, BinaryTarget) else "P"
            elsewhere.refuse_of("Smoothed", others, own, "epsilon")
        if isinstance(target, BinaryTarget | BinaryPrediction):
            return SmoothedBinary(standing(target), check_epsilon(epsilon))
        return super().__new__(cls)

    def __init__(self, target: Target | Prediction, epsilon: float, **others: Never) -> None:
        known = isinstance(target, Target)
        self.target = target if known else require_target(standing(target), "Smoothed")
        self.epsilon = check_epsilon(epsilon)

    def __repr__(self) -> str:
        return f"Smoothed({self.target!r}, {self.epsilon})"

    def events(self) -> tuple[int, ...]:
        return self.target.events()

    def plain(self) -> Plain | None:
        inner = self.target.plain() if self.__class__ is Smoothed else None
        if not isinstance(inner, Plain) or inner.epsilon or inner.class_weight is not None:
            return None
        return inner._replace(epsilon=self.epsilon)

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        return self.target.measure(xp, classes, weight).smoothed(xp, self.epsilon)

    def entropy_terms(
        self, xp: Verbs, classes: int | None, weight: Any = None
    ) -> tuple[Measure, Any]:
        if self.epsilon == 0.0:
            return self.target.entropy_terms(xp, classes, weight)
        if classes is None and not has_classes(self.target):
            raise ShapeError(
                "the entropy of a smoothed target depends on the number of classes, which labels "
                "do not say; write kl_divergence(p, q), whose q says it"
            )
        inner, cost = self.target.entropy_terms(xp, classes, weight)
        p, not_p = xp.exp(-cost), -xp.expm1(-cost)
        if inner.index is not None and inner.dense is None and not inner.background:
            # Of a class that is listed several times every entry has the whole probability.
            ones = xp.exp(0.0 * cost)
            times = xp.gather(xp.scatter(inner.index, ones, inner.classes), inner.index)
            not_p = 1.0 - xp.scatter(inner.index, (1.0 - not_p) / times, inner.classes)
            p = xp.scatter(inner.index, p / times, inner.classes)
        share = self.epsilon / inner.classes
        smooth = (1.0 - self.epsilon) * p + share
        missing = (1.0 - self.epsilon) * not_p + (self.epsilon - share)
        return inner.smoothed(xp, self.epsilon), self_information(xp, smooth, missing)


def check_epsilon(epsilon: float) -> float:
    """A share of the mass, in [0, 1]."""
    share = options.number(epsilon, "epsilon", "a share in [0, 1]")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the share epsilon that Smoothed spreads lies in [0, 1], got {share!r}")
    return share


def has_classes(target: Target) -> bool:
    """Whether the target itself says how many classes there are."""
    while isinstance(target, Smoothed | Weighted):
        target = target.target
    return isinstance(target, Probs | Predicted)


class Weighted(Target):
    """Weights as mass: an event of weight w counts w times, in sums and in means.

    p'_j = sample_weight · class_weight_j · p_j. `sample_weight` has the shape of the events,
    `class_weight` is [K]; for binary targets it is the pair (negative, positive), each a number or
    an array. The mean then divides by Σ mass, so weighted means are right by construction.

    Raises:
        PairError: what it wraps is no target.
        ProbabilityError: a negative weight.
        ShapeError: a weight of another shape.

    Examples:
        >>> import plogq
        >>> p = plogq.Weighted(plogq.Labels([1, 0]), sample_weight=[3.0, 1.0])
        >>> q = plogq.Logits([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]])
        >>> plogq.cross_entropy(p, q).round(6)
        np.float64(0.050406)
    """

    __slots__ = ("class_weight", "sample_weight", "target")
    holds = ("target", "sample_weight", "class_weight")

    def __new__(
        cls,
        target: Any = None,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        **others: Never,
    ) -> Any:
        if others:
            own = "BinaryProbs(y)" if isinstance(target, BinaryTarget) else "P"
            elsewhere.refuse_of("Weighted", others, own, "sample_weight", "class_weight")
        if isinstance(target, BinaryTarget | BinaryPrediction):
            return WeightedBinary(standing(target), sample_weight, class_weight)
        return super().__new__(cls)

    def __init__(
        self,
        target: Target | Prediction,
        *,
        sample_weight: Any = None,
        class_weight: Any = None,
        **others: Never,
    ) -> None:
        known = isinstance(target, Target)
        self.target = target if known else require_target(standing(target), "Weighted")
        self.sample_weight = weight_array(sample_weight, "sample_weight")
        self.class_weight = weight_array(in_order(class_weight), "class_weight")
        if self.class_weight is not None and self.class_weight.ndim != 1:
            raise ShapeError(
                "class_weight holds one weight per class, shape (K,), got shape "
                f"{tuple(self.class_weight.shape)}; weights per event go in sample_weight"
            )

    def __repr__(self) -> str:
        return (
            f"Weighted({self.target!r}, sample_weight={self.sample_weight!r}, "
            f"class_weight={self.class_weight!r})"
        )

    def events(self) -> tuple[int, ...]:
        return self.target.events()

    def plain(self) -> Plain | None:
        inner = self.target.plain() if self.__class__ is Weighted else None
        if not isinstance(inner, Plain):
            return None
        if inner.sample_weight is not None or inner.class_weight is not None:
            return None
        return inner._replace(sample_weight=self.sample_weight, class_weight=self.class_weight)

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        weight = both_weights(xp, self.sample_weight, weight)
        return self._weigh(xp, self.target.measure(xp, classes, weight), weight)

    def _weigh(self, xp: Verbs, inner: Measure, weight: Any) -> Measure:
        if self.class_weight is not None:
            shape = xp.shape(self.class_weight)
            if shape != (inner.classes,):
                raise ShapeError(f"class_weight has {shape[0]} weights for {inner.classes} classes")
            nothing = None if weight is None else xp.equal(weight, 0.0)
            inner = inner.class_weighted(xp, xp.weights(self.class_weight), nothing)
        if self.sample_weight is not None:
            shape = xp.shape(self.sample_weight)
            if shape != inner.events:
                raise ShapeError(
                    f"sample_weight must have the shape of the events {inner.events}, got {shape}; "
                    "nothing is broadcast"
                )
            inner = inner.scaled(xp, xp.weights(self.sample_weight))
        return inner

    def entropy_terms(
        self, xp: Verbs, classes: int | None, weight: Any = None
    ) -> tuple[Measure, Any]:
        weight = both_weights(xp, self.sample_weight, weight)
        if classes is None and self.class_weight is not None and not has_classes(self.target):
            # The class weights say how many classes there are.
            classes = int(self.class_weight.shape[0])
        inner, cost = self.target.entropy_terms(xp, classes, weight)
        return self._weigh(xp, inner, weight), cost
