"""What the numbers of arrays show, batch by batch: ranges, one-hot rows, padding at row ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

_MOST = 1 << 20  # numbers of one array that are looked at
_ROWS = 4096
_CLASSES = 4096
Numbers = np.ndarray[Any, Any]


def cut(values: Numbers, most: int = _MOST) -> Numbers:
    """The first events of a large array."""
    if values.size <= most or values.ndim == 0:
        return values
    per = max(1, values.size // max(1, values.shape[0]))
    return values[: max(1, most // per)]


@dataclass
class Evidence:
    """What was seen of the numbers that one call site got, over some batches."""

    n: int = 0
    batches: int = 0
    low: float | None = None
    high: float | None = None
    whole: bool = True
    bits: bool = True  # zeros and ones alone
    rows: int = 0
    hot: int = 0  # rows with a single one, and zeros
    empty: int = 0
    several: int = 0  # rows of zeros and at least two ones
    soft: int = 0  # rows in [0, 1] that sum to 1
    log_rows: int = 0  # rows of logarithms that sum to 1
    ones: int = 0
    counts: Numbers = field(default_factory=lambda: np.zeros(0, np.int64))
    ends: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    within: list[int] = field(default_factory=list[int])  # see `_within`
    bad: bool = False  # NaN or infinite

    def add(
        self,
        values: Numbers,
        axis: int | None,
        aside: int | None = None,
        ignored: int | None = None,
    ) -> None:
        """Count one batch; `axis` is where the classes lie, `aside` a label that is no class and
        `ignored` one that may be."""
        values = np.asarray(values)
        if values.dtype.kind not in "biuf" or values.size == 0:
            return
        values = cut(values)
        if values.dtype.kind == "f":
            values = values.astype(np.float64, copy=False)
            if not np.isfinite(values).all():
                self.bad = True
                return
        whole = values.dtype.kind != "f" or (
            float(values.flat[0]).is_integer() and bool((values == np.trunc(values)).all())
        )
        self.batches += 1
        self.whole = self.whole and whole
        labels = values
        if aside is not None and whole:
            labels = values[values != aside]
        if labels.size:
            low, high = float(labels.min()), float(labels.max())
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
            self.bits = self.bits and whole and low >= 0 and high <= 1
        self.n += labels.size
        if whole and labels.size and self.low is not None and self.low >= 0:
            self._count(labels)
        if axis is not None and values.ndim >= 2 and values.shape[axis] >= 2:
            self._rows(np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis]), whole)
        if whole and values.ndim == 2:
            self._ends(values)
            if ignored is not None:
                known = self.within or [0, 0, 0]
                found = (int((values == ignored).sum()), _within(values, ignored),
                         _within(values.T, ignored))  # fmt: skip
                self.within = [a + b for a, b in zip(known, found, strict=True)]

    def _count(self, labels: Numbers) -> None:
        flat = labels.reshape(-1).astype(np.int64, copy=False)
        self.ones += int((flat == 1).sum())
        if flat.max() < _CLASSES:
            seen = np.bincount(flat)
            wide = max(len(seen), len(self.counts))
            both = np.zeros(wide, np.int64)
            both[: len(self.counts)] += self.counts
            both[: len(seen)] += seen
            self.counts = both

    def _rows(self, rows: Numbers, whole: bool) -> None:
        rows = rows[: max(16, min(_ROWS, _MOST // rows.shape[1]))].astype(np.float64, copy=False)
        self.rows += len(rows)
        lows, highs = rows.min(1), rows.max(1)
        inside, negative = (lows >= 0) & (highs <= 1), highs <= 1e-6
        if negative.any():
            with np.errstate(over="ignore", under="ignore"):
                self.log_rows += int((negative & (np.abs(np.exp(rows).sum(1) - 1) < 2e-3)).sum())
        if not inside.any():
            return
        sums = rows.sum(1)
        near = np.abs(sums - 1) < 2e-3
        if whole:
            self.hot += int((inside & (sums == 1)).sum())
            self.empty += int((inside & (sums == 0)).sum())
            self.several += int((inside & (sums >= 2)).sum())
        self.soft += int((inside & near).sum())

    def _ends(self, values: Numbers) -> None:
        """Labels that fill the ends of rows: how far each row is filled, how often elsewhere."""
        if values.shape[0] < 2 or values.shape[1] < 2:
            return
        last = values[:, -1].astype(np.int64, copy=False)
        label = int(np.bincount(last - last.min()).argmax() + last.min()) if (
            int(last.max()) - int(last.min()) < 1 << 20
        ) else int(last[0])  # fmt: skip
        same = values[:, ::-1] == label
        run = np.where(same.all(1), values.shape[1], (~same).argmax(1))
        known = self.ends.setdefault(label, [0, 0, 0, 0, 0])
        filled = int(run.sum())
        known[0] += filled
        known[1] += int(same.sum()) - filled  # elsewhere
        known[2] = max(known[2], len(set(run.tolist())))
        known[3] = max(known[3], int(run.max()))
        known[4] += int((run > 0).sum())

    def padding(self) -> int | None:
        """The label that fills the ends of rows of several lengths and occurs nowhere else."""
        for label, (filled, elsewhere, lengths, longest, rows) in self.ends.items():
            many = filled >= 3 and rows >= 2 and longest >= 2 and lengths >= 2
            if many and elsewhere <= 0.02 * filled:
                return label
        return None

    @property
    def is_class(self) -> bool | None:
        """Whether an ignored label stands between others, and not at the ends of rows alone,
        whichever axis counts the rows; None where no rows were seen."""
        if not self.within:
            return None
        all_of_it, *inside = self.within
        return min(inside) > 0.02 * all_of_it

    @property
    def share_of_ones(self) -> float:
        return self.ones / self.n if self.n else 0.0

    @property
    def all_hot(self) -> bool:
        """Every row has a single one."""
        return self.rows > 0 and self.hot == self.rows

    @property
    def all_soft(self) -> bool:
        """Every row lies in [0, 1] and sums to 1."""
        return self.rows > 0 and self.soft == self.rows


def _within(values: Numbers, label: int) -> int:
    """How often a label stands in a row with others on both sides of it."""
    same = values == label
    leading = np.logical_and.accumulate(same, 1)
    trailing = np.logical_and.accumulate(same[:, ::-1], 1)[:, ::-1]
    return int((same & ~leading & ~trailing).sum())


def hot_axis(values: Numbers, axis: int) -> int | None:
    """The axis along which each row has a single one: the one that is asked for, or the other."""
    values = cut(values, 1 << 14)
    for at in (axis, 1 - axis) if values.ndim == 2 else (axis,):
        seen = Evidence()
        seen.add(values, at)
        if seen.all_hot:
            return at
    return None
