"""CSV files, a block at a time; what is not a number is one bad row, not the end of the file."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .cells import Columns, Grid, Lost, as_letters, decoded, grid, is_text, parse
from .column import Array, Batch, Fault, Field, InputError, Kind, Widths
from .header import read_header
from .lines import Endless, blocks

# A block must hold a row, and a row is about as long as the header or a few times that.
_BLOCK = 1 << 20
_HEADERS = 16
_LONGEST_ROW = 64 << 20
_SAMPLE = 1000
_WIDE = 128


class CSV:
    """A CSV file with a header line; commas, semicolons, tabs or bars, plain or compressed.

    Every column is read as text and turned into numbers here: pyarrow's own conversion gives up
    on the whole file at the first field that is not a number.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names, self._delimiter, self._start = read_header(path)
        self._block = max(_BLOCK, _HEADERS * self._start)
        self.fields: Sequence[Field] = [Field(name, "text") for name in self._names]
        if len(set(self._names)) == len(self._names):
            self.fields = self._found()

    def _found(self) -> Sequence[Field]:
        """The columns, and what most of their first values read as."""
        with closing(self._blocks(self._names)) as read:
            for block in read:
                if len(block.cells):
                    return list(map(Field, self._names, block.cells.kinds(_SAMPLE)))
        return self.fields

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        kind: dict[str, Kind] = {f.name: f.kind for f in self.fields}
        with closing(self._blocks(names)) as read:
            for block in read:
                passed = 0
                for offset in range(0, len(block.cells), rows):
                    numbers = block.numbers[offset : offset + rows]
                    end = bisect_left(block.lost, (int(numbers[-1]), ""))
                    lost, passed = block.lost[passed:end], end
                    columns = block.cells.read(offset, rows, kind)
                    yield Batch(int(numbers[0]), len(numbers), columns, block.done, numbers, lost)
                if passed < len(block.lost):
                    lost = block.lost[passed:]
                    yield Batch(lost[0][0], 0, {}, block.done, None, lost)

    def _blocks(self, names: Sequence[str]) -> Generator[_Block, None, None]:
        """The columns as text, and the lines that have too many fields or too few."""
        row = 0
        longest = max(_LONGEST_ROW, _HEADERS * self._start)
        read = blocks(self._path, self._start, self._block, longest, self._delimiter)
        try:
            with closing(read):
                for data, done in read:
                    cells, lost = self._cells(data, names)
                    count = len(cells)
                    numbers = np.arange(row, row + count + len(lost))
                    if lost:
                        numbers = np.delete(numbers, [place for place, _ in lost])
                        lost = [(row + place, why) for place, why in lost]
                    row += count + len(lost)
                    yield _Block(cells, numbers, lost, done)
        except Endless as endless:
            raise InputError(f"{self._path.name}, row {row:,}: {endless}") from endless

    def _cells(self, data: bytes, names: Sequence[str]) -> tuple[Columns | Grid, Lost]:
        """Rows of text, and the rows that are left out."""
        lost: Lost = []
        if len(self._names) >= _WIDE:
            wide = grid(data, self._names, names, self._delimiter, lost)
            if wide is not None:
                return wide, lost
        whole = is_text(data)
        table = parse(
            data if whole else as_letters(data), self._names, names, self._delimiter, lost
        )
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


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole rows of a file, the numbers of those rows, and the rows of another number of fields."""

    cells: Columns | Grid
    numbers: Array
    lost: Lost
    done: float
