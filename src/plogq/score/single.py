"""NumPy's NPY files: one array, whose rows or whose fields are the columns."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

from .column import About, Batch, Field, Widths
from .npy import Layout, read_layout
from .npz import ByColumns, InTurn, column_of, even_cuts, kind_of, rows_at_once

_PIECE = 1 << 20


class NPY:
    """An NPY file: an array of one axis is a column, one of more a list column, and a structured
    one has a column for each field."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.about = About()
        with path.open("rb") as file:
            layout = read_layout(file, path.name)
        self._layout = self._as_rows(layout)
        self._structured = layout.dtype.names is not None
        if layout.dtype.names is None:
            width = self._layout.shape[1] if len(self._layout.shape) == 2 else None
            self.fields = [Field(path.stem, kind_of(layout.dtype, width), width)]
        else:
            self.fields = [
                Field(name, kind_of(layout.dtype[name].base, width), width)
                for name in layout.dtype.names
                for width in (_width(layout, name),)
            ]

    def _as_rows(self, layout: Layout) -> Layout:
        shape = layout.shape or (1,)
        if len(shape) == 2 and shape[1] == 1:
            return replace(layout, shape=shape[:1], fortran=False)
        if len(shape) > 2 and not layout.fortran:
            return replace(layout, shape=(prod(shape[:-1]), shape[-1]))
        return replace(layout, shape=shape)

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        yield from self.between((0, self._layout.shape[0]), names, rows, widths)

    def cuts(self) -> list[int]:
        """See `Spans`: any row will do."""
        return even_cuts(self._layout.shape[0])

    def between(
        self, span: tuple[int, int], names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """See `Spans`."""
        layout, total = self._layout, self._layout.shape[0]
        rows = rows_at_once(rows, [layout])
        with self._path.open("rb") as file:
            if layout.fortran and len(layout.shape) == 2:
                array = ByColumns(file, layout.offset, layout, self._path.name)
            else:
                file.seek(layout.offset + span[0] * layout.row_bytes)
                array = InTurn(file, layout, self._path.name, _PIECE)
            for start in range(*span, rows):
                count = min(rows, span[1] - start)
                taken = array.take(start, count)
                columns = {
                    n: column_of(taken[n].copy() if self._structured else taken, n) for n in names
                }
                yield Batch(start, count, columns, (start + count) / total)


def _width(layout: Layout, name: str) -> int | None:
    shape = layout.dtype[name].shape
    return None if len(shape) != 1 else shape[0]
