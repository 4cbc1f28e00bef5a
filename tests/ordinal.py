"""A target that plogq does not know: classes in an order, with a share on each neighbour."""

from __future__ import annotations

from typing import Any

import numpy as np

from plogq.algebra.measure import Measure
from plogq.frameworks import as_array, verbs
from plogq.representations.targets import Target

from .oracle import cross_entropy, of_logits
from .oracle import rows as oracle_rows


class Ordinal(Target):
    """Class y and, with a share `spread` each, those beside it; what lies outside costs nothing."""

    __slots__ = ("index", "spread")
    holds = ("index",)
    settings = ("spread",)

    def __init__(self, index: Any, spread: float) -> None:
        self.index, self.spread = as_array(index, "Ordinal"), spread

    def events(self) -> tuple[int, ...]:
        return verbs(self.index).shape(self.index)

    def measure(self, xp: Any, classes: int, weight: Any = None) -> Measure:
        steps = xp.from_host(np.array([-1, 0, 1]), self.index)
        index = xp.expand(xp.indices(self.index)) + xp.indices(steps)
        share = xp.from_host(np.array([self.spread, 1 - 2 * self.spread, self.spread]), self.index)
        inside = (index >= 0) & (index < classes)
        value = xp.where(inside, xp.weights(share), 0.0)
        return Measure(self.events(), classes, xp.where(inside, index, 0), value)


def dense(y: Any, spread: float, classes: int) -> np.ndarray[Any, Any]:
    """The same as one row of K numbers per event."""
    rows = np.zeros((len(y), classes))
    for row, k in zip(rows, y, strict=True):
        for at, share in ((k - 1, spread), (k, 1 - 2 * spread), (k + 1, spread)):
            if 0 <= at < classes:
                row[at] = share
    return rows


def losses(rows: Any, scores: Any) -> list[float]:
    """H of each row and its scores, from the oracle."""
    return [
        float(cross_entropy(p, of_logits(z)))
        for p, z in zip(oracle_rows(rows), oracle_rows(scores), strict=True)
    ]
