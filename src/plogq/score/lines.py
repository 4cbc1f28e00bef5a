"""Text in blocks of whole rows: decompressed, and cut where no quoted field is open."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import numpy as np

from .streams import opened

_QUOTE, _ENDS = ord('"'), (ord("\n"), ord("\r"))


class Endless(Exception):
    """A row that does not end: a quote in it is never closed, or it is longer than may be."""


def blocks(
    path: Path, start: int, size: int, longest: int, delimiter: str, encoding: str | None = None
) -> Generator[tuple[bytes, float], None, None]:
    """The text from `start` on, about `size` bytes at a time, always whole rows; and how much of
    the file has been read with each.

    pyarrow's own streaming reader does the same in threads that it leaves running: a process that
    ends while one of them holds on to something of Python's is aborted (apache/arrow#34314).

    Raises:
        Endless: a row is longer than `longest` bytes, or the text ends within a quoted field.
    """
    with opened(path, encoding) as (raw, stream):
        stream.read(start)
        rest, step = b"", size
        while True:
            data = stream.read(step)
            last = not data
            data = rest + data
            end, is_open = whole_rows(data, delimiter)
            if last and not is_open:
                end = len(data)
            if end:
                yield data[:end], raw.done
            rest, step = data[end:], size
            if last and is_open:
                raise Endless("a quote is opened and never closed")
            if last:
                return
            if not end:
                # Twice as much each time, so that a long row is not looked through again and again.
                step = max(size, len(rest))
                if len(rest) > longest:
                    what = "a quoted field" if is_open else "it"
                    raise Endless(f"{what} goes on for more than {longest >> 20:,} MB")


def whole_rows(data: bytes, delimiter: str) -> tuple[int, bool]:
    """How many bytes of the data are whole rows, and whether it ends within a quoted field.

    A quote opens a field only where the field begins; within it two quotes are one.
    """
    if b'"' not in data:
        return _last_end(data, 0, len(data)), False
    letters = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(letters == _QUOTE)
    opening = quotes[::2]
    before = letters[opening - 1]
    begins = np.isin(before, (ord(delimiter), *_ENDS)) | (opening == 0)
    begins[1:] |= opening[1:] - 1 == quotes[1::2][: len(opening) - 1]
    if not begins.all():
        return _whole_rows_by_field(data, delimiter)
    # Every other quote opens a field or stands for one within it, so their number tells.
    end, is_open = len(data), len(quotes) % 2 == 1
    while (end := _last_end(data, 0, end) - 1) >= 0:
        passed = int(np.searchsorted(quotes, end))
        if passed % 2 == 0:
            break
        end = int(quotes[passed - 1])
    return end + 1, is_open


def _whole_rows_by_field(data: bytes, delimiter: str) -> tuple[int, bool]:
    """The same where quotes stand within fields too, where they mean nothing."""
    mark = re.escape(delimiter.encode())
    field = re.compile(rb'(?<![^\r\n%b])"[^"]*+(?:""[^"]*+)*+("?)' % mark)
    # The last line end that lies in no quoted field: those between one field and the next.
    end, since, is_open = 0, 0, False
    for match in field.finditer(data):
        end = _last_end(data, since, match.start()) or end
        since, is_open = match.end(), not match[1]
    return _last_end(data, since, len(data)) or end, is_open


def _last_end(data: bytes, start: int, stop: int) -> int:
    return max(data.rfind(b"\n", start, stop), data.rfind(b"\r", start, stop)) + 1
