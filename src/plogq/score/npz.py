"""NumPy's NPZ archives, a few rows of every array at a time."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from .column import (
    MOST_CLASSES,
    RAGGED,
    About,
    Array,
    Batch,
    Column,
    Fault,
    Field,
    InputError,
    Kind,
    Widths,
    summed,
)
from .naming import folded
from .npy import Layout, read_layout, skip_to_data
from .places import zip_file

# What the rows of a batch may take, so that wide ones come a few at a time.
_BATCH_BYTES = 32 << 20
# zipfile decompresses all that it has read of a member at once, unless that was deflated.
_PIECE, _PIECE_OF_BOMB = 1 << 20, 1 << 12
_METHODS = {
    zipfile.ZIP_STORED: _PIECE,
    zipfile.ZIP_DEFLATED: _PIECE,
    zipfile.ZIP_BZIP2: _PIECE_OF_BOMB,
    zipfile.ZIP_LZMA: _PIECE_OF_BOMB,
}
_LONGEST_TEXT = 1 << 16
_APART = 1 << 18
_CLASSES = frozenset(("classes", "classnames", "targetnames", "labelnames", "categories"))


class NPZ:
    """An NPZ file: each one-dimensional array is a column, each two-dimensional one a list column.

    Of an array of more axes all but the last are rows. `numpy.load` would take in a whole member,
    so members are decompressed here as they are read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, tuple[zipfile.ZipInfo, Layout]] = {}
        with zip_file(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    name = info.filename.removesuffix(".npy")
                    self._members[name] = info, _layout(archive, info)
                    self._seen_twice(archive, name)
            classes = self._class_names(archive)
        self.about = About(classes=classes)
        deep = [layout.shape for _, layout in self._members.values() if len(layout.shape) > 2]
        leads = {shape[:-1] for shape in deep}
        self.fields: list[Field] = []
        for name, (info, layout) in list(self._members.items()):
            flat = _flattened(layout, leads)
            if len(flat.shape) not in (1, 2):
                del self._members[name]
                continue
            self._members[name] = info, flat
            width = flat.shape[1] if len(flat.shape) == 2 else None
            self.fields.append(Field(name, kind_of(flat.dtype, width), width))

    def _seen_twice(self, archive: zipfile.ZipFile, name: str) -> None:
        names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
        if names.count(name) > 1:
            raise InputError(
                f"{self._path.name} has two columns named {name!r}: rename one of them"
            )

    def _class_names(self, archive: zipfile.ZipFile) -> tuple[str, ...] | None:
        """What an array of the classes' names says; it is no column then."""
        for name, (info, layout) in list(self._members.items()):
            short = len(layout.shape) == 1 and layout.shape[0] <= MOST_CLASSES
            if folded(name) not in _CLASSES or not short or layout.dtype.kind not in "Uiub":
                continue
            if layout.dtype.itemsize > _LONGEST_TEXT:
                continue
            del self._members[name]
            with archive.open(info) as stream:
                stream.read(layout.offset)
                rows = InTurn(stream, layout, name, _METHODS[info.compress_type])
                return tuple(map(str, rows.take(0, layout.shape[0]).tolist()))
        return None

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        yield from self._read(None, names, rows, widths)

    def cuts(self) -> list[int]:
        """See `Spans`: any row of arrays that are not compressed."""
        stored = all(i.compress_type == zipfile.ZIP_STORED for i, _ in self._members.values())
        lengths = {layout.shape[0] for _, layout in self._members.values()}
        return even_cuts(lengths.pop()) if stored and len(lengths) == 1 else [0]

    def between(
        self, span: tuple[int, int], names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """See `Spans`."""
        yield from self._read(span, names, rows, widths)

    def _read(
        self, span: tuple[int, int] | None, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        lengths = {n: self._members[n][1].shape[0] for n in names}
        if len(set(lengths.values())) > 1:
            every = " and ".join(f"{n} has {r:,}" for n, r in lengths.items())
            raise InputError(f"arrays that belong together have different lengths: {every}")
        total = next(iter(lengths.values()), 0)
        first, last = span or (0, total)
        rows = rows_at_once(rows, [self._members[n][1] for n in names])
        with ExitStack() as open_files:
            archive = open_files.enter_context(zip_file(self._path))
            members = {n: self._open(archive, open_files, n, first) for n in names}
            for start in range(first, last, rows):
                count = min(rows, last - start)
                columns = {n: column_of(m.take(start, count), n) for n, m in members.items()}
                for n in columns:
                    if widths.get(n) == RAGGED and columns[n].values.ndim == 2:
                        columns[n] = Column(summed(columns[n].values))
                yield Batch(start, count, columns, (start + count) / total)

    def _open(self, archive: zipfile.ZipFile, open_files: ExitStack, name: str, first: int) -> Rows:
        info, layout = self._members[name]
        if first and not layout.fortran:
            file = open_files.enter_context(self._path.open("rb"))
            file.seek(skip_to_data(file, info.header_offset) + layout.offset)
            file.seek(first * layout.row_bytes, os.SEEK_CUR)
            return InTurn(file, layout, name, _PIECE)
        if not (layout.fortran and len(layout.shape) == 2):
            stream = open_files.enter_context(archive.open(info))
            stream.read(layout.offset)
            return InTurn(stream, layout, name, _METHODS[info.compress_type])
        if info.compress_type != zipfile.ZIP_STORED:
            raise InputError(
                f"{name} is compressed and stored column by column, so its rows cannot be read in "
                f"turn: save np.ascontiguousarray({name}) instead"
            )
        file = open_files.enter_context(self._path.open("rb"))
        return ByColumns(file, skip_to_data(file, info.header_offset) + layout.offset, layout, name)


def _flattened(layout: Layout, leads: set[tuple[int, ...]]) -> Layout:
    """An array of rows: sequences of events put one after the other, and labels of shape (N, 1)
    as (N,)."""
    shape = layout.shape
    if len(shape) == 2 and shape[1] == 1 and shape not in leads:
        return replace(layout, shape=shape[:1], fortran=False)
    if layout.fortran or not leads:
        return layout
    if len(shape) > 2:
        return replace(layout, shape=(prod(shape[:-1]), shape[-1]))
    return replace(layout, shape=(prod(shape),)) if shape in leads else layout


def rows_at_once(rows: int, layouts: Sequence[Layout]) -> int:
    """How many rows of these arrays a batch has at most."""
    row_bytes = sum(layout.row_bytes for layout in layouts)
    return max(1, min(rows, _BATCH_BYTES // max(1, row_bytes)))


def even_cuts(rows: int) -> list[int]:
    """Rows so far apart that each part is worth being read on its own, and the end."""
    return [*range(0, rows, _APART), rows] if rows else [0]


class Rows(Protocol):
    """One array of an archive."""

    def take(self, start: int, count: int) -> Array:
        """Some of its rows."""
        ...


class InTurn:
    """An array whose rows are together, read from its first to its last."""

    def __init__(self, stream: IO[bytes], layout: Layout, name: str, piece: int) -> None:
        self._stream, self._layout, self._name, self._piece = stream, layout, name, piece

    def take(self, start: int, count: int) -> Array:
        """The next `count` rows."""
        rows = np.empty((count, *self._layout.shape[1:]), self._layout.dtype)
        _fill(self._stream, rows, self._name, self._piece)
        return rows


class ByColumns:
    """A matrix whose columns are together, read a window of rows at a time.

    Not through a memory map: where a file that is mapped is cut short, the process is killed.
    """

    def __init__(self, file: IO[bytes], offset: int, layout: Layout, name: str) -> None:
        self._file, self._offset, self._layout, self._name = file, offset, layout, name
        self._first = 0
        self._window = np.empty((layout.shape[1], 0), layout.dtype)

    def take(self, start: int, count: int) -> Array:
        """Rows from `start` on, row by row."""
        if start + count > self._first + self._window.shape[1]:
            self._read(start, count)
        begin = start - self._first
        return np.ascontiguousarray(self._window[:, begin : begin + count].T)

    def _read(self, start: int, count: int) -> None:
        total, width = self._layout.shape
        rows = min(total - start, max(count, _BATCH_BYTES // self._layout.row_bytes))
        self._first, self._window = start, np.empty((width, rows), self._layout.dtype)
        size = self._layout.dtype.itemsize
        if rows == total:
            self._file.seek(self._offset)
            _fill(self._file, self._window, self._name, _PIECE)
            return
        for k, column in enumerate(self._window):
            self._file.seek(self._offset + (k * total + start) * size)
            _fill(self._file, column, self._name, _PIECE)


def _fill(stream: IO[bytes], array: Array, name: str, piece: int) -> None:
    """Read an array's bytes, a piece at a time."""
    data = array.reshape(-1).view(np.uint8)
    at = 0
    while at < len(data):
        part = stream.read(min(piece, len(data) - at))
        if not part:
            raise InputError(f"{name} ends before its last row: the file is cut short")
        data[at : at + len(part)] = np.frombuffer(part, np.uint8)
        at += len(part)


def _layout(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Layout:
    """How a member is laid out; refused where it cannot be read at all."""
    name = info.filename
    if info.flag_bits & 1:
        raise InputError(f"{name} is encrypted: save the arrays with numpy.savez")
    if info.compress_type not in _METHODS:
        raise InputError(
            f"{name} is compressed in a way that Python does not know (method "
            f"{info.compress_type}): save the arrays with numpy.savez"
        )
    with archive.open(info) as stream:
        layout = read_layout(stream, name)
    held = info.file_size - layout.offset
    if layout.bytes > held:
        raise InputError(
            f"{name} is cut short: it has {held:,} bytes for an array of shape {layout.shape} and "
            f"type {layout.dtype}, which takes {layout.bytes:,}"
        )
    return layout


def kind_of(dtype: np.dtype[Any], width: int | None) -> Kind:
    """What a column of this type can stand for."""
    kinds: dict[str, Kind] = {"b": "boolean", "i": "whole", "u": "whole", "f": "real", "U": "text"}
    kind = kinds.get(dtype.kind, "other")
    if not 0 < dtype.itemsize <= _LONGEST_TEXT or (width is not None and not width):
        return "other"
    if width is None:
        return kind
    return "other" if kind in ("text", "other") or width > MOST_CLASSES else "list"


def column_of(values: Array, name: str) -> Column:
    """Values in this machine's byte order, and the texts among them that are none."""
    if values.dtype.kind == "b":
        # A truth value is a byte, and a file may have any in it.
        return Column(values.view(np.uint8) != 0)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind != "U":
        return Column(values)
    letters = values.view(np.uint32).reshape(len(values), -1)
    broken = (letters > 0x10FFFF) | ((letters >= 0xD800) & (letters < 0xE000))
    if not broken.any():
        return Column(values)
    wrong: Array = np.asarray(broken.any(axis=1))
    letters[broken] = ord("?")
    return Column(values, [Fault(wrong, lambda _: f"{name} is no text")])
