"""Of all rows those that come first by a key: the same ones in whatever order rows are taken in."""

from __future__ import annotations

from typing import Any

import numpy as np

from .column import Array


class Least:
    """The `most` rows of least key; of equal keys those whose place in the data comes first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._first: tuple[Array, ...] = ()
        # Rows that may be among them: as many are put in order at once as are kept.
        self._waiting: list[tuple[Array, ...]] = []

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    @property
    def columns(self) -> tuple[Array, ...]:
        """The keys of the rows, their places, and whatever else is kept of them, in order."""
        self._settle()
        if self._first:
            order = np.lexsort((self._first[1], self._first[0]))
            self._first = tuple(part[order] for part in self._first)
        return self._first

    def _settle(self) -> None:
        """Keep what comes first, in any order but for the last one, whose key is the greatest."""
        if not self._waiting:
            return
        parts = [self._first, *self._waiting] if self._first else self._waiting
        found = [np.concatenate(column) for column in zip(*parts, strict=True)]
        keys, last = found[0], min(self.most, len(found[0])) - 1
        bar = np.partition(keys, last)[last]
        below, tied = np.flatnonzero(keys < bar), np.flatnonzero(keys == bar)
        tied = tied[np.argsort(found[1][tied])][: last + 1 - len(below)]
        kept = np.concatenate([below, tied])
        self._first, self._waiting = tuple(part[kept] for part in found), []

    @property
    def bar(self) -> Any:
        """The key above which no row is wanted any more; None while there is none."""
        full = self._first and len(self._first[0]) == self.most
        return self._first[0][-1] if full else None

    def wanted(self, keys: Array) -> Array:
        """Which rows of a batch, whose places ascend, may be among the first, by their keys alone;
        what is kept of them need be found for these only."""
        if not self.most:
            return np.zeros(0, np.int64)
        bar = self.bar
        index = np.arange(len(keys)) if bar is None else np.flatnonzero(keys <= bar)
        if len(index) <= self.most:
            return index
        some = keys[index]
        bar = np.partition(some, self.most - 1)[self.most - 1]
        return np.sort(np.concatenate([index[some < bar], index[some == bar][: self.most]]))

    def add(self, keys: Array, places: Array, *others: Array) -> None:
        """Take in rows."""
        if not len(keys) or not self.most:
            return
        self._waiting.append((keys, places, *others))
        if sum(len(part[0]) for part in self._waiting) >= self.most:
            self._settle()

    def merge(self, other: Least) -> None:
        """Take in the rows that another has kept."""
        other._settle()
        if other._first:
            self.add(*other._first)
