"""SparseProbs: a soft target that lists the few classes that it has."""

from __future__ import annotations

from typing import Any, Never

from .. import checks, elsewhere
from ..algebra.limits import self_information, without_junk
from ..algebra.measure import Measure
from ..errors import ShapeError
from ..frameworks import Verbs, as_array, verbs
from .targets import Target, checked_labels, weighing

_MOST_CLASSES = 1 << 62


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
    holds = ("index", "probs")

    def __init__(self, index: Any, probs: Any, **others: Never) -> None:
        if others:
            elsewhere.refuse_of("SparseProbs", others, "SparseProbs(index, p)")
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
        return f"SparseProbs({self.index!r}, {self.probs!r})"

    def events(self) -> tuple[int, ...]:
        return verbs(self.index).shape(self.index)[:-1]

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        each = None if weight is None else xp.expand(weight)
        index, known = checked_labels(xp, self.index, classes, None, each)
        value = xp.weights(self.probs)
        if checks.checked(xp, self.probs):
            checks.not_negative(xp, self.probs, "SparseProbs probs", each)
        value = value if known is None else xp.times(known, value)
        value = value if each is None else without_junk(xp, xp.equal(each, 0.0), value)
        return Measure(self.events(), classes, index=index, value=value)

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
        return self.measure(xp, known, weight), self_information(xp, p)
