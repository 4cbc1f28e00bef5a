"""How an array lies in an .npy stream, found out before anything large is read of it."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass
from math import prod
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from .column import InputError

# numpy itself trusts no header of more than 10,000 letters, but reads it first, up to 4 GB of it.
_LONGEST_HEADER = 1 << 16


@dataclass(frozen=True, slots=True)
class Layout:
    """Shape, column-major or not, dtype, and how many bytes come before the first number."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def row_bytes(self) -> int:
        """What a row takes."""
        return prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def bytes(self) -> int:
        """What all of it takes."""
        return prod(self.shape) * self.dtype.itemsize


def read_layout(stream: IO[bytes], name: str) -> Layout:
    """The header of an .npy stream.

    Raises:
        InputError: there is none.
    """
    # Python 2 wrote its headers in a way that numpy warns of.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _read(stream)
        except Exception as error:
            # A header is a Python expression, so there is little that one cannot raise.
            first = str(error).split("\n")[0] or type(error).__name__
            raise InputError(f"{name} is not a NumPy array: {first}") from error


def _read(stream: IO[bytes]) -> Layout:
    version = npy.read_magic(stream)
    size, form = (2, "<H") if version == (1, 0) else (4, "<I")
    (length,) = struct.unpack(form, _exactly(stream, size))
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header takes {length:,} bytes")
    text = _exactly(stream, length)
    if version >= (3, 0):
        # Version 3 differs in the header's encoding alone, which matters to names of structured
        # dtypes only.
        text = text.decode("utf-8").encode("latin1", "replace")
    header = io.BytesIO(struct.pack("<I", len(text)) + text)
    shape, fortran, dtype = npy.read_array_header_2_0(header)
    if any(isinstance(n, bool) or n < 0 for n in shape):
        raise ValueError(f"its shape is {shape}")
    return Layout(shape, bool(fortran), dtype, npy.MAGIC_LEN + size + length)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise ValueError("its header is cut short")
    return data


def skip_to_data(file: IO[bytes], header_offset: int) -> int:
    """Where a stored member of a zip archive begins: past its header, whose name and extra fields
    may differ in length from the directory's."""
    file.seek(header_offset + 26)
    name, extra = struct.unpack("<HH", file.read(4))
    return header_offset + 30 + int(name) + int(extra)
