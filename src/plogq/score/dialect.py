"""How a text file of rows is written: its encoding, its header, and what stands between fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from .column import MOST_COLUMNS, InputError
from .lines import whole_rows
from .naming import folded
from .shown import excerpt
from .streams import UTF_16, opened

_arrow: Any = pa
_csv: Any = pacsv

_LONGEST = 32 << 20
_STEP = 1 << 16
_BOM = b"\xef\xbb\xbf"
_FRACTION = re.compile(r"\s*[+-]?(\d*\.\d+|\d+\.\d*)([eE][+-]?\d+)?\s*|\s*[+-]?\d+[eE][+-]?\d+\s*")
_COMMA = re.compile(r"\s*[+-]?\d*,\d+([eE][+-]?\d+)?\s*%?\s*")
_QUOTED = re.compile(rb'"[^"]*"')
_LETTER = re.compile(rb"[\xc0-\xfe]")
# Rows of the beginning that tell how the others are written.
_ROWS = 50


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the rows are written. They begin at `start` in the text, in UTF-8.

    `spaces` are fields between runs of spaces, which become tabs; `star` is WEKA's mark of the
    class that was chosen; `decimal` is what stands before the decimals.
    """

    names: tuple[str, ...]
    delimiter: str
    start: int
    encoding: str | None = None
    decimal: str = "."
    spaces: bool = False
    star: bool = False
    notes: tuple[str, ...] = ()


def sniff(path: Path, *, header: bool = True) -> Dialect:
    """How the file is written, with `header` False where it has no line of names."""
    encoding = _encoding(path)
    text, is_all = _beginning(path, encoding)
    notes = () if encoding is None else (f"The text is in {_NAMES[encoding]}.",)
    start, comments = 0, list[bytes]()
    while True:
        line, after = _first_line(text, start)
        if not line.startswith(b"#") or after == 0:
            break
        comments.append(line)
        start = after
    if b"\0" in line:
        raise InputError(f"{path.name} is no text: there are zero bytes in its first line")
    if len(line) > _LONGEST:
        raise InputError(
            f"the first line of {path.name} goes on for more than {_LONGEST >> 20} MB: it "
            "is no line of column names"
        )
    rest = _lines(text, after or len(text), is_all)
    delimiter = _delimiter(line, rest)
    spaces = delimiter == " "
    count = line.count(delimiter.encode()) + 1
    if count > MOST_COLUMNS:
        raise InputError(
            f"{path.name} has {count:,} columns, and up to {MOST_COLUMNS:,} are read: write the "
            "numbers of a row as one list, in a column of Parquet or of JSON lines, or as a row of "
            "a matrix in an .npy file"
        )
    names = _names(line, delimiter) if line else []
    if not any(names):
        raise InputError(f"{path.name} is empty")
    end = after or len(text)
    found = Dialect((), "\t" if spaces else delimiter, end, encoding, spaces=spaces)
    rows = [_names(row, delimiter) for row in rest if spaces or not whole_rows(row, delimiter)[1]]
    above = _above(comments, delimiter, names)
    if not header:
        # What is there is a row already.
        first = len(text) - len(text[start:].removeprefix(_BOM).lstrip(b"\r\n"))
        rows.insert(0, names)
        found = replace(found, start=first)
        names = [f"column{i}" for i in range(len(names))]
        notes += ("There is no header, as --no-header says: the columns are column0, column1, ….",)
    elif above is not None:
        rows.insert(0, names)
        found = replace(found, start=len(text) - len(text[start:].lstrip(b"\r\n")))
        names = above
    else:
        _refuse_data(path, names)
    if comments:
        count = len(comments) - (above is not None)
        notes += (
            (f"{count} line{'s' * (count > 1)} that begin with # are comments.",) if count else ()
        )
    names, star = _extended(names, rows)
    decimal = _decimal(rows, delimiter)
    if decimal == ",":
        notes += ("Decimals stand behind a comma.",)
    return replace(found, names=tuple(names), decimal=decimal, star=star, notes=notes)


_NAMES = {
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "cp1252": "Latin-1 (Windows-1252), not UTF-8",
}


def _encoding(path: Path) -> str | None:
    """What the text is written in; None for UTF-8."""
    with opened(path) as (_, stream):
        first = stream.read(_STEP)
    for mark, name in UTF_16.items():
        if first.startswith(mark):
            return name
    for name, zeros, letters in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        some = first[:400]
        if len(some) > 3 and not any(some[zeros::2]) and all(some[letters::2]):
            return name
    complete = first[: first.rfind(b"\n") + 1] or first
    if _is_utf8(complete):
        return None
    wrong = [line for line in complete.splitlines() if not _is_utf8(line)]
    head = _first_line(complete, 0)[0]
    # One broken row is a bad row; letters of Latin-1 in the names or in many rows are its own.
    several = len(wrong) > 1 and all(_LETTER.search(line) for line in wrong)
    others = [line for line in complete.splitlines() if not line.isascii() and _is_utf8(line)]
    return "cp1252" if not _is_utf8(head) or (several and not others) else None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _beginning(path: Path, encoding: str | None) -> tuple[bytes, bool]:
    """The text as far as its first rows, and whether that is all of it."""
    text, step = b"", _STEP
    with opened(path, encoding) as (_, stream):
        while data := stream.read(step):
            text, step = text + data, len(text) + step
            start = 0
            while True:
                line, after = _first_line(text, start)
                if not line.startswith(b"#") or after == 0:
                    break
                start = after
            if len(text) - start > _LONGEST or (after and len(text) >= _STEP):
                return text, False
    return text, True


def _first_line(text: bytes, start: int) -> tuple[bytes, int]:
    """The first line from there that is not empty, and where the next begins; 0 if the text ends
    before."""
    while True:
        at = start + (len(_BOM) if start == 0 and text.startswith(_BOM) else 0)
        while text[at : at + 1] in (b"\r", b"\n"):
            at += 1
        ends = [e for e in (text.find(b"\n", at), text.find(b"\r", at)) if e >= 0]
        end = min(ends, default=len(text))
        line = text[at:end]
        if ends and not line.strip():
            start = end + 1
            continue
        return line, end + 1 if ends else 0


def _lines(text: bytes, start: int, is_all: bool) -> list[bytes]:
    """Some whole lines that follow."""
    found = [
        line for line in re.split(rb"[\r\n]+", text[start : start + (1 << 20)]) if line.strip()
    ]
    whole = found if is_all and len(text) - start <= 1 << 20 else found[:-1]
    return [line for line in whole if not line.startswith(b"#")][:_ROWS]


def _delimiter(line: bytes, rows: Sequence[bytes]) -> str:
    """What stands between fields: as often in the rows as in the header."""
    bare = re.sub(rb'"[^"]*"', b"", line)
    there = [mark for mark in ",;\t|" if mark.encode() in bare]
    if not there:
        fields = len(_split(line))
        row = len(_split(rows[0])) if rows else 0
        even = fields > 1 and row in (fields, fields + 1)
        return " " if even and all(len(_split(r)) == row for r in rows[:5]) else ","
    if rows and len(there) > 1:
        row = re.sub(rb'"[^"]*"', b"", rows[0])
        alike = [m for m in there if row.count(m.encode()) == bare.count(m.encode())]
        there = alike or there
    return max(there, key=lambda mark: bare.count(mark.encode()))


def _split(line: bytes) -> list[str]:
    """The fields of a line between runs of spaces."""
    parts = re.findall(rb'"[^"]*"|[^ \t]+', line.strip())
    return [part.strip(b'"').decode("utf-8", "replace") for part in parts]


def _names(line: bytes, delimiter: str) -> list[str]:
    if delimiter == " ":
        return _split(line)
    if whole_rows(line, delimiter)[1]:
        raise InputError("a quote is opened in the first line and never closed there")
    parts = line.split(delimiter.encode())
    count = len(parts)
    if all(_QUOTED.fullmatch(part) or b'"' not in part for part in parts):
        # A column of pyarrow's for each takes a hundred times as long.
        return [part.strip(b'"').decode("utf-8", "replace").strip() for part in parts]
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
    names = [column[0].as_py().decode("utf-8", "replace").strip() for column in table.columns]
    # A quote that follows a space opens nothing for pyarrow.
    return [n[1:-1] if len(n) > 1 and n[0] == n[-1] == '"' else n for n in names]


def _above(comments: Sequence[bytes], delimiter: str, first: Sequence[str]) -> list[str] | None:
    """The names, where they stand in a comment above rows of numbers, as NumPy's savetxt writes
    them."""
    if not comments or not any(map(_FRACTION.fullmatch, first)):
        return None
    names = _names(comments[-1].lstrip(b"# "), delimiter)
    return names if len(names) == len(first) else None


def _refuse_data(path: Path, names: Sequence[str]) -> None:
    """A first line that is a row: of numbers alone, or with a fraction among them."""
    numbers = [name for name in names if _is_number(name)]
    counted = [str(i) for i in range(len(names))]
    if list(names) == counted or list(names[1:]) == counted[:-1]:
        return
    fractions = [name for name in names if _FRACTION.fullmatch(name)]
    if len(numbers) == len(names) or fractions:
        some = ", ".join(excerpt(n, 20) for n in (fractions or numbers)[:3])
        raise InputError(
            f"the first line of {path.name} holds numbers ({some}, …), not column "
            "names: add a header line, such as p0,p1,label, or --no-header"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _extended(names: list[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], bool]:
    """The names of the columns that the header leaves out: R's row names at the beginning, a comma
    too many at the end, and WEKA's distribution, with whether it has one."""
    more = {len(row) - len(names) for row in rows}
    last = folded(names[-1])
    if last in ("distribution", "") and any(folded(n) == "distribution" for n in names):
        at = next(i for i, n in enumerate(names) if folded(n) == "distribution")
        width = max((len(row) for row in rows), default=len(names))
        return [*names[:at], *(f"distribution_{k + 1}" for k in range(width - at))], True
    if more != {1} or len(rows) < 2:
        return names, False
    if not any(row[-1] for row in rows):
        return [*names, ""], False
    keys = {row[0] for row in rows}
    return (["", *names] if len(keys) == len(rows) else names), False


def _decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    fields = [field for row in rows for field in row]
    commas = sum(1 for field in fields if _COMMA.fullmatch(field))
    points = sum(1 for field in fields if _FRACTION.fullmatch(field))
    return "," if commas > points else "."
