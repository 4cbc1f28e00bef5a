"""Running totals by the values of a column: slices of the events, and clusters of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import arrow
from .column import Array, Batch, InputError
from .moments import Moments

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
    """For every value of a column how many events there are, and their losses."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._places: dict[str, int] = {}
        self._moments = Moments(0)

    def __len__(self) -> int:
        """How many values have events."""
        return int(np.count_nonzero(self._moments.counts + self._moments.infinite))

    def add(self, batch: Batch, index: Array | None, loss: Array, weight: Array | None) -> Array:
        """Take in the events of a batch, which are the rows of `index` (None: all); their
        places."""
        place = self.places(batch)
        place = place if index is None else place[index]
        self.take(place, loss, weight)
        return place

    def take(self, place: Array, loss: Array, weight: Array | None) -> None:
        """Take in events whose values are known by their places."""
        self._moments.grow(len(self._places))
        self._moments.add(loss, weight, place)

    def merge(self, other: Groups) -> Array:
        """Take in what another has of the same column; the places of its values here."""
        places = np.array([self._place(value) for value in other._places], np.int64)
        self._check()
        self._moments.grow(len(self._places))
        self._moments.merge(other._moments, places[: len(other._moments)])
        return places

    def again(self) -> Groups:
        """The same values, of which no event is taken in yet."""
        other = Groups(self.name)
        other._places = dict(self._places)
        return other

    def places(self, batch: Batch) -> Array:
        """Which value each row of the batch has, by its place among all of them."""
        column = batch.columns[self.name]
        some, rows = arrow.distinct(column)
        named = [_plain(v) for v in some]
        texts: list[str] = [*named, _MISSING]
        there: Array = np.arange(len(named))
        if column.faults or rows.min(initial=0) < 0:
            missing = rows < 0
            for fault in column.faults:
                missing |= fault.rows
            rows = np.where(missing, len(texts) - 1, rows)
            there = np.flatnonzero(np.bincount(rows, minlength=len(texts)))
        places = np.arange(len(texts))
        for i in map(int, there):
            places[i] = self._place(texts[i])
        self._check()
        # As they are counted from the first batch on, most often.
        same = bool((places == np.arange(len(texts))).all())
        return rows.astype(np.int64, copy=False) if same else places[rows]

    def slices(self, clusters: Crossed | None = None) -> list[Slice]:
        """Every value, those that cost the most first; with standard errors that know of clusters
        where those are given."""
        found = self._moments
        found.grow(len(self._places))
        counts = (found.counts + found.infinite).tolist()
        errors = found.errors() if clusters is None else clusters.errors(len(found))
        parts = [x.tolist() for x in (found.weights(), found.means(), errors, found.costs())]
        lines = [
            Slice(self.name, value, counts[i], *(part[i] for part in parts))
            for value, i in self._places.items()
            if counts[i]
        ]
        return sorted(lines, key=lambda s: (-s.cost, s.value == _MISSING, s.value))

    def standard_error(self) -> float:
        """Of the mean of all events where those of one value belong together."""
        return self._moments.error_between()

    def _place(self, value: str) -> int:
        return self._places.setdefault(value, len(self._places))

    def _check(self) -> None:
        if len(self._places) > _MOST:
            raise InputError(
                f"column {self.name!r} has more than {_MOST:,} values: too many to be told apart"
            )


class Crossed:
    """Events by two columns at once: slices, and the clusters within each."""

    def __init__(self, name: str) -> None:
        self._name = name
        # The place of a slice times 2³², and that of a cluster.
        self._places: dict[int, int] = {}
        self._moments = Moments(0)

    def take(self, slices: Array, clusters: Array, loss: Array, weight: Array | None) -> None:
        """Take in events, by their places in both columns."""
        found, index = np.unique((slices << 32) + clusters, return_inverse=True)
        self._moments.add(loss, weight, self._grown(found)[index])

    def merge(self, other: Crossed, slices: Array, clusters: Array) -> None:
        """Take in what another has, whose slices and clusters have these places here."""
        theirs = np.fromiter(other._places, np.int64, len(other._places))
        here = (slices[theirs >> 32] << 32) + clusters[theirs & 0xFFFFFFFF]
        self._moments.merge(other._moments, self._grown(here))

    def errors(self, slices: int) -> Array:
        """The standard error of the mean of each slice."""
        owners = np.fromiter(self._places, np.int64, len(self._places)) >> 32
        return self._moments.errors_between(owners, slices)

    def _grown(self, keys: Array) -> Array:
        """The places of pairs, new ones at the end."""
        places = [self._places.setdefault(k, len(self._places)) for k in keys.tolist()]
        if len(self._places) > _MOST:
            raise InputError(
                f"--by {self._name!r} and --cluster together tell more than {_MOST:,} groups "
                "apart: leave one of them out"
            )
        self._moments.grow(len(self._places))
        return np.array(places, np.int64)


def _plain(value: object) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
