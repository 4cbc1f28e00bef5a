"""Q over the classes that P lists, and one more outcome: all the others together.

Their probability is the sum of theirs, so that a score of its own stands for them: the log of the
sum of their exponentials. Where scores are logits, all are counted from the greatest of the others:
differences round as gaps do, and what is common to all scores leaves no trace.
"""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from .formula import Formula
from .limits import finite
from .scores import Scores

Array = Any


class Coarse(NamedTuple):
    """Q over T places and one more: `scores`, and what leads back from their gradient."""

    formula: Formula
    stored: Scores
    scores: Scores
    place: Array  # of every listed class, the same for equal classes alone
    index: Array
    others: Array  # q_j within the others, and 0 for what is listed
    nothing: Array | None  # which events have no mass

    def carried(self, gradient: Array) -> Array:
        """The gradient of the stored scores, in their own dtype."""
        xp, stored = self.formula.xp, self.stored
        with xp.quiet():
            g = xp.weights(gradient)
            times = xp.gather(_counts(xp, self.place), self.place)
            each = xp.gather(g[..., :-1], self.place) / times
            classes = xp.shape(self.others)[-1]
            found = xp.scatter(self.index, each, classes) + xp.times(g[..., -1:], self.others)
            back = self.formula.through(found, stored, self.nothing)
            return xp.cast_like(back, stored.array)


def coarse(formula: Formula, stored: Scores, index: Array, nothing: Array | None) -> Coarse:
    """Q over the classes of `index` [*events, T] and the others; of `nothing`, no value is seen."""
    xp = formula.xp
    with xp.quiet():
        s = formula.as_scores(stored, nothing)
        listed = xp.scatter(index, xp.full(xp.shape(index), 1.0, s), xp.shape(s)[-1]) > 0
        rest = xp.where(listed, -inf, s)
        greatest, first = xp.max_first(rest)
        gone = xp.equal(rest, -inf)
        # ∞ - ∞ is asked for by nobody: where there are two certain classes, there is one NaN.
        gaps = xp.where(first, 0.0, xp.where(gone, -inf, xp.where(gone, 0.0, rest) - greatest))
        shares = xp.exp(gaps)
        total = xp.expand(xp.sum_classes(shares))
        logits = stored.kind == "logits"
        each, other = xp.gather(s, index), xp.log(total)
        if logits:
            start = xp.where(finite(greatest), greatest, 0.0)
            each, greatest = each - start, greatest - start
        other = xp.where(xp.equal(greatest, -inf), -inf, greatest + other)
        place = xp.places(index)
        count = _counts(xp, place)
        entries = xp.shape(index)[-1]
        mine = xp.scatter(place, xp.weights(each), entries) / xp.where(count > 0, count, 1.0)
        mine = xp.where(count > 0, mine, -inf)
        like = xp.statistics(stored.array)
        parts = [xp.from_last(xp.cast_like(x, like), 0) for x in (mine, other)]
        joined = xp.to_last(xp.joined(parts), 0)
        kind = "logits" if logits else "log_probs"
        others = xp.where(gone, 0.0, shares / total)
        return Coarse(
            formula, stored, Scores(kind, joined, joined.ndim - 1), place, index, others, nothing
        )


def _counts(xp: Any, place: Array) -> Array:
    """How many entries have each place."""
    return xp.scatter(place, xp.full(xp.shape(place), 1.0, place), xp.shape(place)[-1])
