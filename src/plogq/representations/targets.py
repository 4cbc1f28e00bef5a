"""P: what is true, over K exclusive classes.

A target is a linear functional on costs. Each class here says how what it stores becomes a
`Measure`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Never

from .. import checks, elsewhere, options
from ..algebra.labels import label_range, listed, marked, marks
from ..algebra.limits import self_information, without_junk
from ..algebra.measure import Measure
from ..algebra.plain import AnyPlain, Plain, PlainRows
from ..algebra.scores import Scores
from ..errors import DtypeError, PairError
from ..frameworks import Verbs, as_array, ready, verbs
from .base import Look, Prediction, Representation, classes_on
from .known import as_named, marks_of, usual_tolerance


class Target(Representation, ABC):
    """A distribution over K exclusive classes, times a mass, for every event."""

    __slots__ = ()

    @abstractmethod
    def events(self) -> tuple[int, ...]:
        """The shape of the events."""

    @abstractmethod
    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        """This target over `classes` classes, as the contract has it.

        `weight` is what its events are to be multiplied by (None: not known, or 1): of an event
        that weighs 0 no value is looked at.

        Raises:
            LabelError: a label outside the classes.
            ProbabilityError: a row that is no distribution, or a negative weight.
        """

    def entropy_terms(
        self, xp: Verbs, classes: int | None, weight: Any = None
    ) -> tuple[Measure, Any]:
        """The measure, and -log p of the distribution at what the measure stores.

        The second array has the shape of the measure's `index` for a sparse measure, and
        [*events, K] for any other. `classes` is None where the number of classes is not known.

        Raises:
            PairError: a target defined elsewhere that does not say its entropy.
        """
        raise PairError(
            f"{type(self).__name__} does not say what its entropy is made of; define entropy_terms "
            "beside measure, or ask for cross_entropy, which does not need it"
        )

    def plain(self) -> AnyPlain | None:
        """This target as what targets mostly are, or None where it is more than that."""
        return None

    def beside(self, xp: Verbs, q: Prediction) -> Target:
        """This target once it is known which classes Q rules out."""
        return self

    def bucket(self) -> Any:
        """The classes [*events, T] beside which all others are one outcome; None for no such."""
        return None

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
    `ignore`, or to one of several in a tuple, have mass 0: their loss and gradient are 0 and means
    leave them out. Negative labels do not wrap.

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
    holds = ("index",)
    settings = ("ignore",)

    def __init__(
        self, index: Any, *, ignore: int | Sequence[int] | None = None, **others: Never
    ) -> None:
        if others:
            elsewhere.refuse_of("Labels", others, "Labels(y)", "ignore")
        if ignore is not None and ignore.__class__ is not int:
            ignore = options.integers(ignore, "ignore")
        self.ignore: Any = ignore
        if ready(index, "integer") is not None:
            self.index = index
            return
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

    def __repr__(self) -> str:
        return f"Labels({self.index!r}, ignore={self.ignore})"

    def events(self) -> tuple[int, ...]:
        return verbs(self.index).shape(self.index)

    def plain(self) -> Plain | None:
        if self.__class__ is not Labels:
            return None
        if self.ignore is None:
            return as_named(Plain, (self.index, (), 0.0, None, None))
        return as_named(Plain, (self.index, marks_of(self.index, self.ignore), 0.0, None, None))

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        index, value = checked_labels(xp, self.index, classes, self.ignore, weight)
        return Measure(
            xp.shape(self.index),
            classes,
            index=xp.expand(index),
            value=None if value is None else xp.expand(value),
        )

    def entropy_terms(
        self, xp: Verbs, classes: int | None, weight: Any = None
    ) -> tuple[Measure, Any]:
        events = self.events()
        certain = xp.full((*events, 1), 0.0, self.index)
        if classes is not None:
            return self.measure(xp, classes, weight), certain
        # Which class it is does not matter to the entropy of a certain event.
        ignored = marks(xp.dtype_name(self.index), self.ignore)
        kept = ~marked(xp, xp.indices(self.index), ignored) if ignored else None
        value = None if kept is None else xp.expand(xp.weights(kept))
        return Measure(events, 1, index=xp.indices(certain), value=value), certain


def checked_labels(
    xp: Verbs, index: Any, classes: int, ignore: int | tuple[int, ...] | None, weight: Any
) -> tuple[Any, Any]:
    """Labels as indices within [0, classes), and the mass of each, None for 1 throughout.

    Where values cannot be looked at, a label out of range has mass NaN (N5). The indices lie in
    memory of their own: what has been checked must not change before it is used.
    """
    ignored = () if ignore is None else marks(xp.dtype_name(index), ignore)
    if not (checks.known(xp, index) and (weight is None or checks.known(xp, weight))):
        index, mass = xp.unread_labels(index, classes, ignored, weight)
        return index, mass if weight is None else without_junk(xp, xp.equal(weight, 0.0), mass)
    own = xp.owned(index)
    within = label_range(xp.host, own, classes, () if ignore is None else listed(ignore), weight)
    index = xp.indices(own)
    if not ignored and within:
        return index, None
    kept = (index >= 0) & (index < classes)
    if ignored:
        kept = kept & ~marked(xp, index, ignored)
    return xp.where(kept, index, 0), xp.weights(kept)


class Probs(Target, Prediction):
    """A distribution over the classes for every event, as probabilities.

    As P: H(P, Q) = -Σ_j p_j log q_j. As Q: H(P, Q) = -Σ_j p_j log q_j with q as given, never
    clipped and never renormalised, so q_j = 0 where p_j > 0 costs ∞. `probs` is any floating dtype,
    or one-hot rows of integers or booleans, with the classes on `axis`; a row that leaves [0, 1] or
    does not sum to 1 is refused (see `validation`). How near 1 is near enough follows from how the
    values are rounded, unless `tolerance` says it: rounding to three decimals moves the sum of 10
    classes by up to 0.005.

    Raises:
        DtypeError: probabilities that are not floating point.
        ProbabilityError: when paired, for a row that is no distribution.
        ShapeError: no such axis.

    Examples:
        >>> import plogq
        >>> plogq.cross_entropy(plogq.Labels([1]), plogq.Probs([[0.1, 0.8, 0.1]])).round(10)
        np.float64(0.2231435513)
    """

    __slots__ = ("axis", "probs", "tolerance")
    holds = ("probs",)
    settings = ("axis", "tolerance")

    def __init__(
        self, probs: Any, *, axis: int = -1, tolerance: float | None = None, **others: Never
    ) -> None:
        if others:
            elsewhere.refuse_of("Probs", others, "Probs(p)", "axis", "tolerance")
        usual = tolerance is None and axis.__class__ is int
        if usual and ready(probs, "float", axis) is not None:
            self.probs, self.axis, self.tolerance = probs, axis, None
            return
        self.probs = as_array(probs, "Probs")
        xp = verbs(self.probs)
        self.axis = checks.axis_number(axis, "Probs")
        if xp.is_integer(self.probs) or xp.is_bool(self.probs):
            checks.class_axis(tuple(self.probs.shape), axis, "Probs")
            if checks.one_hot(xp, self.probs, axis):
                self.probs = xp.to_dtype(self.probs, "float32")
        checks.floating(
            xp,
            self.probs,
            "Probs",
            "write Labels(y) for class indices; one-hot rows, whose entries are 0 and a single 1, "
            "may be integers",
        )
        self.tolerance = checks.tolerance(tolerance)
        checks.class_axis(tuple(self.probs.shape), axis, "Probs")

    def __repr__(self) -> str:
        return f"Probs({self.probs!r}, axis={self.axis}, tolerance={self.tolerance})"

    def events(self) -> tuple[int, ...]:
        shape = verbs(self.probs).shape(self.probs)
        axis = self.axis % len(shape)
        return shape[:axis] + shape[axis + 1 :]

    def plain(self) -> AnyPlain | None:
        if self.__class__ is not Probs:
            return None
        if self.tolerance is not None:
            return PlainRows(self.probs, self.axis, self.tolerance)
        return PlainRows(self.probs, self.axis, usual_tolerance(self.probs))

    def look(self) -> Look:
        return classes_on(self.probs, self.axis)

    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> Scores:
        if checks.checked(xp, self.probs):
            check_rows(xp, self, "Probs (as Q)", mass)
        return Scores("probs", self.probs, self.axis % self.probs.ndim)

    def possible(self, xp: Verbs) -> Any:
        return xp.to_last(self.probs, self.axis) > 0

    def class_count(self) -> int:
        return verbs(self.probs).shape(self.probs)[self.axis]

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        axis = self.axis % self.probs.ndim
        sums = check_rows(xp, self, "Probs (as P)", lambda: weight)
        if weight is not None:
            sums = xp.row_sums(self.probs, axis)[0] if sums is None else sums
            sums = without_junk(xp, xp.equal(weight, 0.0), sums)
        return Measure(self.events(), classes, dense=self.probs, axis=axis, sums=sums)

    def entropy_terms(
        self, xp: Verbs, classes: int | None, weight: Any = None
    ) -> tuple[Measure, Any]:
        if self.class_count() == 0:
            checks.class_count(0, "Probs")
        measure = self.measure(xp, self.class_count(), weight)
        return measure, self_information(
            xp, weighing(xp, xp.to_last(self.probs, self.axis), weight)
        )


def check_rows(xp: Verbs, probs: Probs, role: str, weight: Callable[[], Any]) -> Any:
    """The sums of the rows of `probs`, or None where checks are off.

    `weight` is asked where a row is no distribution: one that weighs 0 need not be.

    Raises:
        ProbabilityError: a row that is no distribution.
    """
    if not checks.checked(xp, probs.probs):
        return None
    axis = probs.axis % probs.probs.ndim
    sums, least = xp.row_sums(probs.probs, axis)
    checks.distribution(xp, probs.probs, axis, sums, least, role, probs.tolerance, weight)
    return sums


def weighing(xp: Verbs, probs: Any, weight: Any) -> Any:
    """Probabilities, and 0 for those of an event that weighs nothing, whatever stands there."""
    p = xp.weights(probs)
    return p if weight is None else xp.where(xp.expand(xp.equal(weight, 0.0)), 0.0, p)


def weight_array(weight: Any, role: str) -> Any:
    """`weight` as an array of numbers that are not negative, or None."""
    if weight is None:
        return None
    xp = ready(weight, "float")
    if xp is None:
        weight = as_array(weight, role)
        xp = verbs(weight)
    if not (xp.is_float(weight) or xp.is_integer(weight) or xp.is_bool(weight)):
        raise DtypeError(f"{role} must be numbers, got {xp.dtype_name(weight)}")
    if checks.checked(xp, weight):
        checks.not_negative(xp, weight, role)
    return weight


def both_weights(xp: Verbs, own: Any, outer: Any) -> Any:
    """What events are multiplied by, of a wrapper's own weights and those around it."""
    if own is None or outer is None:
        return outer if own is None else xp.weights(own)
    return xp.times(xp.weights(own), outer)


def sample_weight(xp: Verbs, p: Any) -> Any:
    """What the events of a target are multiplied by, over all of its wrappers; None for 1."""
    weight = None
    while hasattr(p, "target"):
        weight = both_weights(xp, getattr(p, "sample_weight", None), weight)
        p = p.target
    return weight
