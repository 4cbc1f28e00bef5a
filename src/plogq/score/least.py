"""Of all rows those that come first by a key: the same ones in whatever order rows are taken in."""

from __future__ import annotations

import numpy as np

from .column import Array


class Least:
    """The `most` rows of least key; of equal keys those whose place in the data comes first.

    `columns` are their keys, their places, and whatever else is kept of them.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.columns: tuple[Array, ...] = ()

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def wanted(self, keys: Array) -> Array:
        """Which rows of a batch, whose places ascend, may be among the first, by their keys alone;
        what is kept of them need be found for these only."""
        if not self.most:
            return np.zeros(0, np.int64)
        index = np.arange(len(keys))
        if len(self) == self.most:
            index = np.flatnonzero(keys <= self.columns[0][-1])
        if len(index) <= self.most:
            return index
        some = keys[index]
        bar = np.partition(some, self.most - 1)[self.most - 1]
        return np.sort(np.concatenate([index[some < bar], index[some == bar][: self.most]]))

    def add(self, keys: Array, places: Array, *others: Array) -> None:
        """Take in rows."""
        found: tuple[Array, ...] = (keys, places, *others)
        if not len(keys) or not self.most:
            return
        if self.columns:
            found = tuple(map(np.concatenate, zip(self.columns, found, strict=True)))
        order = np.lexsort((found[1], found[0]))[: self.most]
        self.columns = tuple(part[order] for part in found)

    def merge(self, other: Least) -> None:
        """Take in the rows that another has kept."""
        if other.columns:
            self.add(*other.columns)
