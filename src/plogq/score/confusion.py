"""Where the probability goes: what each class is given on average where another one is true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .column import Array
from .events import Events
from .find import Roles
from .probabilities import probabilities

# More classes are no table to read, and many more no matrix to hold.
_TABLE, _MATRIX = 30, 2048
_PAIRS = 30
_UNITS = 2.0**32


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """The mean probability that events of one class give to another, and the share of all
    probability that goes astray so."""

    label: str
    given_to: str
    probability: float
    share: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """Of every class in `labels`, the mean probability that its events give to each of them, which
    sums to 1 (NaN where a class has no events; empty for more than 30 classes), and the pairs of
    classes between which the most goes astray."""

    labels: tuple[str, ...]
    probability: tuple[tuple[float, ...], ...]
    pairs: tuple[ConfusedPair, ...]


class Mass:
    """Running totals: Σ w q of every class by the true class. Probabilities of labels without
    weights are whole multiples of 2⁻³², far below what is shown, so that their sums are integers
    and the same in whatever order they are added; others are summed as float64."""

    def __init__(self, roles: Roles) -> None:
        self._labels = roles.classes
        count = len(roles.classes)
        self._kept = roles.form not in ("tokens", "multi") and count <= _MATRIX
        shape = (count, count) if self._kept else (0, 0)
        self._units, self._sums = np.zeros(shape, np.int64), np.zeros(shape)

    def add(self, events: Events) -> None:
        """Take in the events of one batch."""
        if not self._kept or not len(events.loss):
            return
        axis = events.prediction.axis
        q = probabilities(events.prediction.values, events.roles.content, axis)
        weight = events.weight
        if axis is None:
            q, axis = np.stack([1 - q, q]), 0
        if events.soft is not None:
            p = events.soft.values
            p = np.stack([1 - p, p]) if events.soft.axis is None else p
            p = p.T if events.soft.axis == 1 else p
            p = p if weight is None else p * weight
            self._sums += p @ (q if axis == 1 else q.T)
            return
        # Rows of one class beside each other, so that their sum is one run through them. Integers
        # of 16 bits are sorted by counting them.
        order = np.argsort(events.truth.astype(np.uint16), kind="stable")
        truth = events.truth[order]
        starts = np.flatnonzero(np.diff(truth, prepend=-1))
        q = q.take(order, axis=1 - axis)
        if weight is not None:
            q = q * (weight[order] if axis == 0 else weight[order][:, None])
        else:
            q = np.rint(q * _UNITS).astype(np.int64)
        totals: Array = self._units if weight is None else self._sums
        sums = np.add.reduceat(q, starts, axis=1 - axis, dtype=totals.dtype)
        totals[truth[starts]] += sums.T if axis == 0 else sums

    def merge(self, other: Mass) -> None:
        """Take in what another one of the same classes has taken in."""
        self._units += other._units
        self._sums += other._sums

    def result(self) -> Confusion | None:
        """What it comes to; None where there are too many classes, or none."""
        if not self._kept:
            return None
        totals = self._units / _UNITS + self._sums
        weight = totals.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = totals / weight
        table: list[list[float]] = mean.tolist() if len(self._labels) <= _TABLE else []
        rows = tuple(tuple(row) for row in table)
        return Confusion(self._labels, rows, _pairs(totals, self._labels))


def _pairs(totals: Array, labels: tuple[str, ...]) -> tuple[ConfusedPair, ...]:
    astray = totals.copy()
    np.fill_diagonal(astray, 0.0)
    total, weight = float(astray.sum()), totals.sum(axis=1)
    flat = astray.ravel()
    most = min(_PAIRS, len(flat))
    found_at = np.argpartition(-flat, most - 1)[:most]
    largest: list[int] = found_at[np.lexsort((found_at, -flat[found_at]))].tolist()
    found: list[ConfusedPair] = []
    for place in largest:
        i, j = divmod(place, len(labels))
        if flat[place] > 0:
            mean, share = float(flat[place] / weight[i]), float(flat[place]) / total
            found.append(ConfusedPair(labels[i], labels[j], mean, share))
    return tuple(found)
