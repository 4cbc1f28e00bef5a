"""The truth from another file, found by id or by order."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from .column import Array, Batch, Column, Fault, Field, InputError, Source, Widths
from .ids import Ids, written
from .naming import is_identifier, listed, quoted

_ROWS = 1 << 16


class Joined:
    """Predictions with the columns of the truth beside them.

    The truth is held in memory; the predictions are read a batch at a time. Columns that both
    files have are those of the truth under the name `truth.NAME`.
    """

    def __init__(
        self, source: Source, truth: Source, on: str | None, names: tuple[str, str]
    ) -> None:
        self._source, self._on, self._names = source, on, names
        own = {f.name for f in source.fields}
        for where, fields in ((names[0], own), (names[1], {f.name for f in truth.fields})):
            if on is not None and on not in fields:
                raise InputError(
                    f"--on: {where} has no column {on!r}; it has {listed(list(fields))}"
                )
        both = [n for n in own if is_identifier(n) and any(f.name == n for f in truth.fields)]
        if on is None and both:
            raise InputError(
                f"{names[0]} and {names[1]} both have a column {both[0]!r}: add --on "
                f"{quoted(both[0])} to match their rows by it"
            )
        added = [f for f in truth.fields if f.kind != "other" and f.name != on]
        self._truth = _Truth(truth, [f.name for f in added], on, names[1])
        self._added = {(f"truth.{f.name}" if f.name in own else f.name): f.name for f in added}
        self.fields: Sequence[Field] = [
            *source.fields,
            *(replace(f, name=n) for f, n in zip(added, self._added, strict=True)),
        ]
        how = f"matched by {on!r}" if on is not None else "in the same order"
        note = f"The truth is in {names[1]}, {how} ({self._truth.rows:,} rows)."
        usable = tuple(n for n, old in self._added.items() if not is_identifier(old))
        self.about = replace(
            source.about, notes=(note, *source.about.notes), truth=usable or tuple(self._added)
        )

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The predictions from their beginning; see `Source`."""
        stored = [n for n in names if n not in self._added]
        if self._on is not None and self._on not in stored:
            stored.append(self._on)
        # Something has to be read for the rows to be counted.
        stored = stored or [self._source.fields[0].name]
        used = np.zeros(self._truth.rows, bool)
        row = 0
        with closing(self._source.batches(stored, rows, widths)) as batches:
            for batch in batches:
                places, wrong = self._places(batch, used)
                row = max(row, *(n + 1 for n, _ in batch.lost), int(batch.start + batch.rows), 0)
                columns = dict(batch.columns)
                for name, old in self._added.items():
                    if name in names:
                        column = self._truth.column(old, places, widths.get(name))
                        columns[name] = replace(column, faults=[*wrong, *column.faults])
                yield replace(batch, columns=columns)
        self._check_rest(used, row)

    def _places(self, batch: Batch, used: Array) -> tuple[Array, list[Fault]]:
        """Which row of the truth each prediction has."""
        if self._on is None:
            places = batch.number(np.arange(batch.rows))
            if len(places) and places[-1] >= self._truth.rows:
                raise InputError(
                    f"{self._names[0]} has more rows than {self._names[1]}, which has "
                    f"{self._truth.rows:,}: add --on with the column of ids that both have"
                )
            return places, []
        if not batch.rows:
            return np.zeros(0, np.int64), []
        column = batch.columns[self._on]
        sound = np.ones(batch.rows, bool)
        for fault in column.faults:
            sound &= ~fault.rows
        places = self._truth.ids.find(column.values)
        unknown = (places < 0) & sound
        if unknown.any():
            ids = written(column.values[unknown][:3])
            raise InputError(
                f"{self._names[0]} has ids that {self._names[1]} has not, such as {', '.join(ids)} "
                f"({int(unknown.sum()):,} in the rows from {batch.start:,} on)"
            )
        places = np.maximum(places, 0)
        seen, counts = np.unique(places[sound], return_counts=True)
        twice = seen[(counts > 1) | used[seen]]
        if len(twice):
            ids = self._truth.ids.named(twice[:3])
            raise InputError(f"{self._names[0]} has ids more than once, such as {', '.join(ids)}")
        used[seen] = True
        return places, list(column.faults)

    def _check_rest(self, used: Array, row: int) -> None:
        if self._on is None:
            if row < self._truth.rows:
                raise InputError(
                    f"{self._names[0]} has {row:,} rows and {self._names[1]} "
                    f"{self._truth.rows:,}: add --on with the column of ids that both have"
                )
            return
        rest = np.flatnonzero(~used)
        if len(rest):
            ids = self._truth.ids.named(rest[:3])
            raise InputError(
                f"{len(rest):,} ids of {self._names[1]} are missing in {self._names[0]}, such as "
                f"{', '.join(ids)}"
            )


class _Truth:
    """The columns of the truth in memory, and their rows by id."""

    def __init__(self, source: Source, names: Sequence[str], on: str | None, name: str) -> None:
        read = [*names, *([on] if on is not None else [])]
        parts: dict[str, list[Column]] = {n: [] for n in read}
        self.rows = 0
        with closing(source.batches(read, _ROWS, {})) as batches:
            for batch in batches:
                if batch.lost:
                    row, why = batch.lost[0]
                    raise InputError(f"{name}, row {row:,}: {why}")
                self.rows += batch.rows
                for n in read:
                    parts[n].append(batch.columns[n])
        if not self.rows:
            raise InputError(f"{name} has no rows")
        self._columns = {n: joined(parts[n], n, name) for n in read}
        if on is not None:
            self.ids = Ids(self._columns[on], on, name)

    def column(self, name: str, places: Array, width: int | None) -> Column:
        """Some rows of a column."""
        column = self._columns[name]
        values = column.values[places]
        if width is not None and values.ndim == 2 and values.shape[1] != width:
            raise InputError(f"{name} has {values.shape[1]} values a row instead of {width}")
        return Column(values, [_taken(fault, places) for fault in column.faults])


def _taken(fault: Fault, places: Array) -> Fault:
    return Fault(fault.rows[places], lambda i: fault.why(int(places[i])), fault.cause)


def joined(parts: Sequence[Column], column: str, name: str) -> Column:
    """The batches of a column as one."""
    if len({part.values.shape[1:] for part in parts}) > 1:
        raise InputError(f"{name}: the lists of {column!r} are not of one length")
    values = np.concatenate([part.values for part in parts])
    faults: list[Fault] = []
    start = 0
    for part in parts:
        for fault in part.faults:
            rows = np.zeros(len(values), bool)
            rows[start : start + len(fault.rows)] = fault.rows
            faults.append(Fault(rows, lambda i, f=fault, at=start: f.why(i - at), fault.cause))
        start += len(part.values)
    return Column(values, faults)
