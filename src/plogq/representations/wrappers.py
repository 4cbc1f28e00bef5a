"""Smoothed and Weighted: changes of P, whatever P is.

A wrapper changes the measure of the target that it wraps, so that weights, smoothing and ignored
labels combine freely and mean the same thing in every combination. Around a yes/no target it makes
the wrapper of that kind (`binary.py`).
"""

from __future__ import annotations

from typing import Any, Never

from .. import checks, elsewhere, options
from ..algebra.limits import self_information
from ..algebra.measure import Measure
from ..algebra.plain import Plain
from ..class_weights import in_order
from ..errors import PairError, ProbabilityError, ShapeError
from ..frameworks import Verbs, verbs
from ..frameworks.numpy import rounding
from .base import BinaryPrediction, Prediction, like
from .binary import BinaryTarget, SmoothedBinary, WeightedBinary
from .predicted import Predicted, standing
from .targets import Probs, Target, both_weights, check_rows, require_target, weight_array


class Smoothed(Target):
    """Label smoothing: a share epsilon of the mass is spread evenly over the K classes.

    p'_j = (1 - epsilon) · p_j + epsilon · mass / K (Szegedy et al. 2016), for whatever target it
    wraps; mass, and so every mean, is unchanged, and an ignored label stays ignored. `to` says
    where the share goes instead: a distribution over the classes [K], or one for every event
    [*events, K]; "possible" for the classes that Q does not rule out by a score of -∞, evenly; for
    yes/no targets the probability of yes, 1/2 by itself.

    Raises:
        PairError: what it wraps is no target; "possible" where no Q says what is.
        ProbabilityError: a `to` that is no distribution.
        ShapeError: a `to` of other classes or events.
        ValueError: epsilon outside [0, 1].

    Examples:
        >>> import plogq
        >>> p = plogq.Smoothed(plogq.Labels([1]), 0.1)
        >>> plogq.cross_entropy(p, plogq.Logits([[2.0, 5.0, 1.0]])).round(6)
        np.float64(0.299217)
        >>> p = plogq.Smoothed(plogq.Labels([1]), 0.1, to="possible")
        >>> plogq.cross_entropy(p, plogq.Logits([[2.0, 5.0, float("-inf")]])).round(6)
        np.float64(0.198587)
    """

    __slots__ = ("epsilon", "over", "target", "to")
    holds = ("target", "to")
    settings = ("epsilon", "over")

    # Copying and pickling call __new__ without arguments.
    def __new__(
        cls, target: Any = None, epsilon: float = 0.0, *, to: Any = None, **others: Never
    ) -> Any:
        if others:
            own = "BinaryProbs(y)" if isinstance(target, BinaryTarget) else "P"
            elsewhere.refuse_of("Smoothed", others, own, "epsilon", "to")
        if isinstance(target, BinaryTarget | BinaryPrediction):
            return SmoothedBinary(standing(target), check_epsilon(epsilon), check_share(to))
        return super().__new__(cls)

    def __init__(
        self, target: Target | Prediction, epsilon: float, *, to: Any = None, **others: Never
    ) -> None:
        known = isinstance(target, Target)
        self.target = target if known else require_target(standing(target), "Smoothed")
        self.epsilon = check_epsilon(epsilon)
        self.over = to if isinstance(to, str) else None
        if self.over not in (None, "possible"):
            raise ValueError(
                f'to takes a distribution over the classes, or "possible", got {options.shown(to)}'
            )
        self.to = None if to is None or self.over else prior(to)

    def __repr__(self) -> str:
        to = self.to if self.over is None else self.over
        return f"Smoothed({self.target!r}, {self.epsilon}, to={to!r})"

    def events(self) -> tuple[int, ...]:
        return self.target.events()

    def plain(self) -> Plain | None:
        inner = self.target.plain() if self.__class__ is Smoothed else None
        if not isinstance(inner, Plain) or inner.epsilon or inner.class_weight is not None:
            return None
        if self.over or self.to is not None:
            return None
        return inner._replace(epsilon=self.epsilon)

    def beside(self, xp: Verbs, q: Prediction) -> Target:
        inner = self.target.beside(xp, q)
        if not self.over:
            return self if inner is self.target else like(self, (inner, self.to))
        found = q.possible(xp)
        if found is None:
            return Smoothed(inner, self.epsilon)
        made = Smoothed(inner, self.epsilon)
        kept = xp.weights(found)
        count = xp.expand(xp.sum_classes(kept)) if kept.ndim > 1 else xp.total(kept)
        with xp.quiet():
            share = kept / xp.where(xp.equal(count, 0.0), 1.0, count)
        made.to = xp.cast_like(share, xp.statistics(q.look().array))
        return made

    def bucket(self) -> Any:
        if self.target.bucket() is None:
            return None
        raise PairError(
            "the classes of a bucket are one outcome, over which no share is spread; write "
            'SparseProbs(index, p, tail="even") inside Smoothed'
        )

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        return self.target.measure(xp, classes, weight).smoothed(
            xp, self.epsilon, self._spread(xp, classes)
        )

    def _spread(self, xp: Verbs, classes: int) -> Any:
        """Where the share goes, once it is known to have a place for every class."""
        if self.over:
            raise PairError(
                'which classes are possible is what Q says, and none is here that does: "possible" '
                "goes with stored scores or LinearLogits in cross_entropy and kl_divergence; else "
                "give the probabilities of the classes, to=prior"
            )
        if self.to is None:
            return None
        shape = xp.shape(self.to)
        if shape not in ((classes,), (*self.events(), classes)):
            raise ShapeError(
                f"to is a distribution over the {classes} classes, shape ({classes},), or one for "
                f"every event, shape {(*self.events(), classes)}, got {shape}"
            )
        return self.to

    def entropy_terms(
        self, xp: Verbs, classes: int | None, weight: Any = None
    ) -> tuple[Measure, Any]:
        if self.epsilon == 0.0:
            return self.target.entropy_terms(xp, classes, weight)
        if classes is None and self.to is not None:
            classes = xp.shape(self.to)[-1]
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
        to = self._spread(xp, inner.classes)
        share = self.epsilon / inner.classes if to is None else self.epsilon * xp.weights(to)
        smooth = (1.0 - self.epsilon) * p + share
        missing = (1.0 - self.epsilon) * not_p + (self.epsilon - share)
        return inner.smoothed(xp, self.epsilon, to), self_information(xp, smooth, missing)


def check_epsilon(epsilon: float) -> float:
    """A share of the mass, in [0, 1]."""
    share = options.number(epsilon, "epsilon", "a share in [0, 1]")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the share epsilon that Smoothed spreads lies in [0, 1], got {share!r}")
    return share


def check_share(to: Any) -> float:
    """The probability of yes that a share of yes/no outcomes is spread with."""
    share = 0.5 if to is None else options.number(to, "to", "the probability of yes, in [0, 1]")
    if not 0.0 <= share <= 1.0:
        raise ProbabilityError(f"to is the probability of yes, in [0, 1], got {share!r}")
    return share


def prior(to: Any) -> Any:
    """A distribution over the classes, or one for every event, classes last."""
    probs = Probs(to)
    x, xp = probs.probs, verbs(probs.probs)
    if x.ndim > 1 or not checks.checked(xp, x):
        check_rows(xp, probs, "to of Smoothed", lambda: None)
        return x
    sums, least = (float(xp.host(v)) for v in xp.row_sums(x, 0))
    if not (least >= 0 and abs(sums - 1.0) <= rounding.usual(xp.epsilon(x))):
        raise ProbabilityError(
            f"to of Smoothed is a distribution over the classes, got one that sums to {sums:.6g} "
            f"and goes down to {least:.6g}; write to=n / n.sum() for counts n"
        )
    return x


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

    def beside(self, xp: Verbs, q: Prediction) -> Target:
        inner = self.target.beside(xp, q)
        if inner is self.target:
            return self
        return like(self, (inner, self.sample_weight, self.class_weight))

    def bucket(self) -> Any:
        found = self.target.bucket()
        if found is not None and self.class_weight is not None:
            raise PairError(
                "the classes of a bucket are one outcome, of which no class has a weight of its "
                'own; write SparseProbs(index, p, tail="even") inside Weighted'
            )
        return found

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
