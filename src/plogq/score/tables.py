"""Parquet and Arrow IPC files, a batch at a time, in memory that does not grow with the rows."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from . import arrow
from .column import Batch, Widths

_arrow: Any = pa
_parquet: Any = pq

# A column's pages are read in pieces of this size. Without it pyarrow takes in a row group's whole
# column, and with its default, pre_buffer, the whole file: 442 MB of a 462 MB file, measured.
_BUFFER = 1 << 18

# Batches are read in a thread of their own already. With two processors that thread has one and
# the arithmetic the other, and more threads only wait for one another.
_DECODE_IN_THREADS = (os.cpu_count() or 1) > 2


class Parquet:
    """A Parquet file, read page by page."""

    def __init__(self, path: Path) -> None:
        self._path = path
        file = self._open()
        schema = file.schema_arrow
        self._rows = int(file.metadata.num_rows)
        self.fields = [arrow.field(f.name, f.type) for f in schema]

    def _open(self) -> Any:
        return _parquet.ParquetFile(self._path, pre_buffer=False, buffer_size=_BUFFER)

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        start = 0
        with self._open() as file:
            batches = file.iter_batches(
                batch_size=rows, columns=list(names), use_threads=_DECODE_IN_THREADS
            )
            for record in batches:
                end = start + record.num_rows
                yield _batch(record, start, names, widths, end / self._rows)
                start = end


class ArrowIPC:
    """An Arrow IPC file or stream, through a memory map: only the batch in hand is touched."""

    def __init__(self, path: Path, *, stream: bool) -> None:
        self._path = path
        self._stream = stream
        with _arrow.memory_map(str(path)) as mapped:
            self.fields = [arrow.field(f.name, f.type) for f in self._open(mapped, None).schema]

    def _open(self, mapped: Any, names: Sequence[str] | None) -> Any:
        options = _arrow.ipc.IpcReadOptions()
        if names is not None:
            options.included_fields = [
                i for i, field in enumerate(self.fields) if field.name in names
            ]
        opened = _arrow.ipc.open_stream if self._stream else _arrow.ipc.open_file
        return opened(mapped, options=options)

    def _records(self, mapped: Any, names: Sequence[str]) -> Iterator[tuple[Any, float]]:
        """The batches as they were written, and how much of the file has been read with each."""
        reader = self._open(mapped, names)
        if self._stream:
            for record in reader:
                yield record, mapped.tell() / mapped.size()
        else:
            for i in range(reader.num_record_batches):
                yield reader.get_batch(i), (i + 1) / reader.num_record_batches

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        start = 0
        with _arrow.memory_map(str(self._path)) as mapped:
            for record, done in self._records(mapped, names):
                for offset in range(0, record.num_rows, rows):
                    part = record.slice(offset, rows)
                    yield _batch(part, start, names, widths, done)
                    start += part.num_rows


def _batch(record: Any, start: int, names: Sequence[str], widths: Widths, done: float) -> Batch:
    columns = {name: arrow.column(record.column(name), name, widths.get(name)) for name in names}
    return Batch(start, int(record.num_rows), columns, done)
