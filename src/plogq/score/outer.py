"""Sums of outer products Σ a qᵀ that come to the same however rows are cut, ordered and merged.

Both factors are cut into whole numbers of few bits times powers of two. The products of those, and
the sums of so many of them, have no more than 53 bits: a matrix product of float64 rounds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np

from .column import Array
from .exact import Sums

# Bits of the first factor, half those of the second, and of the number of rows: 22 + 17 + 14 = 53.
_BITS, _HALF, _ROWS = 22, 16, 1 << 14
# Such sums have 53 bits, so that so many of them have 62.
_ADDITIONS = 1 << 9
# Shares are whole multiples of this, far below what is shown.
UNITS = 2.0 ** (2 * _HALF)


class Outer:
    """Running totals of shape (rows, columns)."""

    def __init__(self, rows: int, columns: int) -> None:
        self._shape = rows, columns
        # By the power of two that they are multiples of, since they were last brought to `_sums`.
        self._waiting: dict[int, Array] = {}
        self._additions = 0
        self._sums = Sums(0)

    def add(self, weights: Array, shares: Array, truth: Array | None = None) -> None:
        """Add the products of `weights`, shape (n, rows) and not below 0, with shares, shape
        (n, columns) and from 0 to 1; or of one weight for each, which is that of row `truth`."""
        for start in range(0, len(shares), _ROWS):
            part = slice(start, start + _ROWS)
            q, total = np.rint(shares[part].astype(np.float64) * UNITS), _total
            weight = weights[part].astype(np.float64)
            if truth is not None:
                order = np.argsort(truth[part], kind="stable")
                q, weight, total = q[order], weight[order], _by_row(truth[part][order])
            upper = np.floor(q / 2.0**_HALF)
            pieces = (upper, -_HALF), (q - upper * 2.0**_HALF, -2 * _HALF)
            for digits, power in _digits(weight):
                for piece, down in pieces:
                    rows, sums = total(digits, piece)
                    self._wait(power + down, rows, sums)
            self._additions += 1
            if self._additions == _ADDITIONS:
                self._settle()

    def merge(self, other: Outer) -> None:
        """Add what another one of the same shape has."""
        self._settle()
        other._settle()
        self._sums.grow(other._sums.size)
        self._sums.merge(other._sums, np.arange(other._sums.size))

    def floats(self) -> Array:
        """Every sum, but for its last bits; the same ones for the same sum."""
        self._settle()
        if not self._sums.size:
            return np.zeros(self._shape)
        return self._sums.nearly().reshape(self._shape)

    def _wait(self, power: int, rows: Array | slice, sums: Array) -> None:
        if power not in self._waiting:
            self._waiting[power] = np.zeros(self._shape, np.int64)
        self._waiting[power][rows] += sums.astype(np.int64)

    def _settle(self) -> None:
        """Bring what waits to the sums, before it could overflow."""
        self._additions = 0
        if not self._waiting:
            return
        every = np.arange(self._shape[0] * self._shape[1])
        self._sums.grow(len(every))
        for power, waiting in self._waiting.items():
            upper = (waiting >> 32) << 32
            for half in (upper, waiting - upper):
                self._sums.add(np.ldexp(half.astype(np.float64), power).reshape(-1), every)
        self._waiting = {}


_Total = Callable[[Array, Array], tuple[Array | slice, Array]]


def _total(weight: Array, shares: Array) -> tuple[slice, Array]:
    return slice(None), weight.T @ shares


def _by_row(truth: Array) -> _Total:
    """The same for one weight each, where those of one row are beside each other."""
    starts = np.flatnonzero(np.diff(truth, prepend=-1))

    def total(weight: Array, shares: Array) -> tuple[Array, Array]:
        return truth[starts], np.add.reduceat(weight[:, None] * shares, starts, axis=0)

    return total


def _digits(values: Array) -> Generator[tuple[Array, int], None, None]:
    """Whole numbers of few bits, and the power of two that each is to be taken times: together
    they are the values, which are not below 0."""
    _, exponents = np.frexp(values)
    place = int(exponents.max(initial=0)) // _BITS
    while values.any():
        digits = np.floor(np.ldexp(values, -_BITS * place))
        if digits.any():
            yield digits, _BITS * place
        values = values - np.ldexp(digits, _BITS * place)
        place -= 1
