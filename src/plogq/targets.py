"""P: what is true, over K exclusive classes.

A target is a linear functional on costs. Each class here says how what it stores becomes a
`Measure`; the wrappers change the measure of the target that they wrap, so that weights, smoothing
and ignored labels combine freely and mean the same thing in every combination.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from operator import index as index_of
from typing import Any

from . import checks
from .arrays import Verbs, as_array, verbs
from .errors import DtypeError, PairError, ShapeError
from .kernels.contract import Background, Measure
from .kernels.sums import row_sums


class Target(ABC):
    """A distribution over K exclusive classes, times a mass, for every event."""

    __slots__ = ()

    @abstractmethod
    def arrays(self) -> tuple[Any, ...]:
        """The arrays that this target holds; the first says which framework it belongs to."""

    @abstractmethod
    def events(self) -> tuple[int, ...]:
        """The shape of the events."""

    @abstractmethod
    def measure(self, xp: Verbs, classes: int) -> Measure:
        """This target over `classes` classes, as the contract has it.

        Raises:
            LabelError: a label outside the classes.
            ProbabilityError: a row that is no distribution, or a negative weight.
        """

    @abstractmethod
    def entropy_terms(self, xp: Verbs, classes: int | None) -> tuple[Measure, Any]:
        """The measure, and -log p of the distribution at what the measure stores.

        The second array has the shape of the measure's `index` for a sparse measure, and
        [*events, K] for any other. `classes` is None where the number of classes is not known.
        """

    def needs(self) -> str:
        """What this target is called in a message, with its shape."""
        return f"{type(self).__name__}{tuple(self.arrays()[0].shape)}"


def require_target(value: Any, where: str) -> Target:
    """`value`, or a sentence that says which types would fit."""
    if isinstance(value, Target):
        return value
    raise PairError(
        f"{where} takes a target (Labels, Probs, SparseProbs, Smoothed, Weighted), "
        f"got {type(value).__name__}"
    )


class Labels(Target):
    """One class index per event: P puts all its mass on class y.

    H(P, Q) = -log q_y. `index` has the shape of the events, any integer dtype. Labels equal to
    `ignore` have mass 0: their loss and gradient are 0 and means leave them out. Negative labels
    do not wrap.

    Raises:
        DtypeError: labels that are not integers.
        LabelError: when paired with a prediction that has no such class.

    Examples:
        >>> import numpy as np, plogq
        >>> scores = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]])
        >>> plogq.cross_entropy(plogq.Labels([1, 0]), plogq.Logits(scores)).round(10)
        np.float64(0.0349290936)
    """

    __slots__ = ("ignore", "index")

    def __init__(self, index: Any, *, ignore: int | None = None) -> None:
        self.index = as_array(index, "Labels")
        xp = verbs(self.index)
        if not xp.is_integer(self.index):
            if xp.is_bool(self.index):
                instead = "for yes/no outcomes write BinaryProbs(y)"
            elif xp.is_float(self.index):
                instead = (
                    "write Labels(y.astype(int)) if these are class indices, "
                    "Probs(p) if they are probabilities"
                )
            else:
                instead = "give every class its index 0…K-1"
            checks.integral(xp, self.index, "Labels", instead)
        try:
            self.ignore = None if ignore is None else index_of(ignore)
        except TypeError:
            raise DtypeError(f"ignore must be one integer or None, got {ignore!r}") from None

    def __repr__(self) -> str:
        return f"Labels({self.index!r}, ignore={self.ignore})"

    def arrays(self) -> tuple[Any, ...]:
        return (self.index,)

    def events(self) -> tuple[int, ...]:
        return tuple(self.index.shape)

    def measure(self, xp: Verbs, classes: int) -> Measure:
        checks.label_range(xp, self.index, classes, self.ignore)
        events = tuple(self.index.shape)
        if self.ignore is None:
            return Measure(events, classes, index=xp.expand(xp.indices(self.index)))
        kept = self.index != self.ignore
        index = xp.where(kept, self.index, 0)
        return Measure(
            events,
            classes,
            index=xp.expand(xp.indices(index)),
            value=xp.expand(xp.weights(kept)),
        )

    def entropy_terms(self, xp: Verbs, classes: int | None) -> tuple[Measure, Any]:
        events = tuple(self.index.shape)
        if classes is None:
            # Which class it is does not matter to the entropy of a certain event.
            index, classes = xp.full(events, 0.0), 1
        else:
            index = (
                xp.where(self.index == self.ignore, 0, self.index)
                if self.ignore is not None
                else self.index
            )
        value = None if self.ignore is None else xp.expand(xp.weights(self.index != self.ignore))
        measure = Measure(events, classes, index=xp.expand(xp.indices(index)), value=value)
        return measure, xp.full((*events, 1), 0.0)


class Probs(Target):
    """A distribution over the classes for every event, as probabilities.

    As P: H(P, Q) = -Σ_j p_j log q_j. As Q: H(P, Q) = -Σ_j p_j log q_j with q as given, never
    clipped and never renormalised, so q_j = 0 where p_j > 0 costs ∞. `probs` is any floating dtype
    with the classes on `axis`; a row that leaves [0, 1] or does not sum to 1 within the square
    root of its dtype's epsilon is refused (see `validation`).

    Raises:
        DtypeError: probabilities that are not floating point.
        ProbabilityError: when paired, for a row that is no distribution.
        ShapeError: no such axis.

    Examples:
        >>> import plogq
        >>> plogq.cross_entropy(plogq.Labels([1]), plogq.Probs([[0.1, 0.8, 0.1]])).round(10)
        np.float64(0.2231435513)
    """

    __slots__ = ("axis", "probs")

    def __init__(self, probs: Any, *, axis: int = -1) -> None:
        self.probs = as_array(probs, "Probs")
        xp = verbs(self.probs)
        checks.floating(
            xp,
            self.probs,
            "Probs",
            "write Labels(y) for class indices, Probs(onehot.astype(float)) for one-hot rows",
        )
        self.axis = axis
        checks.class_axis(tuple(self.probs.shape), axis, "Probs")

    def __repr__(self) -> str:
        return f"Probs({self.probs!r}, axis={self.axis})"

    def arrays(self) -> tuple[Any, ...]:
        return (self.probs,)

    def events(self) -> tuple[int, ...]:
        shape = tuple(self.probs.shape)
        axis = self.axis % len(shape)
        return shape[:axis] + shape[axis + 1 :]

    def class_count(self) -> int:
        return int(self.probs.shape[self.axis])

    def measure(self, xp: Verbs, classes: int) -> Measure:
        return Measure(
            self.events(),
            classes,
            dense=self.probs,
            axis=self.axis % self.probs.ndim,
            sums=check_rows(xp, self, "Probs (as P)"),
        )

    def entropy_terms(self, xp: Verbs, classes: int | None) -> tuple[Measure, Any]:
        measure = self.measure(xp, self.class_count())
        return measure, -xp.log(xp.weights(xp.to_last(self.probs, self.axis)))


def check_rows(xp: Verbs, probs: Probs, role: str) -> Any:
    """The sums of the rows of `probs`, refused where checks are on and a row is no distribution."""
    sums, least = row_sums(xp, probs.probs, probs.axis % probs.probs.ndim)
    if checks.checked():
        checks.distribution(xp, sums, least, xp.epsilon(probs.probs), role)
    return sums


class SparseProbs(Target):
    """A soft target with few classes per event: T indices and their probabilities.

    H(P, Q) = -Σ_t p_t log q_{index_t}; every other class has probability 0, and nothing is
    renormalised. `index` [*events, T] has any integer dtype, `probs` the same shape and any
    floating dtype. Top-k targets of a teacher may sum to less than 1; that sum is their mass.

    Raises:
        DtypeError: indices that are not integers, or probabilities that are not floating point.
        LabelError: when paired with a prediction that has no such class.
        ShapeError: the two shapes differ.

    Examples:
        >>> import plogq
        >>> p = plogq.SparseProbs([[0, 2]], [[0.75, 0.25]])
        >>> plogq.cross_entropy(p, plogq.Logits([[1.0, 0.0, 1.0]])).round(6)
        np.float64(0.861995)
    """

    __slots__ = ("index", "probs")

    def __init__(self, index: Any, probs: Any) -> None:
        self.index = as_array(index, "SparseProbs index")
        self.probs = as_array(probs, "SparseProbs probs")
        xp = verbs(self.index)
        checks.integral(xp, self.index, "SparseProbs index", "the first argument is the classes")
        checks.floating(
            verbs(self.probs), self.probs, "SparseProbs probs", "write probs.astype(float)"
        )
        if tuple(self.index.shape) != tuple(self.probs.shape) or self.index.ndim == 0:
            raise ShapeError(
                "SparseProbs takes index and probs of one shape [*events, T], got "
                f"{tuple(self.index.shape)} and {tuple(self.probs.shape)}"
            )

    def __repr__(self) -> str:
        return f"SparseProbs({self.index!r}, {self.probs!r})"

    def arrays(self) -> tuple[Any, ...]:
        return (self.index, self.probs)

    def events(self) -> tuple[int, ...]:
        return tuple(self.index.shape)[:-1]

    def measure(self, xp: Verbs, classes: int) -> Measure:
        checks.label_range(xp, self.index, classes, None)
        if checks.checked():
            checks.not_negative(xp, self.probs, "SparseProbs probs")
        return Measure(
            self.events(),
            classes,
            index=xp.indices(self.index),
            value=xp.weights(self.probs),
        )

    def entropy_terms(self, xp: Verbs, classes: int | None) -> tuple[Measure, Any]:
        known = classes if classes is not None else int(self.index.max(initial=0)) + 1
        # An index that is listed twice is one class, whose probability is the sum.
        same = xp.weights(self.index[..., :, None] == self.index[..., None, :])
        p = xp.sum_classes(same * xp.weights(self.probs)[..., None, :])
        return self.measure(xp, known), -xp.log(p)


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

    # Copying and pickling call __new__ without arguments.
    def __new__(cls, target: Any = None, epsilon: float = 0.0) -> Any:
        from .binary import BinaryTarget, SmoothedBinary

        if isinstance(target, BinaryTarget):
            return SmoothedBinary(target, check_epsilon(epsilon))
        return super().__new__(cls)

    def __init__(self, target: Target, epsilon: float) -> None:
        self.target = require_target(target, "Smoothed")
        self.epsilon = check_epsilon(epsilon)

    def __repr__(self) -> str:
        return f"Smoothed({self.target!r}, {self.epsilon})"

    def arrays(self) -> tuple[Any, ...]:
        return self.target.arrays()

    def events(self) -> tuple[int, ...]:
        return self.target.events()

    def measure(self, xp: Verbs, classes: int) -> Measure:
        return self._smooth(xp, self.target.measure(xp, classes))

    def _smooth(self, xp: Verbs, inner: Measure) -> Measure:
        if self.epsilon == 0.0:
            return inner
        kept = inner.scaled(xp, 1.0 - self.epsilon)
        share = Background(inner.mass(xp) * (self.epsilon / inner.classes))
        if kept.background and kept.background[-1].classes is None:
            share = Background(kept.background[-1].factor + share.factor)
            return replace(kept, background=(*kept.background[:-1], share))
        return replace(kept, background=(*kept.background, share))

    def entropy_terms(self, xp: Verbs, classes: int | None) -> tuple[Measure, Any]:
        if self.epsilon == 0.0:
            return self.target.entropy_terms(xp, classes)
        if classes is None and not has_classes(self.target):
            raise ShapeError(
                "the entropy of a smoothed target depends on the number of classes, which labels "
                "do not say; write kl_divergence(p, q), whose q says it"
            )
        inner, cost = self.target.entropy_terms(xp, classes)
        if inner.index is not None and inner.dense is None and not inner.background:
            p = xp.scatter(inner.index, xp.exp(-cost), inner.classes)
        else:
            p = xp.exp(-cost)
        smooth = (1.0 - self.epsilon) * p + self.epsilon / inner.classes
        return self._smooth(xp, inner), -xp.log(smooth)


def check_epsilon(epsilon: float) -> float:
    """A share of the mass, in [0, 1]."""
    if not 0.0 <= epsilon <= 1.0:
        raise ValueError(f"the share epsilon that Smoothed spreads lies in [0, 1], got {epsilon!r}")
    return float(epsilon)


def has_classes(target: Target) -> bool:
    """Whether the target itself says how many classes there are."""
    while isinstance(target, Smoothed | Weighted):
        target = target.target
    return isinstance(target, Probs)


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

    def __new__(
        cls, target: Any = None, *, sample_weight: Any = None, class_weight: Any = None
    ) -> Any:
        from .binary import BinaryTarget, WeightedBinary

        if isinstance(target, BinaryTarget):
            return WeightedBinary(target, sample_weight, class_weight)
        return super().__new__(cls)

    def __init__(
        self, target: Target, *, sample_weight: Any = None, class_weight: Any = None
    ) -> None:
        self.target = require_target(target, "Weighted")
        self.sample_weight = weight_array(sample_weight, "sample_weight")
        self.class_weight = weight_array(class_weight, "class_weight")
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

    def arrays(self) -> tuple[Any, ...]:
        weights = (self.sample_weight, self.class_weight)
        return (*self.target.arrays(), *(w for w in weights if w is not None))

    def events(self) -> tuple[int, ...]:
        return self.target.events()

    def measure(self, xp: Verbs, classes: int) -> Measure:
        return self._weigh(xp, self.target.measure(xp, classes))

    def _weigh(self, xp: Verbs, inner: Measure) -> Measure:
        if self.class_weight is not None:
            shape = tuple(self.class_weight.shape)
            if shape != (inner.classes,):
                raise ShapeError(f"class_weight has {shape[0]} weights for {inner.classes} classes")
            inner = inner.class_weighted(xp, xp.weights(self.class_weight))
        if self.sample_weight is not None:
            shape = tuple(self.sample_weight.shape)
            if shape != inner.events:
                raise ShapeError(
                    f"sample_weight must have the shape of the events {inner.events}, got {shape}; "
                    "nothing is broadcast"
                )
            inner = inner.scaled(xp, xp.weights(self.sample_weight))
        return inner

    def entropy_terms(self, xp: Verbs, classes: int | None) -> tuple[Measure, Any]:
        inner, cost = self.target.entropy_terms(xp, classes)
        if classes is None and self.class_weight is not None and not has_classes(self.target):
            # The class weights say how many classes there are.
            inner, cost = self.target.entropy_terms(xp, int(self.class_weight.shape[0]))
        return self._weigh(xp, inner), cost


def weight_array(weight: Any, role: str) -> Any:
    """`weight` as an array of numbers that are not negative, or None."""
    if weight is None:
        return None
    weight = as_array(weight, role)
    xp = verbs(weight)
    if not (xp.is_float(weight) or xp.is_integer(weight) or xp.is_bool(weight)):
        raise DtypeError(f"{role} must be numbers, got {xp.dtype_name(weight)}")
    if checks.checked():
        checks.not_negative(xp, weight, role)
    return weight
