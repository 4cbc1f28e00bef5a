"""Sums without rounding: whichever way numbers are cut, ordered and merged, they come to the same.

A float64 is a whole number of 53 bits times a power of two. It is split into a half of 26 bits and
one of 27, and the halves of one power of two are added as float64: of 2²⁰ of them no bit is lost.
What they come to is an integer, and goes into digits of 32 bits that stand for fixed powers of
two, so that adding is adding of integers and knows no order. It is rounded once, when it is read
(as in Neal's "small superaccumulator", arXiv:1505.05571).
"""

from __future__ import annotations

import numpy as np

from .column import Array

# The power of two that the last bit of the smallest float64 stands for.
LEAST = -1074
_DIGIT = 32
_HALF = 1 << (_DIGIT - 1)
_LOWER = (1 << _DIGIT) - 1
_UPPER = np.int64(~((1 << 27) - 1))
_EXPONENT = np.int64(0x7FF)
# So many halves of 27 bits leave room in 53.
_ROWS = 1 << 20
# So many additions of what they come to leave room in a digit of 64 bits.
_ADDITIONS = 1 << 8
# One sum alone would have every addition wait for the one before: it is as many side by side.
_LANES = 8
_BELOW_FLOAT32 = np.int64((1 << 29) - 1)
_SPLITTER = 134217729.0


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

    def add(self, values: Array, place: Array | None = None) -> None:
        """Add numbers, each at its place; without places all to the first sum."""
        for start in range(0, len(values), _ROWS):
            part = np.ascontiguousarray(values[start : start + _ROWS], np.float64)
            self._add(part, None if place is None else place[start : start + _ROWS])

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

    def _add(self, values: Array, place: Array | None) -> None:
        bits = values.view(np.int64)
        exponent = (bits >> 52) & _EXPONENT
        low, top = int(exponent.min()), int(exponent.max())
        if top == _EXPONENT:
            ended = exponent == _EXPONENT
            self._end(np.zeros(1, np.int64) if place is None else place[ended])
            return self._add(np.where(ended, 0.0, values), place)
        upper = (bits & _UPPER).view(np.float64)
        # Of numbers that were float32 the lower halves are 0.
        lower = values - upper
        halves = (upper, lower) if lower.any() else (upper,)
        exponent -= low
        span = top - low + 1
        if place is None:
            exponent += (np.arange(len(values)) & (_LANES - 1)) * span
            self._add_cells(exponent, halves, low, (_LANES, span), lanes=True)
        elif self.size * span <= max(1 << 12, 4 * len(values)):
            exponent += place * span
            self._add_cells(exponent, halves, low, (self.size, span))
        else:
            # Many places, of which few are met: those that are.
            cells, index = np.unique(place * span + exponent, return_inverse=True)
            self._add_cells(index, halves, low, (1, len(cells)), cells, span)
        self._additions += 1
        self._carry_in_time()

    def _add_cells(
        self, cell: Array, halves: tuple[Array, ...], low: int, shape: tuple[int, int],
        cells: Array | None = None, span: int = 1, *, lanes: bool = False,
    ) -> None:  # fmt: skip
        """Add halves of numbers in cells of one place and one power of two each: a grid of them,
        or those that `cells` lists."""
        power, places = np.arange(low, low + shape[1]), None
        if cells is not None:
            places, power = np.divmod(cells, span)
            power += low
        # Numbers below the smallest normal one stand for the same power of two as the next ones.
        power = np.maximum(power, 1) - 1
        for half, at in zip(halves, (power + 27, power), strict=False):
            sums = np.bincount(cell, half, shape[0] * shape[1]).reshape(shape)
            whole = np.ldexp(sums, -LEAST - at).astype(np.int64)
            if lanes:
                whole = whole.sum(axis=0, keepdims=True)
            digit, shift = np.divmod(at, _DIGIT)
            rest = _DIGIT - shift
            parts = ((whole & ((1 << rest) - 1)) << shift, whole >> rest)
            if places is None:
                self._add_grid(digit, parts)
                continue
            for digits, part in zip((digit, digit + 1), parts, strict=True):
                for k in np.unique(digits).tolist():
                    there = digits == k
                    self._add_digit(k, part[0, there], places[there])

    def _add_grid(self, digit: Array, parts: tuple[Array, Array]) -> None:
        """Add columns of integers to their digits, which ascend, and to the next ones."""
        starts = np.flatnonzero(np.diff(digit, prepend=-1))
        lower, higher = (np.add.reduceat(part, starts, axis=1) for part in parts)
        for i, k in enumerate(digit[starts].tolist()):
            self._add_digit(k, lower[:, i], None)
            self._add_digit(k + 1, higher[:, i], None)

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


def products(a: Array, b: Array) -> tuple[Array, ...]:
    """Arrays that sum to the products a · b exactly: those rounded and, where numbers have more
    digits than float32, what rounding took (Dekker, 1971). Beyond 10^±290 that is lost."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        product = a * b
        if _short(a) and (a is b or _short(b)):
            return (product,)
        a_upper, a_lower = _halves(a)
        b_upper, b_lower = (a_upper, a_lower) if a is b else _halves(b)
        off = a_upper * b_upper - product
        off += a_upper * b_lower
        off += a_lower * b_upper
        off += a_lower * b_lower
    off[~np.isfinite(off)] = 0.0
    return product, off


def _short(values: Array) -> bool:
    """Whether all have no more digits than a float32."""
    return not np.bitwise_or.reduce(values.view(np.int64)) & _BELOW_FLOAT32


def _halves(values: Array) -> tuple[Array, Array]:
    big = values * _SPLITTER
    upper = big - (big - values)
    return upper, values - upper
