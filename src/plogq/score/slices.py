"""Running totals by the values of a column: slices of the events, and clusters of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from . import arrow
from .column import Array, Batch, InputError

_MOST = 1 << 20
_MISSING = "(missing)"


@dataclass(frozen=True, slots=True)
class Slice:
    """Events that share a value: their mean H with its standard error, and `cost`, what the whole
    mean would lose if they had the H of all."""

    column: str
    value: str
    count: int
    weight: float
    cross_entropy: float
    standard_error: float
    cost: float


class Groups:
    """For every value of a column how many events there are, and their losses. The sums are those
    of the differences to one loss, so that what they come to is no difference of large numbers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._places: dict[str, int] = {}
        self._shift: float | None = None
        # Per value: events, those of infinite loss, Σ w, Σ w d, Σ w² d², Σ w² d, Σ w².
        self._sums = np.zeros((7, 0))

    def __len__(self) -> int:
        """How many values have events."""
        return int(np.count_nonzero(self._sums[0]))

    def add(self, batch: Batch, index: Array | None, loss: Array, weight: Array | None) -> None:
        """Take in the events of a batch, which are the rows of `index` (None: all)."""
        if not len(loss):
            return
        place = self.places(batch)
        self.take(place if index is None else place[index], loss, weight)

    def take(self, place: Array, loss: Array, weight: Array | None) -> None:
        """Take in events whose values are known by their places."""
        finite = np.isfinite(loss)
        if self._shift is None:
            self._shift = float(loss[finite].mean()) if finite.any() else 0.0
        off = np.where(finite, loss - self._shift, 0.0)
        w = np.ones(len(loss)) if weight is None else weight
        parts = (
            None,
            ~finite,
            w * finite,
            w * off,
            np.square(w * off),
            w * w * off,
            w * w * finite,
        )
        size = len(self._places)
        found = [np.bincount(place, part, size) for part in parts]
        grown = np.zeros((7, size))
        grown[:, : self._sums.shape[1]] = self._sums
        self._sums = grown + np.stack(found)

    def again(self) -> Groups:
        """The same values, of which no event is taken in yet."""
        other = Groups(self.name)
        other._places = dict(self._places)
        return other

    def places(self, batch: Batch) -> Array:
        """Which value each row of the batch has, by its place among all of them."""
        column = batch.columns[self.name]
        values = column.values
        if values.dtype.kind in "OUT":
            named, rows = arrow.distinct(values)
        else:
            some, rows = np.unique(values, return_inverse=True)
            named = [_plain(v) for v in some.tolist()]
        missing = rows < 0
        for fault in column.faults:
            missing |= fault.rows
        texts: list[str] = [*named, _MISSING]
        rows = np.where(missing, len(texts) - 1, rows)
        there = np.unique(rows)
        places = np.zeros(len(texts), np.int64)
        for i in map(int, there):
            places[i] = self._places.setdefault(texts[i], len(self._places))
        if len(self._places) > _MOST:
            raise InputError(
                f"column {self.name!r} has more than {_MOST:,} values: too many to be told apart"
            )
        return places[rows]

    def slices(self) -> list[Slice]:
        """Every value, those that cost the most first."""
        count, infinite, weight, first, square, second, squared = self._sums
        shift = self._shift or 0.0
        total = float(weight.sum())
        overall = float(first.sum()) / total if total else 0.0
        found: list[Slice] = []
        for value, i in self._places.items():
            events = int(count[i])
            if not events:
                continue
            w = float(weight[i])
            mean = float(first[i]) / w if w else float("nan")
            spread = square[i] - 2 * mean * second[i] + mean * mean * squared[i]
            finite = events - int(infinite[i])
            error = float("nan")
            if finite > 1 and w:
                error = sqrt(max(float(spread), 0.0) * finite / (finite - 1)) / w
            lost = bool(infinite[i])
            cost = float("inf") if lost else w * (mean - overall) / total
            h = float("inf") if lost else mean + shift
            found.append(Slice(self.name, value, events, w, h, error, cost))
        return sorted(found, key=lambda s: -s.cost)

    def standard_error(self) -> float:
        """Of the mean of all events where those of one value belong together."""
        weight, first = self._sums[2], self._sums[3]
        groups, total = len(self), float(weight.sum())
        if groups < 2 or not total:
            return float("nan")
        rest = first - weight * (float(first.sum()) / total)
        return sqrt(float(np.square(rest).sum()) * groups / (groups - 1)) / total


def _plain(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
