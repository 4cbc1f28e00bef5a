"""Every row's loss, written to a file as the rows are scored."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from .column import Array, InputError
from .events import Events

_arrow: Any = pa
_csv: Any = pacsv
_parquet: Any = pq


def columns_of(events: Events) -> dict[str, Array]:
    """What is told of every event."""
    every = np.arange(len(events.loss))
    return {
        "row": events.numbers(every).astype(np.int64),
        "cross_entropy": events.loss,
        "probability": events.given_to_truth(every),
        "rank": events.rank(),
    }


class Rows:
    """Writes `row`, `cross_entropy`, `probability` of the truth and its `rank`, from 1, for every
    event to a Parquet or CSV file."""

    def __init__(self, writer: Any, schema: Any) -> None:
        self._writer, self._schema = writer, schema

    def add(self, events: Events) -> None:
        """Write the events of a batch."""
        columns = columns_of(events)
        arrays = [_arrow.array(columns[f.name], f.type) for f in self._schema]
        self._writer.write_batch(_arrow.RecordBatch.from_arrays(arrays, schema=self._schema))


@contextmanager
def written(path: Path | None) -> Generator[Rows | None, None, None]:
    """What writes rows to this file, of the format that its ending names.

    Raises:
        InputError: the ending is neither .parquet nor .csv, or the file cannot be written.
    """
    if path is None:
        yield None
        return
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"--rows writes Parquet or CSV: name the file {path.stem}.parquet or .csv")
    kinds = (_arrow.int64(), _arrow.float64(), _arrow.float64(), _arrow.int64())
    names = ("row", "cross_entropy", "probability", "rank")
    schema = _arrow.schema(list(zip(names, kinds, strict=True)))
    # What is half written is no result: it has another name until it is whole.
    part = path.with_name(f".{path.name}.part")
    opener = _parquet.ParquetWriter if path.suffix == ".parquet" else _csv.CSVWriter
    try:
        with _arrow.OSFile(os.fsencode(part), "wb") as file, opener(file, schema) as writer:
            yield Rows(writer, schema)
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
