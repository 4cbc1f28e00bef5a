"""Which reader a file needs, from its first bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .column import InputError, Source
from .npz import NPZ
from .tables import ArrowIPC, Parquet
from .text import CSV

_MAGIC: tuple[tuple[bytes, Callable[[Path], Source]], ...] = (
    (b"PAR1", Parquet),
    (b"ARROW1", lambda path: ArrowIPC(path, stream=False)),
    (b"\xff\xff\xff\xff", lambda path: ArrowIPC(path, stream=True)),
    (b"PK\x03\x04", NPZ),
)
_TEXT = (".csv", ".tsv", ".txt", ".gz", ".bz2", ".zst")


def open_source(path: Path) -> Source:
    """The file as columns, in batches.

    Raises:
        InputError: no such file, or none of CSV, Parquet, Arrow IPC and NPZ.
    """
    if not path.exists():
        raise InputError(f"there is no file {path}")
    if not path.is_file():
        raise InputError(f"{path} is not a file")
    with path.open("rb") as file:
        first = file.read(8)
    for magic, reader in _MAGIC:
        if first.startswith(magic):
            return reader(path)
    if not first:
        raise InputError(f"{path.name} is empty")
    if path.suffix.lower() in _TEXT or b"\0" not in first:
        return CSV(path)
    raise InputError(
        f"{path.name} is none of CSV, Parquet, Arrow IPC and NPZ: it begins with {first!r}"
    )
