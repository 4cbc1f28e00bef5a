"""Rows of a CSV file as a table of text, whatever bytes they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import isnan
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from .arrow import owned
from .column import Array

_arrow: Any = pa
_csv: Any = pacsv
_compute: Any = pc

Lost = list[tuple[int, str]]

# What is nothing in columns of text too.
NOTHING = ("", "NaN", "nan", "-NaN", "-nan")


def parse(
    data: bytes,
    every: Sequence[str],
    names: Sequence[str],
    delimiter: str,
    lost: Lost,
    *,
    empty_lines: bool = False,
    numbers: Collection[str] = (),
    decimal: str = ".",
) -> Any:
    """Whole rows as a table of text: of `every` column those of these names. Those of `numbers` are
    read as such, and where one of their fields is none, pyarrow gives up.

    Rows of another number of fields are left out, and go to `lost` with their place.

    Raises:
        ArrowInvalid: a field of `numbers` is no number.
    """

    def skip(row: Any) -> str:
        # Counted from 1, and only without threads.
        why = f"has {row.actual_columns} fields instead of {row.expected_columns}"
        lost.append((row.number - 1, why))
        return "skip"

    if not empty_lines and not data[:1].strip(b"\r\n") and not data.strip(b"\r\n"):
        return _arrow.table({name: _arrow.array([], _arrow.string()) for name in names})
    return _csv.read_csv(
        owned(data),
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
            column_types=dict.fromkeys(every, _arrow.string())
            | dict.fromkeys(numbers, _arrow.float64()),
            decimal_point=decimal,
            include_columns=list(names),
            strings_can_be_null=True,
            null_values=list(NOTHING),
        ),
    )


def holds_nan(numbers: Any) -> bool:
    """Whether a column of numbers has words that stand for none: pyarrow knows some that are
    misprints here, such as one with a space before it."""
    total = _compute.sum(numbers).as_py()
    return total is not None and isnan(total)


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
