"""What P mostly is: labels, some of them left out, perhaps smoothed, perhaps weighted."""

from __future__ import annotations

from typing import Any, NamedTuple

from .limits import without_junk
from .measure import Measure

Array = Any


class Plain(NamedTuple):
    """Labels, and what is made of them in this order: smoothing, then weights.

    `ignore` is the mark as it is among labels of 64 bits, None where none of them can be it.
    """

    index: Array
    ignore: int | None = None
    epsilon: float = 0.0
    sample_weight: Array | None = None
    class_weight: Array | None = None

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
