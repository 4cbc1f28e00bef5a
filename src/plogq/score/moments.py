"""Weighted means and their standard errors, of groups of events and of all, from exact sums."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from .column import Array
from .exact import Sums, scaled

_NAN, _INFINITE = float("nan"), float("inf")
_SUMS = ("plain", "first", "square", "cross", "weight", "squared", "lost")


class Moments:
    """The weighted mean of a quantity and the standard error of that mean, for `size` groups of
    events and for all of them together.

    mean = Σ w x / Σ w, and its variance, by linearising that ratio, is
    n / (n - 1) · Σ w² (x - mean)² / (Σ w)², which for equal weights is s² / n. The product w x is
    rounded for every event. It and w are then taken as they are: their sums and those of their
    products are exact, and Σ (w x - mean w)² = Σ (w x)² - 2 mean Σ w x w + mean² Σ w² is found in
    integers, so that a difference of large sums loses nothing. Events whose x is ∞ are counted
    apart.
    """

    def __init__(self, size: int = 1) -> None:
        self.counts = np.zeros(size, np.int64)
        self.infinite = np.zeros(size, np.int64)
        # Events without weights: their number is that of their weights.
        self._ones = np.zeros(size, np.int64)
        self._sums = {name: Sums(size) for name in _SUMS}

    def grow(self, size: int) -> None:
        """Have this many groups."""
        none = np.zeros(max(0, size - len(self)), np.int64)
        self.counts = np.append(self.counts, none)
        self.infinite = np.append(self.infinite, none)
        self._ones = np.append(self._ones, none)
        for sums in self._sums.values():
            sums.grow(size)

    def add(self, values: Array, weights: Array | None, group: Array | None = None) -> None:
        """Take in more values, with a weight each (None: all 1), each of its group (None: all of
        the first)."""
        if not len(values):
            return
        if values.max() == _INFINITE:
            lost = values == _INFINITE
            self.infinite += self._counted(int(lost.sum()), _some(group, lost))
            weight = np.ones(int(lost.sum())) if weights is None else weights[lost]
            self._sums["lost"].add(weight, _some(group, lost))
            return self.add(values[~lost], _some(weights, ~lost), _some(group, ~lost))
        counts = self._counted(len(values), group)
        self.counts += counts
        if weights is None:
            self._ones += counts
            self._sums["plain"].add(values, group)
            self._sums["square"].add(values, group, values)
            return
        with np.errstate(over="ignore", under="ignore"):
            first = weights * values
        self._sums["first"].add(first, group)
        self._sums["weight"].add(weights, group)
        self._sums["square"].add(first, group, first)
        self._sums["cross"].add(first, group, weights)
        self._sums["squared"].add(weights, group, weights)

    def merge(self, other: Moments, places: Array | None = None) -> None:
        """Take in what another has; `places` says which group each of its groups is here."""
        where = slice(len(other)) if places is None else places
        self.counts[where] += other.counts
        self.infinite[where] += other.infinite
        self._ones[where] += other._ones
        for name, sums in self._sums.items():
            sums.merge(other._sums[name], places)

    def __len__(self) -> int:
        """How many groups there are."""
        return len(self.counts)

    @property
    def count(self) -> int:
        """How many values there are, without infinite ones."""
        return int(self.counts.sum())

    @property
    def weight(self) -> float:
        """Σ w, without infinite values."""
        return scaled(self._whole_weight(), 1, self._unit)

    @property
    def whole_weight(self) -> float:
        """Σ w, of infinite values too."""
        return scaled(self._whole_weight() + self._whole("lost"), 1, self._unit)

    @property
    def total(self) -> float:
        """Σ w x, ∞ where one x is."""
        if self.infinite.any() or self._overflown.any():
            return _INFINITE
        return scaled(self._whole("plain", "first"), 1, self._unit)

    @property
    def mean(self) -> float:
        """Of all groups together, without infinite values; 0 where there is no value."""
        if self._overflown.any():
            return _INFINITE
        weight = self._whole_weight()
        return scaled(self._whole("plain", "first"), weight, 0) if weight else 0.0

    @property
    def standard_error(self) -> float:
        """Of the mean of all groups together; NaN for fewer than two values."""
        if self._overflown.any():
            return _INFINITE
        return _Group(
            self.count, self._whole("plain", "first"), self._whole_weight(),
            self._whole("square"), self._whole("plain", "cross"), self._whole_weight("squared"),
            self._unit,
        ).error()  # fmt: skip

    def weights(self) -> Array:
        """Σ w of every group, without infinite values."""
        unit = self._unit
        return np.array([scaled(w, 1, unit) for w in self._weight()])

    def whole_weights(self) -> Array:
        """Σ w of every group, of infinite values too."""
        pairs = zip(self._weight(), self._integers("lost"), strict=True)
        unit = self._unit
        return np.array([scaled(w + lost, 1, unit) for w, lost in pairs])

    def means(self) -> Array:
        """Of every group: ∞ where a value is, NaN where there is none."""
        pairs = zip(self._first(), self._weight(), strict=True)
        found = np.array([scaled(y, w, 0) if w else _NAN for y, w in pairs])
        found[(self.infinite > 0) | self._overflown] = _INFINITE
        return found

    def costs(self) -> Array:
        """For every group, what the mean of all would lose if the group had that mean."""
        first, weight = self._first(), self._weight()
        y, w = sum(first), sum(weight)
        pairs = zip(first, weight, strict=True)
        found = np.array([scaled(a * w - y * b, w * w, 0) if w else 0.0 for a, b in pairs])
        found[(self.infinite > 0) | self._overflown] = _INFINITE
        return found

    def errors(self) -> Array:
        """The standard error of every group's mean."""
        unit, counts = self._unit, self.counts.tolist()
        parts = zip(*self._parts(), strict=True)
        found = np.array([_Group(n, *p, unit).error() for n, p in zip(counts, parts, strict=True)])
        found[self._overflown] = _INFINITE
        return found

    def error_between(self) -> float:
        """The standard error of the mean of all where the events of a group belong together: it is
        found from what the groups come to; NaN for fewer than two of them."""
        return float(self.errors_between(np.zeros(len(self), np.int64), 1)[0])

    def errors_between(self, owners: Array, count: int) -> Array:
        """The same for each of `count` parts of the groups; `owners` says of which part each is."""
        there = self.counts + self.infinite > 0
        groups = np.bincount(owners[there], minlength=count).tolist()
        first, weight, owner = self._first(), self._weight(), owners.tolist()
        y, w, rest = [0] * count, [0] * count, [0] * count
        for k, a, b in zip(owner, first, weight, strict=True):
            y[k] += a
            w[k] += b
        for k, a, b in zip(owner, first, weight, strict=True):
            rest[k] += (a * w[k] - y[k] * b) ** 2
        found = np.full(count, _NAN)
        for k, n in enumerate(groups):
            if n > 1 and w[k]:
                found[k] = sqrt(scaled(rest[k] * n, (n - 1) * w[k] ** 4, 0))
        found[owners[self._overflown]] = _INFINITE
        return found

    @property
    def _unit(self) -> int:
        """The power of two that every sum is a whole multiple of; 1 is, too."""
        return min(0, *(sums.unit for sums in self._sums.values()))

    @property
    def _overflown(self) -> Array:
        """The groups of which a sum or a product is beyond all float64."""
        return np.logical_or.reduce([sums.endless for sums in self._sums.values()])

    def _integers(self, name: str) -> list[int]:
        return self._sums[name].integers(self._unit)

    def _first(self) -> list[int]:
        return _added(self._integers("plain"), self._integers("first"))

    def _weight(self, name: str = "weight") -> list[int]:
        up = -self._unit
        ones = [n << up for n in self._ones.tolist()]
        return _added(ones, self._integers(name))

    def _whole(self, *names: str) -> int:
        """Some sums of all groups together."""
        return sum(self._sums[name].whole(self._unit) for name in names)

    def _whole_weight(self, name: str = "weight") -> int:
        return (int(self._ones.sum()) << -self._unit) + self._whole(name)

    def _parts(self) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
        """Σ w x, Σ w, Σ (w x)², Σ w x w and Σ w²."""
        cross = _added(self._integers("plain"), self._integers("cross"))
        square = self._integers("square")
        return self._first(), self._weight(), square, cross, self._weight("squared")

    def _counted(self, count: int, group: Array | None) -> Array:
        if group is not None:
            return np.bincount(group, minlength=len(self))
        found = np.zeros(len(self), np.int64)
        found[0] = count
        return found


def _some(values: Array | None, keep: Array) -> Array | None:
    return None if values is None else values[keep]


def _added(a: list[int], b: list[int]) -> list[int]:
    return [x + y for x, y in zip(a, b, strict=True)]


@dataclass(frozen=True, slots=True)
class _Group:
    """How many events, and Σ w x, Σ w, Σ (w x)², Σ w x w and Σ w² as multiples of 2^unit."""

    count: int
    first: int
    weight: int
    square: int
    cross: int
    squared: int
    unit: int

    def error(self) -> float:
        """√(n / (n - 1) · Σ (w x - mean w)²) / Σ w; NaN for fewer than two events."""
        n, y, w = self.count, self.first, self.weight
        if n < 2 or not w:
            return _NAN
        # With mean = y / w, and times w².
        spread = self.square * w * w - 2 * y * self.cross * w + y * y * self.squared
        return sqrt(scaled(n * spread, (n - 1) * w**4, -self.unit))
