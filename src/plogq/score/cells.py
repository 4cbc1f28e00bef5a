"""The cells of a CSV file: rows as columns of text, and columns of text as what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

# Below so many rows a block is wide, and its numbers are turned into numbers all at once.
_FEW_ROWS = 256
_NUMBER = r"(?i)^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?(inf|infinity)$"
_WHOLE = r"^[+-]?\d+$"
_BOOLEAN = r"(?i)^(true|false)$"


def parse(
    data: bytes,
    every: Sequence[str],
    names: Sequence[str],
    delimiter: str,
    lost: list[tuple[int, str]],
    kind: Any = None,
) -> Any:
    """Whole rows as a table of text (or of another type): of `every` column those of these names.
    Rows of another number of fields are left out, and go to `lost` with their place."""

    def skip(row: Any) -> str:
        # Counted from 1, and only without threads.
        why = f"has {row.actual_columns} fields instead of {row.expected_columns}"
        lost.append((row.number - 1, why))
        return "skip"

    kind = _arrow.string() if kind is None else kind
    if not data.strip(b"\r\n"):
        return _arrow.table({name: _arrow.array([], kind) for name in names})
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
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
        ),
        convert_options=_csv.ConvertOptions(
            column_types=dict.fromkeys(every, kind),
            include_columns=list(names),
            strings_can_be_null=True,
        ),
    )


def decoded(array: Any) -> tuple[Any, Array]:
    """Bytes as text, missing where they are not UTF-8, and where that is."""
    texts: list[str | None] = []
    wrong = np.zeros(len(array), bool)
    for i, item in enumerate(array.to_pylist()):
        try:
            texts.append(None if item is None else item.decode("utf-8"))
        except UnicodeDecodeError:
            texts.append(None)
            wrong[i] = True
    return _arrow.array(texts, _arrow.string()), wrong


def kinds(columns: Sequence[Any]) -> list[Kind]:
    """What most of each column's values read as; the columns are of one length."""
    texts = _compute.utf8_trim_whitespace(_arrow.concat_arrays(columns))
    shape = (len(columns), len(columns[0]))
    truths, wholes, numbers = (
        _mask(_compute.match_substring_regex(texts, pattern)).reshape(shape).sum(axis=1).tolist()
        for pattern in (_BOOLEAN, _WHOLE, _NUMBER)
    )
    present = _mask(texts.is_valid()).reshape(shape).sum(axis=1).tolist()
    return [_kind(*counts) for counts in zip(truths, wholes, numbers, present, strict=True)]


def _kind(truths: int, wholes: int, numbers: int, texts: int) -> Kind:
    # A few misprints make no text of a column; they are bad rows.
    if max(truths, numbers) * 2 <= texts:
        return "text"
    if truths > numbers:
        return "boolean"
    return "whole" if wholes == numbers else "real"


def _mask(array: Any) -> Array:
    mask: Array = array.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


def as_columns(
    texts: Mapping[str, Any], faults: Mapping[str, Fault], kind: Mapping[str, Kind]
) -> dict[str, Column]:
    """Columns of text as what they hold; `faults` are rows of columns that are no text."""
    columns: dict[str, Column] = {}
    numbers = [n for n, a in texts.items() if kind[n] in ("whole", "real") and not a.null_count]
    if len(numbers) > 1 and len(texts[numbers[0]]) <= _FEW_ROWS:
        # A call for each column takes longer than the numbers.
        try:
            values = _numbers(_arrow.concat_arrays([texts[n] for n in numbers]), "real")
        except _arrow.ArrowInvalid:
            pass
        else:
            columns = dict(zip(numbers, map(Column, values.reshape(len(numbers), -1)), strict=True))
    for name in texts:
        if name not in columns:
            columns[name] = _column(texts[name], name, kind[name], faults.get(name))
    return columns


def _column(array: Any, name: str, kind: Kind, fault: Fault | None) -> Column:
    faults = [] if fault is None else [fault]
    if array.null_count:
        missing: Array = array.is_null().to_numpy(zero_copy_only=False)
        if fault is not None:
            missing = missing & ~fault.rows
        faults.append(Fault(missing, lambda _: f"{name} is missing"))
    if kind == "text":
        return Column(array.to_numpy(zero_copy_only=False), faults)
    array = array.fill_null("0")
    try:
        values = _numbers(array, kind)
    except _arrow.ArrowInvalid:
        array = _compute.utf8_trim_whitespace(array)
        pattern = _BOOLEAN if kind == "boolean" else _NUMBER
        allowed = _compute.or_(
            _compute.match_substring_regex(array, pattern), _compute.equal(array, "0")
        )
        wrong = _compute.invert(allowed).to_numpy(zero_copy_only=False)
        texts = array
        what = "truth value" if kind == "boolean" else "number"

        def why(i: int) -> str:
            return f"{name} is {excerpt(texts[i].as_py())!r}, not a {what}"

        faults.append(Fault(wrong, why))
        values = _numbers(_compute.if_else(allowed, array, "0"), kind)
    return Column(values, faults)


def _numbers(array: Any, kind: Kind) -> Array:
    to = _arrow.bool_() if kind == "boolean" else _arrow.float64()
    values: Array = array.cast(to).to_numpy(zero_copy_only=False)
    return values
