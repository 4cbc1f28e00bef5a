"""Which reader a file needs, from its first bytes; and whatever goes wrong in it as a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from .column import About, Batch, Field, InputError, Source, Spans, Widths
from .completions import Completions, first_object, tokens_of
from .jsonl import JSONLines
from .npz import NPZ
from .places import missing
from .refused import why_refused
from .single import NPY
from .streams import UTF_16, first_bytes
from .tables import ArrowIPC, Parquet
from .text import CSV

_MAGIC: tuple[tuple[bytes, Callable[[Path], Source]], ...] = (
    (b"PAR1", Parquet),
    (b"ARROW1", lambda path: ArrowIPC(path, stream=False)),
    (b"\xff\xff\xff\xff", lambda path: ArrowIPC(path, stream=True)),
    (b"PK\x03\x04", NPZ),
    (b"\x93NUMPY", NPY),
)
_TEXT = (".csv", ".tsv", ".txt")
_LOOKED_AT = 1 << 12

# What no file can bring about: these are faults of ours.
_OURS = (AssertionError, AttributeError, NameError)


def open_source(path: Path, *, header: bool = True) -> Guarded:
    """The file as columns, in batches; a text file without a `header` has rows from its first line.

    Raises:
        InputError: no such file, none of CSV, JSON lines, Parquet, Arrow IPC, NPZ and NPY, or one
            that cannot be read, which may show only as its batches are.
    """
    with _reading(path):
        reader = _reader(path)
        source = CSV(path, header=header) if reader is CSV else reader(path)
    for name, times in Counter(f.name for f in source.fields).most_common(1):
        if times > 1:
            raise InputError(f"{path.name} has two columns named {name!r}: rename one of them")
    return Guarded(path, source)


class Guarded:
    """A source whose every failure is an `InputError`."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path, self._source = path, source

    @property
    def about(self) -> About:
        """What was found out of the file."""
        return self._source.about

    @property
    def fields(self) -> Sequence[Field]:
        """The columns, in the order of the file."""
        return self._source.fields

    def cuts(self) -> list[int]:
        """The rows at which reading can begin as cheaply as at the first one, and how many rows
        there are; the first row alone where there is no such place."""
        if not isinstance(self._source, Spans):
            return [0]
        with _reading(self._path):
            return list(self._source.cuts())

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths, span: tuple[int, int] | None = None
    ) -> Generator[Batch, None, None]:
        """The file from its beginning, or its rows from one of its cuts to another; see
        `Source`."""
        row = 0
        if span is not None and isinstance(self._source, Spans):
            found = self._source.between(span, names, rows, widths)
        else:
            found = self._source.batches(names, rows, widths)
        with closing(found) as batches:
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
        raise InputError(missing(path))
    if not path.is_file():
        raise InputError(f"{path} is not a file")
    first, compressed = first_bytes(path, _LOOKED_AT)
    refused = why_refused(path, first, compressed)
    if refused is not None:
        raise InputError(refused)
    if compressed is None:
        for magic, reader in _MAGIC:
            if first.startswith(magic):
                return reader
    if not first:
        raise InputError(f"{path.name} is empty")
    if first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        line = first_object(path)
        return Completions if line is not None and tokens_of(line) is not None else JSONLines
    text = compressed is not None or path.suffix.lower() in _TEXT
    # Of UTF-16 that says nothing of itself every other byte is zero.
    wide = len(first) > 3 and (not any(first[:8:2]) or not any(first[1:8:2])) and any(first[:8])
    if text or wide or b"\0" not in first[:8] or any(map(first.startswith, UTF_16)):
        return CSV
    raise InputError(
        f"{path.name} is none of CSV, JSON lines, Parquet, Arrow IPC, NPZ and NPY: it begins with "
        f"{first[:8]!r}"
    )
