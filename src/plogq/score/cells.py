"""The cells of a CSV file: rows as text, and text as what it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from .column import Array, Column, Fault, Kind
from .shown import excerpt

_arrow: Any = pa
_compute: Any = pc
_csv: Any = pacsv

Lost = list[tuple[int, str]]

_NUMBER = r"(?i)^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?(inf|infinity)$"
_WHOLE = r"^[+-]?\d+$"
_BOOLEAN = r"(?i)^(true|false)$"


def parse(
    data: bytes,
    every: Sequence[str],
    names: Sequence[str],
    delimiter: str,
    lost: Lost,
    *,
    empty_lines: bool = False,
) -> Any:
    """Whole rows as a table of text: of `every` column those of these names.

    Rows of another number of fields are left out, and go to `lost` with their place.
    """

    def skip(row: Any) -> str:
        # Counted from 1, and only without threads.
        why = f"has {row.actual_columns} fields instead of {row.expected_columns}"
        lost.append((row.number - 1, why))
        return "skip"

    if not empty_lines and not data.strip(b"\r\n"):
        return _arrow.table({name: _arrow.array([], _arrow.string()) for name in names})
    # In memory that is pyarrow's, so that no thread of its own ever holds on to something of
    # Python's.
    buffer = _arrow.allocate_buffer(len(data))
    np.frombuffer(buffer, np.uint8)[:] = np.frombuffer(data, np.uint8)
    return _csv.read_csv(
        _arrow.BufferReader(buffer),
        read_options=_csv.ReadOptions(
            use_threads=False, block_size=len(data) + 1, column_names=list(every)
        ),
        parse_options=_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            invalid_row_handler=skip,
            ignore_empty_lines=not empty_lines,
        ),
        convert_options=_csv.ConvertOptions(
            column_types=dict.fromkeys(every, _arrow.string()),
            include_columns=list(names),
            strings_can_be_null=True,
        ),
    )


def is_text(data: bytes) -> bool:
    """Whether all of it is UTF-8."""
    if data.isascii():
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def as_letters(data: bytes) -> bytes:
    """Every byte as a letter of its own (Latin-1), where not all of it is UTF-8: pyarrow decodes a
    row that it leaves out before it asks what to do with it."""
    return data.decode("latin-1").encode("utf-8")


def decoded(array: Any) -> tuple[Any, Array]:
    """What `as_letters` has made of bytes as text, missing where they are not UTF-8, and where."""
    texts: list[str | None] = []
    wrong = np.zeros(len(array), bool)
    for i, item in enumerate(array.to_pylist()):
        try:
            texts.append(None if item is None else item.encode("latin-1").decode("utf-8"))
        except UnicodeDecodeError:
            texts.append(None)
            wrong[i] = True
    return _arrow.array(texts, _arrow.string()), wrong


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of text by column; `faults` are rows of columns that are no text."""

    texts: Mapping[str, Any]
    faults: Mapping[str, Fault]

    def __len__(self) -> int:
        return len(next(iter(self.texts.values())))

    def kinds(self, rows: int) -> list[Kind]:
        """What most values read as in the first rows of each column."""
        return [_kinds(array.slice(0, rows), 1)[0] for array in self.texts.values()]

    def read(self, offset: int, rows: int, kind: Mapping[str, Kind]) -> dict[str, Column]:
        """Some of the rows as what they hold."""
        columns: dict[str, Column] = {}
        for name, array in self.texts.items():
            fault = self.faults.get(name)
            faults = [] if fault is None else [_part(fault, offset, rows)]
            columns |= _columns(array.slice(offset, rows), [name], kind[name], faults)
        return columns


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of text as they stand in the file, `width` fields each, of which `places` are wanted:
    what costs a little for each column and each block costs a minute where there are 40,000."""

    texts: Any
    width: int
    places: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.texts) // self.width

    def kinds(self, rows: int) -> list[Kind]:
        """What most values read as in the first rows of each column."""
        found = _kinds(self.texts.slice(0, rows * self.width), self.width)
        return [found[place] for place in self.places.values()]

    def read(self, offset: int, rows: int, kind: Mapping[str, Kind]) -> dict[str, Column]:
        """Some of the rows as what they hold."""
        texts = self.texts.slice(offset * self.width, rows * self.width)
        alike: dict[str, list[str]] = {}
        for name in self.places:
            alike.setdefault(name if kind[name] == "text" else kind[name], []).append(name)
        columns: dict[str, Column] = {}
        for names in alike.values():
            columns |= _columns(self._chosen(texts, names), names, kind[names[0]], [])
        return columns

    def _chosen(self, texts: Any, names: Sequence[str]) -> Any:
        places = np.array([self.places[name] for name in names])
        if len(names) == self.width and (places == np.arange(self.width)).all():
            return texts
        starts = np.arange(0, len(texts), self.width)
        return texts.take(_arrow.array((starts[:, None] + places).reshape(-1)))


def grid(
    data: bytes, every: Sequence[str], names: Sequence[str], delimiter: str, lost: Lost
) -> Grid | None:
    """Whole rows as a grid; None where a field is quoted or is not UTF-8. Rows of another number
    of fields go to `lost` with their place."""
    if b'"' in data:
        return None
    mark, width, rows = delimiter.encode(), len(every), list[bytes]()
    for line in data.splitlines():
        count = line.count(mark) + 1
        if count == width:
            rows.append(line)
        elif line:
            why = f"has {count} fields instead of {width}"
            lost.append((len(rows) + len(lost), why))
    # One field a line is one column.
    text = mark.join(rows).replace(mark, b"\n")
    places = {name: place for place, name in enumerate(every)}
    try:
        texts = parse(text, ["field"], ["field"], delimiter, [], empty_lines=bool(rows))
    except _arrow.ArrowInvalid:
        lost.clear()
        return None
    return Grid(texts.column(0).combine_chunks(), width, {name: places[name] for name in names})


def _kinds(texts: Any, width: int) -> list[Kind]:
    """What most of each column's values read as."""
    texts = _compute.utf8_trim_whitespace(texts)
    counts = (
        _mask(_compute.match_substring_regex(texts, pattern)).reshape(-1, width).sum(axis=0)
        for pattern in (_BOOLEAN, _WHOLE, _NUMBER)
    )
    present = _mask(texts.is_valid()).reshape(-1, width).sum(axis=0)
    return [_kind(*column) for column in np.stack([*counts, present], axis=1).tolist()]


def _kind(truths: int, wholes: int, numbers: int, texts: int) -> Kind:
    # A few misprints make no text of a column; they are bad rows.
    if max(truths, numbers) * 2 <= texts:
        return "text"
    if truths > numbers:
        return "boolean"
    return "whole" if wholes == numbers else "real"


def _columns(
    texts: Any, names: Sequence[str], kind: Kind, faults: Sequence[Fault]
) -> dict[str, Column]:
    """Text, row by row, as columns of a kind; `faults` are rows that are no text already."""
    width = len(names)
    found: list[tuple[Array, Callable[[str, int], str]]] = []
    if texts.null_count:
        missing = ~_mask(texts.is_valid()).reshape(-1, width)
        for fault in faults:
            missing &= ~fault.rows[:, None]
        found.append((missing, lambda name, _: f"{name} is missing"))
    if kind == "text":
        values: Array = texts.to_numpy(zero_copy_only=False)
    else:
        texts = texts.fill_null("0")
        try:
            values = _numbers(texts, kind)
        except _arrow.ArrowInvalid:
            texts = _compute.utf8_trim_whitespace(texts)
            pattern = _BOOLEAN if kind == "boolean" else _NUMBER
            allowed = _compute.or_(
                _compute.match_substring_regex(texts, pattern), _compute.equal(texts, "0")
            )
            what = "truth value" if kind == "boolean" else "number"

            def why(name: str, i: int) -> str:
                text = texts[i * width + names.index(name)].as_py()
                return f"{name} is {excerpt(text)!r}, not a {what}"

            found.append((~_mask(allowed).reshape(-1, width), why))
            values = _numbers(_compute.if_else(allowed, texts, "0"), kind)
    values = values.reshape(-1, width)
    columns = {name: Column(values[:, k], faults) for k, name in enumerate(names)}
    for wrong, reason in found:
        for k in np.flatnonzero(wrong.any(axis=0)).tolist():
            before = columns[names[k]]
            columns[names[k]] = Column(
                before.values, [*before.faults, _fault(wrong[:, k], names[k], reason)]
            )
    return columns


def _fault(rows: Array, name: str, why: Callable[[str, int], str]) -> Fault:
    return Fault(rows, lambda i: why(name, i))


def _part(fault: Fault, offset: int, rows: int) -> Fault:
    return Fault(fault.rows[offset : offset + rows], lambda i: fault.why(offset + i))


def _mask(array: Any) -> Array:
    mask: Array = array.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


def _numbers(texts: Any, kind: Kind) -> Array:
    to = _arrow.bool_() if kind == "boolean" else _arrow.float64()
    values: Array = texts.cast(to).to_numpy(zero_copy_only=False)
    return values
