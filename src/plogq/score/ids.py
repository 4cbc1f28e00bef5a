"""The rows of a file by the ids in one of its columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from .column import Array, Column, InputError


class Ids:
    """A column of ids, each of them once."""

    def __init__(self, column: Column, name: str, file: str) -> None:
        if column.faults:
            row = int(np.argmax(column.faults[0].rows))
            raise InputError(f"{file}, row {row:,}: {name} is missing")
        ids = column.values
        self._keys = ids.astype(str) if ids.dtype.kind in "OUT" else ids
        self._order = np.argsort(self._keys, kind="stable")
        self._sorted = self._keys[self._order]
        twice = self._sorted[1:][self._sorted[1:] == self._sorted[:-1]]
        if len(twice):
            some = ", ".join(written(np.unique(twice)[:3]))
            raise InputError(f"{file} has ids more than once, such as {some}")

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def values(self) -> Array:
        """The id of every row."""
        return self._keys

    def named(self, places: Array) -> list[str]:
        """The ids of some rows."""
        return written(self._keys[places])

    def find(self, ids: Array) -> Array:
        """The row of each id, -1 where there is none."""
        if not len(self._keys):
            return np.full(len(ids), -1)
        text = self._keys.dtype.kind == "U"
        if text != (ids.dtype.kind in "OUT"):
            # Numbers on one side and text on the other.
            ids = ids.astype(str) if text and ids.dtype.kind in "OUT" else _as(ids, text)
        elif text:
            ids = np.array(["" if v is None else v for v in ids.tolist()], str)
        at = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        return np.where(self._sorted[at] == ids, self._order[at], -1)


def written(ids: Array) -> list[str]:
    """Ids as they would be written."""
    return [_plain(v) for v in ids.tolist()]


def _as(ids: Array, text: bool) -> Array:
    if text:
        return np.array(written(ids), str)
    numbers: list[float] = []
    for value in ids.tolist():
        try:
            numbers.append(float(value))
        except (TypeError, ValueError):
            numbers.append(np.nan)
    return np.array(numbers)


def _plain(value: Any) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
