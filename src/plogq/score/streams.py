"""A file's text: decompressed as its first bytes say, and in UTF-8 whatever it was written in."""

from __future__ import annotations

import codecs
import lzma
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from .places import raw_file

_arrow: Any = pa

_XZ = b"\xfd7zXZ\0"
_COMPRESSED = {
    b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4",
    _XZ: "xz",
}  # fmt: skip
# As a name, since what it opens is closed with the file beneath.
_XZ_FILE: Any = lzma.LZMAFile
UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class Stream(Protocol):
    """What bytes are read from."""

    def read(self, size: int) -> bytes:
        """At most so many bytes, and none at the end."""
        ...


class Raw:
    """The file beneath, and how much of it has been read."""

    def __init__(self, file: Any) -> None:
        self.file = file

    @property
    def done(self) -> float:
        """From 0 to 1."""
        at = int(self.file.tell())
        return at / (int(self.file.size()) or at or 1)


class _Recoded:
    """Text of another encoding as UTF-8."""

    def __init__(self, stream: Stream, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ended, self._rest = False, b""

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        while len(self._rest) < size and not self._ended:
            data = self._stream.read(max(size, 1 << 16))
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            self._rest += text.encode("utf-8", "replace")
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


class _Tracked:
    """A Python file over pyarrow's, for what only Python decompresses."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def read(self, size: int = -1) -> bytes:
        return self._raw.read(size) if size >= 0 else self._raw.read()

    def seekable(self) -> bool:
        return False

    def readable(self) -> bool:
        return True


def compression(first: bytes) -> str | None:
    """How bytes that begin so are compressed."""
    return next((name for mark, name in _COMPRESSED.items() if first.startswith(mark)), None)


@contextmanager
def opened(path: Path, encoding: str | None = None) -> Generator[tuple[Raw, Stream], None, None]:
    """The file, and its text: decompressed where its first bytes say that it is compressed, and
    turned into UTF-8 where it is in another encoding."""
    with raw_file(path) as file:
        name = compression(bytes(file.read(8)))
        file.seek(0)
        if name is None:
            stream: Any = file
        elif name == "xz":
            stream = _XZ_FILE(_Tracked(file))
        else:
            stream = _arrow.CompressedInputStream(file, name)
        try:
            yield Raw(file), stream if encoding is None else _Recoded(stream, encoding)
        finally:
            if stream is not file:
                stream.close()


def first_bytes(path: Path, count: int) -> tuple[bytes, str | None]:
    """The first bytes of a file, decompressed, and how it is compressed."""
    with path.open("rb") as file:
        name = compression(file.read(8))
    with opened(path) as (_, stream):
        found = b""
        while len(found) < count and (data := stream.read(count - len(found))):
            found += data
    return found, name
