"""CSV files, a block at a time; what is not a number is one bad row, not the end of the file."""

from __future__ import annotations

import csv
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from . import arrow
from .column import Array, Batch, Column, Fault, Field, InputError, Kind, Widths

_arrow: Any = pa
_compute: Any = pc
_csv: Any = pacsv

# pyarrow reads up to 32 blocks ahead, so this is a 32nd of the memory that a file takes; a block
# must hold a row, and a row is about as long as the header or a few times that.
_BLOCK = 1 << 19
_HEADERS = 16
_LONGEST_HEADER = 16 << 20
_SAMPLE = 1000
_NUMBER = r"(?i)^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?(inf|infinity)$"
_WHOLE = r"^[+-]?\d+$"
_BOOLEAN = r"(?i)^(true|false)$"


class CSV:
    """A CSV file with a header line; commas, semicolons, tabs or bars, plain or compressed.

    Every column is read as text and turned into numbers here: pyarrow's own conversion gives up
    on the whole file at the first field that is not a number.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        header, self._delimiter = _header(path)
        self._block = max(_BLOCK, _HEADERS * sum(len(name) + 1 for name in header))
        self._names = header
        self.fields: Sequence[Field] = [Field(name, "text") for name in header]
        sample = next(self.batches(header, _SAMPLE, {}), None)
        if sample is not None:
            self.fields = [Field(n, _kind(sample.columns[n].values)) for n in header]

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        kinds: dict[str, Kind] = {f.name: f.kind for f in self.fields}
        lost: list[tuple[int, str]] = []

        def skip(row: Any) -> str:
            why = f"has {row.actual_columns} fields instead of {row.expected_columns}"
            # pyarrow counts the header line as row 1.
            lost.append((row.number - 2, why))
            return "skip"

        with _opened(self._path) as (raw, stream):
            reader = _csv.open_csv(
                stream,
                # Only without threads does pyarrow know the number of a row that it skips.
                read_options=_csv.ReadOptions(use_threads=False, block_size=self._block),
                parse_options=_csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=skip
                ),
                convert_options=_csv.ConvertOptions(
                    column_types={name: _arrow.string() for name in self._names},
                    include_columns=list(names),
                    strings_can_be_null=True,
                ),
            )
            row = 0
            for record in reader:
                done = raw.tell() / raw.size()
                for offset in range(0, record.num_rows, rows):
                    part = record.slice(offset, rows)
                    numbers, passed = _numbers(row, part.num_rows, lost)
                    columns = {n: _column(part.column(n), n, kinds[n]) for n in names}
                    yield Batch(row, part.num_rows, columns, done, numbers, passed)
                    row = int(numbers[-1]) + 1
            if lost:
                yield Batch(row, 0, {}, 1.0, None, lost)


def _numbers(
    start: int, rows: int, lost: list[tuple[int, str]]
) -> tuple[Array, list[tuple[int, str]]]:
    """The row numbers of the next `rows` rows, and the lost rows before or between them."""
    numbers = np.arange(start, start + rows)
    passed: list[tuple[int, str]] = []
    while lost and lost[0][0] <= numbers[-1]:
        numbers[np.searchsorted(numbers, lost[0][0]) :] += 1
        passed.append(lost.pop(0))
    return numbers, passed


def _kind(values: Array) -> Kind:
    """What most of a column's values read as."""
    texts = _arrow.array(values, _arrow.string()).drop_null()
    if not len(texts):
        return "text"
    texts = _compute.utf8_trim_whitespace(texts)
    truths, wholes, numbers = (
        _compute.sum(_compute.match_substring_regex(texts, pattern)).as_py()
        for pattern in (_BOOLEAN, _WHOLE, _NUMBER)
    )
    # A few misprints make no text of a column; they are bad rows.
    if max(truths, numbers) * 2 <= len(texts):
        return "text"
    if truths > numbers:
        return "boolean"
    return "whole" if wholes == numbers else "real"


def _column(array: Any, name: str, kind: Kind) -> Column:
    if kind == "text":
        return arrow.column(array, name)
    faults: list[Fault] = []
    if array.null_count:
        missing = array.is_null().to_numpy(zero_copy_only=False)
        faults.append(Fault(missing, lambda _: f"{name} is missing"))
        array = array.fill_null("0")
    try:
        values = _parse(array, kind)
    except _arrow.ArrowInvalid:
        array = _compute.utf8_trim_whitespace(array)
        pattern = _BOOLEAN if kind == "boolean" else _NUMBER
        allowed = _compute.or_(
            _compute.match_substring_regex(array, pattern), _compute.equal(array, "0")
        )
        wrong = _compute.invert(allowed).to_numpy(zero_copy_only=False)
        texts = array
        what = "truth value" if kind == "boolean" else "number"
        faults.append(Fault(wrong, lambda i: f"{name} is {texts[i].as_py()!r}, not a {what}"))
        values = _parse(_compute.if_else(allowed, array, "0"), kind)
    return Column(values, faults)


def _parse(array: Any, kind: Kind) -> Array:
    to = _arrow.bool_() if kind == "boolean" else _arrow.float64()
    values: Array = array.cast(to).to_numpy(zero_copy_only=False)
    return values


@contextmanager
def _opened(path: Path) -> Generator[tuple[Any, Any], None, None]:
    """The file and, where its name says that it is compressed, what decompresses it."""
    with _arrow.OSFile(str(path)) as raw:
        suffix = path.suffix.removeprefix(".")
        if suffix in ("gz", "bz2", "zst"):
            name = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}[suffix]
            with _arrow.CompressedInputStream(raw, name) as stream:
                yield raw, stream
        else:
            yield raw, raw


def _header(path: Path) -> tuple[list[str], str]:
    """The column names and the delimiter, from the first line."""
    with _opened(path) as (_, stream):
        text = stream.read(_LONGEST_HEADER).decode("utf-8-sig", "replace")
    line = text.lstrip("\r\n").split("\n", 1)[0].rstrip("\r")
    delimiter = max(",;\t|", key=line.count)
    names = next(csv.reader([line or delimiter], delimiter=delimiter))
    if not any(names):
        raise InputError(f"{path.name} is empty")
    numbers = [n for n in names if _is_number(n)]
    if len(numbers) == len(names):
        raise InputError(
            f"the first line of {path.name} holds numbers ({', '.join(names[:3])}, …), not column "
            "names: add a header line, such as p0,p1,label"
        )
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"{path.name} has two columns named {twice[0]!r}: rename one of them")
    return names, delimiter


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
