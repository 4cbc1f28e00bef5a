"""Which reader a file needs, from its first bytes; and whatever goes wrong in it as a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from .column import Batch, Field, InputError, Source, Widths
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
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

# What no file can bring about: these are faults of ours.
_OURS = (AssertionError, AttributeError, NameError)


def open_source(path: Path) -> Source:
    """The file as columns, in batches.

    Raises:
        InputError: no such file, none of CSV, Parquet, Arrow IPC and NPZ, or one that cannot be
            read, which may show only as its batches are.
    """
    with _reading(path):
        source = _reader(path)(path)
    for name, times in Counter(f.name for f in source.fields).most_common(1):
        if times > 1:
            raise InputError(f"{path.name} has two columns named {name!r}: rename one of them")
    return _Guarded(path, source)


class _Guarded:
    """A source whose every failure is an `InputError`."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path, self._source = path, source

    @property
    def fields(self) -> Sequence[Field]:
        """The columns, in the order of the file."""
        return self._source.fields

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        row = 0
        with closing(self._source.batches(names, rows, widths)) as batches:
            while True:
                with _reading(self._path, row):
                    batch = next(batches, None)
                if batch is None:
                    return
                row = batch.start + batch.rows
                yield batch


@contextmanager
def _reading(path: Path, row: int = 0) -> Generator[None, None, None]:
    """Errors of any kind, as one sentence that names the file and how far it could be read.

    The libraries beneath raise whatever they please (zipfile alone: NotImplementedError,
    RuntimeError, struct.error), so the place tells a failure of reading, and not the type.
    """
    try:
        yield
    except (InputError, *_OURS):
        raise
    except MemoryError as error:
        raise InputError(f"{path.name} needs more memory than there is{_from(row)}") from error
    except Exception as error:
        raise InputError(f"{path.name} cannot be read{_from(row)}: {_why(error)}") from error


def _from(row: int) -> str:
    return f" from row {row:,} on" if row else ""


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    first = str(error).strip().split("\n")[0]
    # A KeyError says no more than the key.
    name = "" if isinstance(error, ValueError | OSError) and first else type(error).__name__
    return ": ".join(part for part in (name, first) if part)


def _reader(path: Path) -> Callable[[Path], Source]:
    if not path.exists():
        raise InputError(f"there is no file {path}")
    if not path.is_file():
        raise InputError(f"{path} is not a file")
    with path.open("rb") as file:
        first = file.read(8)
    for magic, reader in _MAGIC:
        if first.startswith(magic):
            return reader
    if not first:
        raise InputError(f"{path.name} is empty")
    if first.startswith(_UTF_16):
        raise InputError(f"{path.name} is text in UTF-16: save it as UTF-8")
    if path.suffix.lower() in _TEXT or b"\0" not in first:
        return CSV
    raise InputError(
        f"{path.name} is none of CSV, Parquet, Arrow IPC and NPZ: it begins with {first!r}"
    )
