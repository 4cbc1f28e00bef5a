"""CSV files, a block at a time; what is not a number is one bad row, not the end of the file."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from .cells import Cells, Columns, Form, Grid, grid
from .column import About, Array, Batch, Fault, Field, InputError, Widths
from .dialect import sniff
from .lines import Endless, blocks
from .parsing import Lost, as_letters, decoded, holds_nan, is_text, parse
from .threads import in_order

_arrow: Any = pa

# A block must hold a row, and a row is about as long as the header or a few times that.
_BLOCK = 1 << 20
_HEADERS = 16
_LONGEST_ROW = 64 << 20
_SAMPLE = 1000
_WIDE = 128
_Read = tuple[Cells, Lost]
_NUMERIC = ("whole", "real")


class CSV:
    """Rows of text: commas, semicolons, tabs, bars or spaces between fields, plain or compressed.

    Where every field of a block is what the first rows say of its column, pyarrow turns the text
    into numbers. It gives up on all at the first field that is none, so the other blocks are read
    as text, and each field is looked at here.
    """

    def __init__(self, path: Path, *, header: bool = True) -> None:
        self._path = path
        self._dialect = sniff(path, header=header)
        self._names = self._dialect.names
        self.about = About(self._dialect.notes)
        self._block = max(_BLOCK, _HEADERS * self._dialect.start)
        self._forms = {name: Form("text") for name in self._names}
        if len(set(self._names)) == len(self._names):
            self._forms = self._found()
        self.fields: Sequence[Field] = [
            Field(name, self._forms[name].kind, percent=self._forms[name].percent)
            for name in self._names
        ]

    def _found(self) -> dict[str, Form]:
        """The columns, and what most of their first values read as."""
        with closing(self._blocks(self._names)) as read:
            for block in read:
                if len(block.cells):
                    forms = block.cells.forms(_SAMPLE, self._dialect.decimal)
                    return dict(zip(self._names, forms, strict=True))
        return self._forms

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        with closing(self._blocks(names)) as read:
            for block in read:
                passed = 0
                for offset in range(0, len(block.cells), rows):
                    numbers = block.numbers[offset : offset + rows]
                    end = bisect_left(block.lost, (int(numbers[-1]), ""))
                    lost, passed = block.lost[passed:end], end
                    columns = block.cells.read(offset, rows, self._forms, widths)
                    yield Batch(int(numbers[0]), len(numbers), columns, block.done, numbers, lost)
                if passed < len(block.lost):
                    lost = block.lost[passed:]
                    yield Batch(lost[0][0], 0, {}, block.done, None, lost)

    def _blocks(self, names: Sequence[str]) -> Generator[_Block, None, None]:
        """The columns as text, and the lines that have too many fields or too few."""
        row, written = 0, self._dialect
        longest = max(_LONGEST_ROW, _HEADERS * written.start)
        between = " " if written.spaces else written.delimiter
        data = blocks(self._path, written.start, self._block, longest, between, written.encoding)
        tries = _Tries()

        def read(block: tuple[bytes, float]) -> tuple[_Read, float]:
            plain = self._plain(block[0])
            typed = tries(lambda: self._typed(plain, names))
            return typed or self._cells(plain, names), block[1]

        try:
            with closing(data), closing(in_order(data, read, alone=self._block > _BLOCK)) as found:
                for (cells, lost), done in found:
                    count = len(cells)
                    numbers = np.arange(row, row + count + len(lost))
                    if lost:
                        numbers = np.delete(numbers, [place for place, _ in lost])
                        lost = [(row + place, why) for place, why in lost]
                    row += count + len(lost)
                    yield _Block(cells, numbers, lost, done)
        except Endless as endless:
            raise InputError(f"{self._path.name}, row {row:,}: {endless}") from endless

    def _plain(self, data: bytes) -> bytes:
        """The rows as commas and quotes would have them: single separators, and no comments."""
        written = self._dialect
        mark = written.delimiter.encode()
        if written.spaces:
            data = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", data)
            if b'"' in data:
                data = re.sub(rb'("[^"]*")|[ \t]+', lambda m: m[1] or mark, data)
            else:
                data = re.sub(rb"[ \t]+", mark, data)
        if written.star:
            data = data.replace(mark + b"*", mark)
        # One letter is found ten times as fast as two.
        if b"#" in data and (b"\n#" in data or data.startswith(b"#")) and b'"' not in data:
            # A field may begin so too: what has the fields of a row is one.
            count = len(self._names) - 1
            lines = data.splitlines(keepends=True)
            kept = [x for x in lines if not x.startswith(b"#") or x.count(mark) == count]
            data = b"".join(kept)
        return data

    def _typed(self, data: bytes, names: Sequence[str]) -> _Read | None:
        """Rows of numbers and of text, as pyarrow itself reads them; None where that is not what
        they are."""
        forms = {name: self._forms[name] for name in names}
        numbers = {n for n, form in forms.items() if form.kind in _NUMERIC and not form.percent}
        if not numbers or len(self._names) >= _WIDE or not is_text(data):
            return None
        lost: Lost = []
        mark, decimal = self._dialect.delimiter, self._dialect.decimal
        try:
            table = parse(data, self._names, names, mark, lost, numbers=numbers, decimal=decimal)
        except _arrow.ArrowInvalid:
            return None
        columns = {name: table.column(i).combine_chunks() for i, name in enumerate(names)}
        if any(holds_nan(columns[name]) for name in numbers):
            return None
        return Columns(columns, {}), lost

    def _cells(self, data: bytes, names: Sequence[str]) -> _Read:
        """Rows of text, and the rows that are left out."""
        lost: Lost = []
        mark = self._dialect.delimiter
        if len(self._names) >= _WIDE:
            wide: Grid | None = grid(data, self._names, names, mark, lost)
            if wide is not None:
                return wide, lost
        whole = is_text(data)
        table = parse(data if whole else as_letters(data), self._names, names, mark, lost)
        if whole:
            texts = {name: table.column(i).combine_chunks() for i, name in enumerate(names)}
            return Columns(texts, {}), lost
        # Some field is not UTF-8: which, only its bytes can tell.
        texts, faults = dict[str, Any](), dict[str, Fault]()
        for i, name in enumerate(names):
            texts[name], wrong = decoded(table.column(i).combine_chunks())
            if wrong.any():
                why = f"{name} is not UTF-8 text"
                faults[name] = Fault(wrong, lambda _, why=why: why)
        return Columns(texts, faults), lost


class _Tries:
    """Tries to read blocks as numbers, where that pays: a block that is not is read twice."""

    def __init__(self) -> None:
        self._all = self._vain = 0

    def __call__(self, read: Callable[[], _Read | None]) -> _Read | None:
        self._all += 1
        if self._vain * 4 > self._all:
            return None
        found = read()
        self._vain += found is None
        return found


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole rows of a file, the numbers of those rows, and the rows of another number of fields."""

    cells: Cells
    numbers: Array
    lost: Lost
    done: float
