"""Parquet and Arrow IPC files, a batch at a time, in memory that does not grow with the rows."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import arrow
from .column import MOST_CLASSES, Batch, Field, Widths
from .nested import Nesting
from .places import Remote, raw_file

_arrow: Any = pa
_parquet: Any = pq

# A column's pages are read in pieces of this size. Without it pyarrow takes in a row group's whole
# column, and with its default, pre_buffer, the whole file: 442 MB of a 462 MB file, measured.
_BUFFER = 1 << 18
# A store is asked for every piece, which takes longer than the piece.
_REMOTE_BUFFER = 1 << 23

# So many rows are worth being read apart from others.
_PIECE = 1 << 18

# Rows that say which names stand beside numbers.
_FIRST = 1000

# Of lists, what a batch may hold: the rows that look at a file first may be long ones.
_BATCH_NUMBERS = 1 << 22

# Batches are read in a thread of their own already. With two processors that thread has one and
# the arithmetic the other, and more threads only wait for one another.
_DECODE_IN_THREADS = (os.cpu_count() or 1) > 2


class Parquet:
    """A Parquet file, read page by page."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as file:
            self._rows = int(file.metadata.num_rows)
            self.about = arrow.about(file.schema_arrow)
            self._nesting = Nesting(file.schema_arrow)
            if holders := self._nesting.holders:
                records = file.iter_batches(_FIRST, columns=holders, use_threads=False)
                _learn(self._nesting, records)
            fields = self._nesting.fields
            lists = [f.name for f in fields if f.kind == "list"]
            self._lengths = self._first_lengths(file, lists) if lists else {}
        # Zeros take no room in a file, and a row of them is read whole.
        long = {name: n for name, n in self._lengths.items() if n > MOST_CLASSES}
        self.fields = [
            Field(f.name, "other", long[f.name]) if f.name in long else f for f in fields
        ]

    def _first_lengths(self, file: Any, names: Sequence[str]) -> dict[str, int]:
        """How long the lists of these columns are in the first row. The file's own figures would
        tell of all rows, but pyarrow ends the process where they are wrong."""
        tops = self._nesting.tops(names)
        for record in file.iter_batches(batch_size=1, columns=tops, use_threads=False):
            record.validate(full=True)
            first = batch_of(self._nesting.record(record), 0, names, {}, 0.0)
            return {name: column.values.shape[1] for name, column in first.columns.items()}
        return {}

    @contextmanager
    def _opened(self) -> Generator[Any, None, None]:
        buffer = _REMOTE_BUFFER if isinstance(self._path, Remote) else _BUFFER
        with (
            raw_file(self._path) as raw,
            _parquet.ParquetFile(raw, pre_buffer=False, buffer_size=buffer) as file,
        ):
            yield file

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        yield from self._read(None, 0, names, rows, widths)

    def cuts(self) -> list[int]:
        """See `Spans`: where enough row groups end."""
        return _cuts(self._group_rows())

    def between(
        self, span: tuple[int, int], names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """See `Spans`."""
        ends = np.cumsum(self._group_rows())
        groups = np.flatnonzero((ends > span[0]) & (ends <= span[1]))
        yield from self._read(groups.tolist(), span[0], names, rows, widths)

    def _group_rows(self) -> list[int]:
        with self._opened() as file:
            found = file.metadata
            return [int(found.row_group(i).num_rows) for i in range(found.num_row_groups)]

    def _read(
        self, groups: list[int] | None, start: int, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        numbers = sum(self._lengths.get(name, 0) for name in names)
        rows = max(1, min(rows, _BATCH_NUMBERS // max(1, numbers)))
        with self._opened() as file:
            batches = file.iter_batches(
                batch_size=rows,
                row_groups=groups,
                columns=self._nesting.tops(names),
                use_threads=_DECODE_IN_THREADS,
            )
            for record in batches:
                record.validate(full=True)
                end = start + record.num_rows
                flat = self._nesting.record(record)
                yield batch_of(flat, start, names, widths, end / max(end, self._rows))
                start = end


def _cuts(counts: Sequence[int]) -> list[int]:
    """Where parts of so many rows each end, of which some are taken together to be worth it."""
    found, row = [0], 0
    for count in counts:
        row += count
        if row - found[-1] >= _PIECE:
            found.append(row)
    if row > found[-1]:
        found.append(row)
    return found


class ArrowIPC:
    """An Arrow IPC file or stream, a batch at a time, as it was written.

    Not through a memory map: where a file that is mapped is cut short, the process is killed.
    """

    def __init__(self, path: Path, *, stream: bool) -> None:
        self._path = path
        self._stream = stream
        with self._opened() as raw:
            schema = self._reader(raw, None).schema
            self._nesting, self.about = Nesting(schema), arrow.about(schema)
        if holders := self._nesting.holders:
            with self._opened() as raw:
                _learn(self._nesting, (record for record, _ in self._records(raw, holders, None)))
        self.fields = self._nesting.fields

    def _opened(self) -> Any:
        return raw_file(self._path)

    def _reader(self, raw: Any, names: Sequence[str] | None) -> Any:
        options = _arrow.ipc.IpcReadOptions()
        if names is not None:
            options.included_fields = self._nesting.places(names)
        opened = _arrow.ipc.open_stream if self._stream else _arrow.ipc.open_file
        return opened(raw, options=options)

    def _records(
        self, raw: Any, names: Sequence[str] | None, which: range | None
    ) -> Iterator[tuple[Any, float]]:
        """The batches as they were written, and how much of the file has been read with each."""
        reader = self._reader(raw, names)
        if self._stream:
            for record in reader:
                yield record, raw.tell() / (raw.size() or raw.tell())
        else:
            count = reader.num_record_batches
            for i in range(count) if which is None else which:
                yield reader.get_batch(i), (i + 1) / count

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        yield from self._read(None, 0, names, rows, widths)

    def cuts(self) -> list[int]:
        """See `Spans`: where enough batches end."""
        return [0] if self._stream else _cuts(self._batch_rows())

    def between(
        self, span: tuple[int, int], names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """See `Spans`."""
        ends = np.cumsum(self._batch_rows())
        first, last = np.searchsorted(ends, span, side="right").tolist()
        yield from self._read(range(first, last), span[0], names, rows, widths)

    def _batch_rows(self) -> list[int]:
        # Only a batch says how many rows it has: of one column little is read.
        plain = [f.name for f in self.fields if f.numeric][:1]
        with self._opened() as raw:
            return [int(r.num_rows) for r, _ in self._records(raw, plain or None, None)]

    def _read(
        self, which: range | None, start: int, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        with self._opened() as raw:
            for record, done in self._records(raw, names, which):
                # What the file says of offsets and indices is taken at its word from here on.
                record.validate(full=True)
                for offset in range(0, record.num_rows, rows):
                    part = self._nesting.record(record.slice(offset, rows))
                    yield batch_of(part, start, names, widths, done)
                    start += part.num_rows


def _learn(nesting: Nesting, records: Iterator[Any]) -> None:
    """Take the names that stand beside numbers from the first rows."""
    for record in records:
        record.validate(full=True)
        nesting.learn(_arrow.Table.from_batches([record.slice(0, _FIRST)]))
        return


def batch_of(record: Any, start: int, names: Sequence[str], widths: Widths, done: float) -> Batch:
    """A batch of Arrow as ours."""
    places = {name: i for i, name in enumerate(record.schema.names)}
    columns = {
        name: arrow.column(record.column(places[name]), name, widths.get(name)) for name in names
    }
    return Batch(start, int(record.num_rows), columns, done)
