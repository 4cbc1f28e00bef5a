"""The first line of a CSV file: the names of its columns, and what stands between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from .column import InputError
from .lines import opened, whole_rows

_arrow: Any = pa
_csv: Any = pacsv

_LONGEST = 32 << 20


def read_header(path: Path) -> tuple[list[str], str, int]:
    """The column names, the delimiter, and where the first row begins."""
    text, step = b"", 1 << 16
    with opened(path) as (_, stream):
        while data := stream.read(step):
            text, step = text + data, len(text) + step
            if len(text) > _LONGEST or _first_line(text)[1]:
                break
    line, end = _first_line(text)
    if b"\0" in line:
        raise InputError(f"{path.name} is no text: there are zero bytes in its first line")
    if len(line) > _LONGEST:
        raise InputError(
            f"the first line of {path.name} goes on for more than {_LONGEST >> 20} MB: it "
            "is no line of column names"
        )
    delimiter = max(",;\t|", key=lambda mark: line.count(mark.encode()))
    names = _fields(line, delimiter) if line else []
    if not any(names):
        raise InputError(f"{path.name} is empty")
    if all(_is_number(name) for name in names):
        raise InputError(
            f"the first line of {path.name} holds numbers ({', '.join(names[:3])}, …), not column "
            "names: add a header line, such as p0,p1,label"
        )
    return names, delimiter, end or len(text)


def _first_line(text: bytes) -> tuple[bytes, int]:
    """The first line that is not empty, and where the next begins; 0 if the text ends before."""
    start = len(text) - len(text.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n"))
    ends = [at for at in (text.find(b"\n", start), text.find(b"\r", start)) if at >= 0]
    end = min(ends, default=len(text))
    return text[start:end], end + 1 if ends else 0


def _fields(line: bytes, delimiter: str) -> list[str]:
    if whole_rows(line, delimiter)[1]:
        raise InputError("a quote is opened in the first line and never closed there")
    count = line.count(delimiter.encode()) + 1
    table = _csv.read_csv(
        _arrow.BufferReader(line + b"\n"),
        read_options=_csv.ReadOptions(
            use_threads=False, block_size=len(line) + 2, autogenerate_column_names=True
        ),
        parse_options=_csv.ParseOptions(delimiter=delimiter),
        convert_options=_csv.ConvertOptions(
            column_types={f"f{i}": _arrow.binary() for i in range(count)}
        ),
    )
    return [column[0].as_py().decode("utf-8", "replace") for column in table.columns]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
