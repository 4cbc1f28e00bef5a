"""Sums without rounding: whichever way numbers are cut, ordered and merged, they come to the same.

A float64 is a whole number of 53 bits times a power of two, and so is the product of two, of 106.
It is added to digits of 32 bits that stand for fixed powers of two (in C++, native/scoring.cpp), so
that adding is adding of integers and knows no order. A sum is rounded once, when it is read (as in
Neal's "small superaccumulator", arXiv:1505.05571).
"""

from __future__ import annotations

import numpy as np

from ..native import _cpu
from ..native.sums import contiguous
from .column import Array

# The power of two that the last bit of the smallest float64 stands for.
LEAST = -1074
_DIGIT = 32
_HALF = 1 << (_DIGIT - 1)
_LOWER = (1 << _DIGIT) - 1
# So many numbers of 32 bits, so often, leave room in a digit of 64.
_ROWS, _ADDITIONS = 1 << 20, 1 << 8


class Sums:
    """As many exact sums of float64 numbers as there are places; one that a number without end
    went into is ∞."""

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self._digits: dict[int, Array] = {}
        self._endless: Array | None = None
        self._additions = 0

    def grow(self, size: int) -> None:
        """Have this many places; new ones are 0."""
        more = size - self.size
        if more <= 0:
            return
        self.size = size
        self._digits = {k: np.append(d, np.zeros(more, np.int64)) for k, d in self._digits.items()}
        if self._endless is not None:
            self._endless = np.append(self._endless, np.zeros(more, bool))

    def add(self, values: Array, place: Array | None = None, times: Array | None = None) -> None:
        """Add numbers, or their products with `times`, each at its place; without places all to
        the first sum. Of a product what is below the least float64 is dropped."""
        for start in range(0, len(values), _ROWS):
            part = slice(start, start + _ROWS)
            self._add(values[part], *(None if x is None else x[part] for x in (times, place)))

    def merge(self, other: Sums, places: Array | None = None) -> None:
        """Add other sums; `places` says which of these each of them belongs to, none twice."""
        for k, digits in other._digits.items():
            self._add_digit(k, digits, places)
        if other._endless is not None:
            ended = np.flatnonzero(other._endless)
            self._end(ended if places is None else places[ended])
        self._additions += other._additions + 1
        self._carry_in_time()

    @property
    def unit(self) -> int:
        """The power of two that all sums are whole multiples of."""
        return LEAST + _DIGIT * min(self._digits, default=0)

    def integers(self, unit: int) -> list[int]:
        """Every sum as a multiple of 2^unit, where `unit` is no more than its own."""
        total = np.zeros(self.size, object)
        top = max(self._digits, default=0)
        for k in range(top, min(self._digits, default=0) - 1, -1):
            total = total << _DIGIT
            if k in self._digits:
                total = total + self._digits[k].astype(object)
        up = self.unit - unit
        return [int(n) << up for n in total.tolist()]

    def whole(self, unit: int) -> int:
        """All sums together, as a multiple of 2^unit."""
        total = 0
        for k, digits in self._digits.items():
            # In halves, of which a million do not overflow.
            upper, lower = int((digits >> _DIGIT).sum()), int((digits & _LOWER).sum())
            total += ((upper << _DIGIT) + lower) << (LEAST + _DIGIT * k - unit)
        return total

    @property
    def endless(self) -> Array:
        """Which sums are ∞."""
        return np.zeros(self.size, bool) if self._endless is None else self._endless

    def floats(self) -> Array:
        """Every sum, rounded once."""
        unit = self.unit
        found = np.array([scaled(n, 1, unit) for n in self.integers(unit)])
        found[self.endless] = np.inf
        return found

    def nearly(self) -> Array:
        """Every sum, but for its last bits, where there are too many to be rounded one by one; the
        same number for the same sum."""
        self._carry()
        found = np.zeros(self.size)
        for k in sorted(self._digits, reverse=True):
            found += np.ldexp(self._digits[k].astype(np.float64), LEAST + _DIGIT * k)
        found[self.endless] = np.inf
        return found

    def total(self) -> float:
        """All sums together, rounded once."""
        if self.endless.any():
            return float("inf")
        return scaled(self.whole(self.unit), 1, self.unit)

    def _add(self, values: Array, times: Array | None, place: Array | None) -> None:
        met: Array | None = None
        size = 1 if place is None else self.size
        if place is not None and size > len(values):
            # Of many places those that are met.
            met, place = np.unique(place, return_inverse=True)
            size = len(met)
        first, found, endless = _cpu.exact_sums(
            contiguous(values),
            None if times is None else contiguous(times),
            None if place is None else contiguous(place, np.int64),
            size,
        )
        for k, digits in enumerate(np.frombuffer(found, np.int64).reshape(size, -1).T, first):
            self._add_digit(k, digits, met)
        if endless is not None:
            ended: Array = np.flatnonzero(np.frombuffer(endless, bool))
            self._end(ended if met is None else met[ended])
        self._additions += 1
        self._carry_in_time()

    def _add_digit(self, k: int, more: Array, places: Array | None) -> None:
        if not more.any():
            return
        if k not in self._digits:
            self._digits[k] = np.zeros(self.size, np.int64)
        if places is not None:
            np.add.at(self._digits[k], places, more)
        else:
            self._digits[k][: len(more)] += more

    def _end(self, places: Array) -> None:
        if self._endless is None:
            self._endless = np.zeros(self.size, bool)
        self._endless[places] = True

    def _carry_in_time(self) -> None:
        """Carry before a digit could overflow."""
        if self._additions >= _ADDITIONS:
            self._carry()

    def _carry(self) -> None:
        """Bring every digit back to 32 bits, which there is one way to do."""
        self._additions = 0
        for k in range(min(self._digits, default=0), max(self._digits, default=0) + 2):
            if k in self._digits:
                over = (self._digits[k] + _HALF) >> _DIGIT
                self._digits[k] -= over << _DIGIT
                self._add_digit(k + 1, over, None)


def scaled(numerator: int, denominator: int, power: int) -> float:
    """numerator / denominator · 2^power, rounded once; ∞ beyond the largest float64."""
    if power >= 0:
        numerator <<= power
    else:
        denominator <<= -power
    try:
        return numerator / denominator
    except OverflowError:
        return float("inf") if (numerator < 0) == (denominator < 0) else float("-inf")
