"""A prediction or soft target of one batch as one array, with its class axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..native import _cpu
from ..native.processor import chosen
from ..native.sums import F32, F64, contiguous
from .column import Array, Batch
from .naming import Group

# The kernels' numbers for the types that blocks have.
CODES = {np.dtype(np.float32): F32, np.dtype(np.float64): F64}
# Below so many rows the columns are many, and a call for each takes longer than its numbers.
_FEW_ROWS = 64


@dataclass(frozen=True, slots=True)
class Block:
    """Numbers with the classes on `axis`; (rows,) with axis None for yes/no outcomes.

    Columns of their own stay where they are, in `parts`, and are an array of shape (K, rows) for
    who asks for their `values` alone: putting them side by side takes longer than what is done with
    them. Where the columns were looked at, `sums` and `tops` are every row's sum and maximum,
    `best` the first class that has it, and `least` is the least value of all.
    """

    stored: Array | None
    axis: int | None
    sums: Array | None = None
    tops: Array | None = None
    best: Array | None = None
    least: float | None = None
    parts: tuple[Array, ...] = ()

    @property
    def values(self) -> Array:
        """All numbers as one array."""
        if self.stored is None:
            object.__setattr__(self, "stored", np.stack(self.parts))
        assert self.stored is not None
        return self.stored

    @property
    def columns(self) -> list[Array]:
        """The numbers of every class as the kernels want them."""
        if self.parts:
            return list(self.parts)
        values = self.values.T if self.axis == 1 else self.values
        return list(contiguous(values, values.dtype.type))

    def __len__(self) -> int:
        return len(
            self.parts[0] if self.parts else self.values[0] if self.axis == 0 else self.values
        )

    def rows(self, keep: Array) -> Block:
        """Some of the rows."""
        if self.parts:
            values = np.stack([part[keep] for part in self.parts])
        else:
            values = self.values[:, keep] if self.axis == 0 else self.values[keep]
        sums, tops, best = (None if x is None else x[keep] for x in self._of_rows)
        return Block(values, self.axis, sums, tops, best)

    @property
    def _of_rows(self) -> tuple[Array | None, Array | None, Array | None]:
        return self.sums, self.tops, self.best

    def totals(self) -> Array:
        """The sum of every row."""
        if self.sums is not None or self.axis is None:
            return self.values if self.sums is None else self.sums
        return across(self.values, self.axis)

    def maxima(self) -> Array:
        """The maximum of every row."""
        return self.values.max(axis=self.axis) if self.tops is None else self.tops

    def minimum(self) -> float:
        """The least value of all that are numbers."""
        return float(np.fmin.reduce(self.values, axis=None)) if self.least is None else self.least

    def row(self, i: int) -> Array:
        """All values of one row."""
        if self.parts:
            return np.array([part[i] for part in self.parts])
        return np.atleast_1d(self.values[:, i] if self.axis == 0 else self.values[i])

    def of_class(self, index: Array) -> Array:
        """In each row the value of one class; for yes/no outcomes the only value there is."""
        if self.axis is None:
            return self.values
        if self.parts:
            found = np.empty(len(index), self.parts[0].dtype)
            _cpu.taken(list(self.parts), CODES[found.dtype], contiguous(index, np.int64), found)
            return found
        values = self.values
        # One take over the flat array costs a third of indexing with two arrays.
        place = np.arange(len(index))
        if self.axis == 0:
            place += index * len(index)
        else:
            place *= values.shape[1]
            place += index
        return values.reshape(-1).take(place)

    def shares(self) -> Block:
        """Every row divided by its sum."""
        totals = self.totals()
        with np.errstate(divide="ignore", invalid="ignore"):
            return Block(self.values / (totals[:, None] if self.axis == 1 else totals), self.axis)

    def clipped(self, by: float) -> Block:
        """The values at least this far away from 0 and 1."""
        return Block(np.clip(self.values, by, 1 - by), self.axis)


def across(values: Array, axis: int) -> Array:
    """The sum of every row over its classes, which are on `axis`; in one order, however many rows
    there are: NumPy itself adds those of a single row in another one."""
    if axis == 0 and values.shape[1] == 1:
        return np.cumsum(values, axis=0)[-1]
    return values.sum(axis=axis)


def read_block(group: Group, batch: Batch, binary: bool, factor: float = 1.0) -> Block:
    """The columns of a group as one block, in float32 or float64, times a factor."""
    parts = [batch.columns[name].values for name in group.names]
    # float16 sums lose the digits that the checks look at; float32 holds every float16.
    small = all(p.dtype.kind == "f" and p.dtype.itemsize <= 4 for p in parts)
    dtype: Any = np.float32 if small else np.float64
    if len(parts) == 1:
        values = np.ascontiguousarray(parts[0], dtype)
        return Block(values if factor == 1 else values * dtype(factor), None if binary else 1)
    if batch.rows <= _FEW_ROWS:
        values = np.concatenate(parts, dtype=dtype).reshape(len(parts), -1)
        values = values if factor == 1 else values * dtype(factor)
        return Block(values, 0, across(values, 0), values.max(axis=0))
    columns = [contiguous(part, dtype) for part in parts]
    if factor != 1:
        columns = [column * dtype(factor) for column in columns]
    sums, tops, best = (np.empty(batch.rows, kind) for kind in (dtype, dtype, np.int32))
    least = _cpu.rows_of(chosen(), columns, CODES[np.dtype(dtype)], sums, tops, best)
    return Block(None, 0, sums, tops, best, least, tuple(columns))
