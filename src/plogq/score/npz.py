"""NumPy's NPZ archives, a few rows of every array at a time."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from .column import Array, Batch, Column, Field, InputError, Kind, Widths


class NPZ:
    """An NPZ file: each one-dimensional array is a column, each two-dimensional one a list column.

    `numpy.load` would take in a whole member, so members are decompressed here as they are read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, zipfile.ZipInfo] = {}
        fields: list[Field] = []
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as stream:
                    shape, _, dtype = _layout(stream, info.filename)
                if len(shape) in (1, 2):
                    name = info.filename.removesuffix(".npy")
                    self._members[name] = info
                    width = int(shape[1]) if len(shape) == 2 else None
                    fields.append(Field(name, _kind(dtype, width), width))
        self.fields = fields

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        with zipfile.ZipFile(self._path) as archive:
            members = {n: _Member(archive, self._path, self._members[n]) for n in names}
            lengths = {n: m.shape[0] for n, m in members.items()}
            if len(set(lengths.values())) > 1:
                every = " and ".join(f"{n} has {r:,}" for n, r in lengths.items())
                raise InputError(f"arrays that belong together have different lengths: {every}")
            total = next(iter(lengths.values()), 0)
            for start in range(0, total, rows):
                count = min(rows, total - start)
                columns = {n: Column(m.take(start, count)) for n, m in members.items()}
                yield Batch(start, count, columns, (start + count) / total)


class _Member:
    """One array of an archive, read from its first row to its last."""

    def __init__(self, archive: zipfile.ZipFile, path: Path, info: zipfile.ZipInfo) -> None:
        self._stream = archive.open(info)
        self.name = info.filename.removesuffix(".npy")
        self.shape, fortran, self._dtype = _layout(self._stream, info.filename)
        self._mapped: Array | None = None
        if fortran and len(self.shape) == 2:
            # Its rows are not together in the file, so it can only be looked at in place.
            if info.compress_type != zipfile.ZIP_STORED:
                raise InputError(
                    f"{self.name} is compressed and stored column by column, so its rows cannot "
                    f"be read in turn: save np.ascontiguousarray({self.name}) instead"
                )
            self._mapped = np.memmap(
                path, self._dtype, "r", _data_offset(path, info), self.shape, "F"
            )

    def take(self, start: int, count: int) -> Array:
        """The next `count` rows, in this machine's byte order."""
        if self._mapped is not None:
            rows: Array = np.ascontiguousarray(self._mapped[start : start + count])
        else:
            shape = (count, *self.shape[1:])
            wanted = int(np.prod(shape)) * self._dtype.itemsize
            data = self._stream.read(wanted)
            if len(data) < wanted:
                raise InputError(f"{self.name} ends before its last row: the file is cut short")
            rows = np.frombuffer(data, self._dtype).reshape(shape)
        return rows.astype(rows.dtype.newbyteorder("="), copy=False)


def _layout(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, column-major or not, and dtype, from the header of an .npy stream."""
    try:
        version = npy.read_magic(stream)
        if version == (1, 0):
            return npy.read_array_header_1_0(stream)
        if version == (2, 0):
            return npy.read_array_header_2_0(stream)
        # Version 3 differs from 2 in the header's encoding alone, which matters to names of
        # structured dtypes only.
        (length,) = struct.unpack("<I", stream.read(4))
        text = stream.read(length).decode("utf-8").encode("latin1", "replace")
        return npy.read_array_header_2_0(io.BytesIO(struct.pack("<I", len(text)) + text))
    except ValueError as error:
        raise InputError(f"{name} is not a NumPy array: {error}") from error


def _kind(dtype: np.dtype[Any], width: int | None) -> Kind:
    kinds: dict[str, Kind] = {"b": "boolean", "i": "whole", "u": "whole", "f": "real", "U": "text"}
    kind = kinds.get(dtype.kind, "other")
    if width is None:
        return kind
    return "other" if kind in ("text", "other") else "list"


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a stored member's array begins: past the zip header, whose name and extra fields
    may differ in length from the directory's, and past the .npy header."""
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
        file.seek(info.header_offset + 30 + name + extra)
        _layout(file, info.filename)
        return file.tell()
