"""Where the probability goes: what each class is given on average where another one is true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..native import _cpu
from ..native.sums import contiguous
from .block import CODES, Block
from .column import Array
from .events import Events
from .find import Roles
from .outer import UNITS, Outer
from .probabilities import probabilities

# More classes are no table to read, and many more no matrix to hold.
_TABLE, _MATRIX = 30, 2048
_PAIRS = 30
# So many rows add no more than 2⁶² units to a sum, of which all but the last 40 bits are carried.
_ROWS, _CARRIED = 1 << 30, 40


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
    """Running totals: Σ w q of every class by the true class, or Σ w p q by classes that are true
    in part. Probabilities are taken as whole multiples of 2⁻³², far below what is shown, and what
    is summed of them is exact: the same in whatever order they are added."""

    def __init__(self, roles: Roles) -> None:
        self._labels = roles.classes
        count = len(roles.classes)
        self._kept = roles.form not in ("tokens", "multi") and count <= _MATRIX
        count = count if self._kept else 0
        # Of labels without weights, which are whole numbers, with what is carried over from them
        # before they wrap; and of all others.
        self._units, self._carried = np.zeros((2, count, count), np.int64)
        self._rows = 0
        self._sums = Outer(count, count)

    def add(self, events: Events) -> None:
        """Take in the events of one batch."""
        if not self._kept or not len(events.loss):
            return
        block, content = events.prediction, events.roles.content
        if content != "probs":
            block = Block(probabilities(block.values, content, block.axis), block.axis)
        if block.axis is None:
            block = Block(np.stack([1 - block.values, block.values]), 0)
        weight, soft = events.weight, events.soft
        if soft is None and weight is None:
            self._count(events.truth, block)
            return
        q = block.values.T if block.axis == 0 else block.values
        if soft is None:
            assert weight is not None
            self._sums.add(weight, q, events.truth)
            return
        p = soft.values
        p = np.stack([1 - p, p]) if soft.axis is None else p
        p = np.rint((p if soft.axis == 1 else p.T).astype(np.float64) * UNITS) / UNITS
        self._sums.add(p if weight is None else p * weight[:, None], q)

    def _count(self, truth: Array, block: Block) -> None:
        columns, labels = block.columns, contiguous(truth, np.int64)
        self._rows += len(labels)
        if self._rows > _ROWS:
            self._carry()
            self._rows = len(labels)
        _cpu.mass(columns, CODES[columns[0].dtype], labels, UNITS, self._units)

    def _carry(self) -> None:
        more = self._units >> _CARRIED
        self._carried += more
        self._units -= more << _CARRIED
        self._rows = 0

    def merge(self, other: Mass) -> None:
        """Take in what another one of the same classes has taken in."""
        self._carry()
        self._units += other._units
        self._carried += other._carried
        self._carry()
        self._sums.merge(other._sums)

    def result(self) -> Confusion | None:
        """What it comes to; None where there are too many classes, or none."""
        if not self._kept:
            return None
        self._carry()
        totals = (np.ldexp(self._carried, _CARRIED) + self._units) / UNITS + self._sums.floats()
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
