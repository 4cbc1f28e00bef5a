"""SparseProbs: a soft target that lists the few classes that it has."""

from __future__ import annotations

from typing import Any, Never

from .. import checks, elsewhere, options
from ..algebra.coarse import Coarse, coarse
from ..algebra.formula import Formula
from ..algebra.limits import self_information, without_junk
from ..algebra.measure import Measure
from ..algebra.scores import Scores
from ..errors import PairError, ShapeError
from ..frameworks import Verbs, as_array, verbs
from ..frameworks.numpy import rounding
from .targets import Target, checked_labels, sample_weight, weighing

_MOST_CLASSES = 1 << 62
_TAILS = ("even", "bucket")


class SparseProbs(Target):
    """A soft target with few classes per event: T indices and their probabilities.

    H(P, Q) = -Σ_t p_t log q_{index_t}; every other class has probability 0, and nothing is
    renormalised. `index` [*events, T] has any integer dtype, `probs` the same shape and any
    floating dtype. Top-k targets of a teacher may sum to less than 1; that sum is their mass,
    unless `tail` says where the rest r = 1 - Σ_t p_t is: "even", the same for every class that is
    not listed; "bucket", those classes are one outcome, which costs -r log(1 - Σ_t q_{index_t}).
    The divergence from a bucket is that from r spread over its classes in proportion to Q. A class
    that is listed again counts once, with the sum of its probabilities. Lists are padded with a
    probability of 0, whose class may be any number; beside a tail it is one that is listed already.

    Raises:
        DtypeError: indices that are not integers, or probabilities that are not floating point.
        LabelError: when paired with a prediction that has no such class.
        PairError: a bucket where there are weights of classes, a z-loss, or scores that are not
            stored.
        ProbabilityError: a rest outside [0, 1].
        ShapeError: the two shapes differ.

    Examples:
        >>> import plogq
        >>> p = plogq.SparseProbs([[0, 2]], [[0.75, 0.25]])
        >>> plogq.cross_entropy(p, plogq.Logits([[1.0, 0.0, 1.0]])).round(6)
        np.float64(0.861995)
        >>> p = plogq.SparseProbs([[0]], [[0.75]], tail="bucket")
        >>> plogq.kl_divergence(p, plogq.Logits([[1.0, 0.0, 1.0]])).round(6)
        np.float64(0.221344)
    """

    __slots__ = ("index", "probs", "tail")
    holds = ("index", "probs")
    settings = ("tail",)

    def __init__(self, index: Any, probs: Any, *, tail: str | None = None, **others: Never) -> None:
        if others:
            elsewhere.refuse_of("SparseProbs", others, "SparseProbs(index, p)", "tail")
        if tail is not None and (not isinstance(tail, str) or tail not in _TAILS):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(
                f'tail takes "even", "bucket" or None, got {options.shown(tail)}; how much is left '
                "of 1 is found from probs"
            )
        self.tail = tail
        self.index = as_array(index, "SparseProbs index")
        self.probs = as_array(probs, "SparseProbs probs")
        xp = verbs(self.index)
        checks.integral(xp, self.index, "SparseProbs index", "the first argument is the classes")
        checks.floating(
            verbs(self.probs), self.probs, "SparseProbs probs", "write probs.astype(float)"
        )
        shapes = [verbs(x).shape(x) for x in self.arrays()]
        if shapes[0] != shapes[1] or self.index.ndim == 0:
            raise ShapeError(
                "SparseProbs takes index and probs of one shape [*events, T], got "
                f"{tuple(self.index.shape)} and {tuple(self.probs.shape)}"
            )

    def __repr__(self) -> str:
        return f"SparseProbs({self.index!r}, {self.probs!r}, tail={self.tail!r})"

    def events(self) -> tuple[int, ...]:
        return verbs(self.index).shape(self.index)[:-1]

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        each = None if weight is None else xp.expand(weight)
        counts = each
        if self.tail is None:
            # What has no probability pads a list, with any class or none. A tail asks for classes.
            counts = xp.weights(self.probs)
            counts = counts if each is None else xp.times(each, counts)
        index, known = checked_labels(xp, self.index, classes, None, counts)
        value = xp.weights(self.probs)
        if checks.checked(xp, self.probs):
            checks.not_negative(xp, self.probs, "SparseProbs probs", each)
        value = value if known is None else xp.times(known, value)
        value = value if each is None else without_junk(xp, xp.equal(each, 0.0), value)
        if self.tail is None:
            return Measure(self.events(), classes, index=index, value=value)
        rest = self._rest(xp, value, weight)
        if self.tail == "bucket":
            entries = xp.shape(index)[-1]
            last = xp.indices(xp.full((*self.events(), 1), entries, index))
            places = _longer(xp, xp.indices(xp.places(index)), last)
            value = _longer(xp, value, xp.expand(rest))
            return Measure(self.events(), entries + 1, places, value)
        measure = Measure(self.events(), classes, index=index, value=value)
        others = 1.0 - xp.weights(xp.scatter(index, xp.exp(0.0 * value), classes) > 0)
        count = xp.sum_classes(others)
        share = xp.where(xp.equal(count, 0.0), 0.0, rest / xp.where(count > 0, count, 1.0))
        # Ones and zeros are the same in half the memory.
        return measure.beside(xp, share, xp.to_dtype(others, "float16"))

    def bucket(self) -> Any:
        return self.index if self.tail == "bucket" else None

    def _rest(self, xp: Verbs, value: Any, weight: Any) -> Any:
        """What is left of 1 beside what is listed, of every event.

        Raises:
            ProbabilityError: less than nothing is left.
        """
        rest = 1.0 - xp.sum_classes(value)
        if checks.checked(xp, self.probs):
            checks.rest(xp, rest, rounding.usual(xp.epsilon(self.probs)), weight)
        return xp.where(rest > 0, rest, 0.0 * rest)

    def entropy_terms(
        self, xp: Verbs, classes: int | None, weight: Any = None
    ) -> tuple[Measure, Any]:
        y = xp.indices(self.index)
        # Where the number of classes is not known, any that is great enough will do.
        known = classes if classes is not None else _MOST_CLASSES
        # An index that is listed twice is one class, whose probability is the sum.
        p = weighing(xp, self.probs, weight)
        if self.index.shape[-1] not in (0, 1):
            place = xp.places(y)
            p = xp.gather(xp.scatter(place, p, xp.shape(y)[-1]), place)
        measure = self.measure(xp, known, weight)
        if self.tail is None:
            return measure, self_information(xp, p)
        if self.tail == "bucket":
            return measure, self_information(xp, _longer(xp, p, measure.values(xp)[..., -1:]))
        if classes is None:
            raise ShapeError(
                "the entropy of an even tail depends on the number of classes, which the listed "
                "ones do not say; write kl_divergence(p, q), whose q says it"
            )
        sparse, even = measure.dense_parts(xp)
        return measure, self_information(xp, sparse + even)


def in_buckets(formula: Formula, p: Target, measure: Any, scores: Any, classes: Any) -> Coarse:
    """Q over the classes that P lists, and one more for all others.

    Raises:
        PairError: scores that are not stored.
    """
    xp: Any = formula.xp
    if not isinstance(scores, Scores):
        raise PairError(
            "a bucket takes scores that are stored, and these are still to be computed; write "
            "Logits(hidden @ weight.T), or tail=None, which asks for the listed classes alone"
        )
    weight = sample_weight(xp, p)
    each = None if weight is None else xp.expand(weight)
    index, _ = checked_labels(xp, p.bucket(), classes, None, each)
    with xp.quiet():
        nothing = formula.without(measure, measure.mass(xp))
    return coarse(formula, scores, index, nothing)


def _longer(xp: Verbs, x: Any, more: Any) -> Any:
    """x with `more` after it on the last axis."""
    parts = [xp.from_last(part, 0) for part in (x, more)]
    return xp.to_last(xp.joined(parts), 0)
