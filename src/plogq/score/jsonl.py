"""JSON lines: one object a line, its fields the columns, of inner objects too."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.json as pajson

from . import arrow
from .column import About, Array, Batch, Column, Fault, Field, InputError, Widths
from .nested import Nesting
from .shown import excerpt
from .streams import opened
from .threads import in_order

_arrow: Any = pa
_json: Any = pajson
_types: Any = pa.types

_BLOCK = 1 << 20
_LONGEST = 64 << 20
_SAMPLE = 1000

Lost = list[tuple[int, str]]


class JSONLines:
    """A file of JSON lines. The first lines tell which fields there are and what they hold."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.about = About()
        self.fields: list[Field] = []
        self._types: dict[str, Any] = {}
        self._nesting = Nesting(_arrow.schema([]))
        with closing(line_blocks(self._path)) as blocks:
            for data, _ in blocks:
                table = _inferred(data)
                if table is None:
                    continue
                for field in table.schema:
                    self._types[field.name] = _wide(field.type)
                self._nesting = Nesting(table.schema)
                self._nesting.learn(table)
                self.fields = self._nesting.fields
                return

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        tops = {name: self._nesting.top(name) for name in names}
        types = {top: self._types[top] for top in self._nesting.tops(names)}
        row = 0

        def parsed(block: tuple[bytes, float]) -> tuple[_Read, float]:
            return _parsed(block[0], types), block[1]

        lines = line_blocks(self._path)
        with closing(lines), closing(in_order(lines, parsed)) as found:
            for read, done in found:
                count: int = read.table.num_rows
                numbers: Array = np.arange(row, row + count + len(read.lost))
                lost: Lost = []
                if read.lost:
                    numbers = np.delete(numbers, [place for place, _ in read.lost])
                    lost = [(row + place, why) for place, why in read.lost]
                row += count + len(read.lost)
                flat = self._nesting.flat(read.table)
                for offset in range(0, count, rows):
                    part = flat.slice(offset, rows).combine_chunks()
                    columns = {
                        name: _column(part, name, widths.get(name), read.faults.get(top), offset)
                        for name, top in tops.items()
                    }
                    chosen: Array = numbers[offset : offset + rows]
                    some = lost if offset + rows >= count else []
                    yield Batch(int(chosen[0]), len(chosen), columns, done, chosen, some)
                if not count and lost:
                    yield Batch(lost[0][0], 0, {}, done, None, lost)


def line_blocks(path: Path) -> Generator[tuple[bytes, float], None, None]:
    """Whole lines, about a block at a time, and how much has been read with each."""
    with opened(path) as (raw, stream):
        rest, step = b"", _BLOCK
        while data := stream.read(step):
            data = rest + data
            end = data.rfind(b"\n") + 1
            rest = data[end:]
            if end:
                yield data[:end].removeprefix(b"\xef\xbb\xbf"), raw.done
            step = max(_BLOCK, len(rest))
            if len(rest) > _LONGEST:
                raise InputError(f"{path.name}: a line goes on for more than {_LONGEST >> 20:,} MB")
        if rest.strip():
            yield rest.removeprefix(b"\xef\xbb\xbf"), 1.0


@dataclass(frozen=True, slots=True)
class _Read:
    """Lines as a table, the lines that are none, and the values that are of another type."""

    table: Any
    lost: Lost
    faults: Mapping[str, Fault]


def _inferred(data: bytes) -> Any:
    """The first lines as a table, with whatever types they have; None where there is no object."""
    with suppress(_arrow.ArrowInvalid, _arrow.ArrowNotImplementedError):
        table = _read(data, None, "infer")
        return table if table.num_rows else None
    rows = [row for line in data.splitlines()[:_SAMPLE] if (row := json_object(line)) is not None]
    names = dict.fromkeys(name for row in rows for name in row)
    columns: dict[str, Any] = {}
    for name in names:
        for values in ([row.get(name) for row in rows], [r[name] for r in rows[:1] if name in r]):
            with suppress(_arrow.ArrowInvalid, _arrow.ArrowTypeError):
                kind = _arrow.array(values).type
                columns[name] = _arrow.nulls(len(rows), kind)
                break
    return _arrow.table(columns) if columns else None


def _parsed(data: bytes, types: Mapping[str, Any]) -> _Read:
    with suppress(_arrow.ArrowInvalid, _arrow.ArrowNotImplementedError):
        return _Read(_read(data, _arrow.schema(list(types.items())), "ignore"), [], {})
    rows: list[dict[str, Any]] = []
    lost: Lost = []
    for line in data.splitlines():
        if not line.strip():
            continue
        row = json_object(line)
        if row is None:
            lost.append((len(rows) + len(lost), f"is no JSON object: {excerpt(_text(line), 40)!r}"))
        else:
            rows.append(row)
    columns: dict[str, Any] = {}
    faults: dict[str, Fault] = {}
    for name, kind in types.items():
        columns[name], fault = _converted([row.get(name) for row in rows], name, kind)
        if fault is not None:
            faults[name] = fault
    return _Read(_arrow.table(columns), lost, faults)


def _read(data: bytes, schema: Any, unexpected: str) -> Any:
    return _json.read_json(
        arrow.owned(data),
        read_options=_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=_json.ParseOptions(
            explicit_schema=schema, newlines_in_values=False, unexpected_field_behavior=unexpected
        ),
    )


def json_object(line: bytes) -> dict[str, Any] | None:
    """What a line holds; None where that is no object."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _converted(values: list[Any], name: str, kind: Any) -> tuple[Any, Fault | None]:
    """Values of one type; those of another are missing, and named."""
    with suppress(_arrow.ArrowInvalid, _arrow.ArrowTypeError, OverflowError):
        return _arrow.array(values, kind), None
    wrong: Array = np.zeros(len(values), bool)
    kept = list(values)
    for i, value in enumerate(values):
        try:
            _arrow.array([value], kind)
        except (_arrow.ArrowInvalid, _arrow.ArrowTypeError, OverflowError):
            wrong[i], kept[i] = True, None
    shown = {i: excerpt(json.dumps(values[i]), 60) for i in np.flatnonzero(wrong).tolist()}
    what = (
        "text"
        if _types.is_string(kind)
        else "a list of numbers"
        if arrow.is_list(kind)
        else "a number"
    )
    return _arrow.array(kept, kind), Fault(wrong, lambda i: f"{name} is {shown[i]}, not {what}")


def _wide(kind: Any) -> Any:
    """A type that takes in what may come later: fractions where the first numbers are whole."""
    if _types.is_integer(kind):
        return _arrow.float64()
    if arrow.is_list(kind):
        return _arrow.list_(_wide(kind.value_type))
    if _types.is_struct(kind):
        return _arrow.struct([(f.name, _wide(f.type)) for f in kind])
    return kind


def _column(table: Any, name: str, width: int | None, fault: Fault | None, offset: int) -> Column:
    chunks = table.column(name)
    array = chunks.chunk(0) if chunks.num_chunks else _arrow.array([], chunks.type)
    found = arrow.column(array, name, width)
    if fault is None:
        return found
    wrong = fault.rows[offset : offset + table.num_rows]
    mine = Fault(wrong, lambda i: fault.why(offset + i))
    others = [replace(each, rows=each.rows & ~wrong) for each in found.faults]
    return replace(found, faults=[mine, *others])
