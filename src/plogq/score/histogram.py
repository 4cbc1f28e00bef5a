"""How losses are spread: events and what they cost, in bins of equal width on a logarithmic scale.

The bins are the same for every file, so the totals of parts of a file add up to those of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from ..native import _cpu
from ..native.sums import contiguous
from .column import Array
from .events import Events
from .exact import Sums

# Two bins for every factor of 2 from 2⁻²⁰ to 2¹⁰ nats, and one for all that is below or above.
_LOWEST, _HIGHEST = -20, 10
_BINS = 2 * (_HIGHEST - _LOWEST) + 2


@dataclass(frozen=True, slots=True)
class LossBin:
    """Events whose loss lies from `low` to `high` nats: how many, the share of all weight that is
    theirs, and the share of all loss."""

    low: float
    high: float
    count: int
    weight_share: float
    loss_share: float


class Histogram:
    """Running totals of the losses that are finite."""

    def __init__(self) -> None:
        # Per bin: events, Σ w where they have weights, Σ w H.
        self._count = np.zeros(_BINS, np.int64)
        self._weight, self._cost = Sums(_BINS), Sums(_BINS)
        self._weighted = False

    def add(self, events: Events) -> None:
        """Take in the events of one batch."""
        loss, weight = events.loss, events.weight
        if not np.isfinite(loss.sum()):
            finite = np.isfinite(loss)
            loss = loss[finite]
            weight = None if weight is None else weight[finite]
        place = _places(loss)
        self._count += np.bincount(place, minlength=_BINS)
        self._cost.add(loss if weight is None else loss * weight, place)
        if weight is not None:
            self._weighted = True
            self._weight.add(weight, place)

    def merge(self, other: Histogram) -> None:
        """Take in what another one has taken in."""
        self._count += other._count
        self._weight.merge(other._weight)
        self._cost.merge(other._cost)
        self._weighted = self._weighted or other._weighted

    def result(self) -> tuple[LossBin, ...]:
        """The bins from the first to the last that has events."""
        count, cost = self._count, self._cost.floats()
        weight = self._weight.floats() if self._weighted else count
        there = np.flatnonzero(count)
        if not len(there):
            return ()
        weights, costs = float(weight.sum()) or 1.0, float(cost.sum()) or 1.0
        return tuple(
            LossBin(*_edges(k), int(count[k]), float(weight[k]) / weights, float(cost[k]) / costs)
            for k in range(int(there[0]), int(there[-1]) + 1)
        )


def _places(loss: Array) -> Array:
    """The bin of every loss."""
    found = np.empty(len(loss), np.int64)
    _cpu.halves(contiguous(loss), _LOWEST, _BINS, found)
    return found


def _edges(k: int) -> tuple[float, float]:
    low = 0.0 if k == 0 else 2.0 ** (_LOWEST + (k - 1) / 2)
    return low, inf if k == _BINS - 1 else 2.0 ** (_LOWEST + k / 2)
