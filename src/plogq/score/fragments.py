"""Where predictions lie: one file, standard input, a folder, or all files of a pattern."""

from __future__ import annotations

import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from glob import glob, has_magic
from pathlib import Path

import numpy as np

from .column import Array, Batch, Column, Field, InputError, Source, Widths
from .naming import listed
from .read import open_source

_PARTITION = re.compile(r"([^=/]+)=([^=/]*)")
_TEXTS = ("text", "list", "other")


@contextmanager
def opened_source(place: Path, *, header: bool = True) -> Generator[Source, None, None]:
    """The predictions at a place: a file, `-` for standard input, a folder, or a pattern.

    Raises:
        InputError: there is nothing, or nothing that can be read.
    """
    if str(place) == "-" or _is_pipe(place):
        with _kept(place) as path:
            yield open_source(path, header=header)
    elif _is_folder(place):
        yield Fragments(place, _files(place), header)
    elif not _exists(place) and has_magic(str(place)):
        paths = [Path(found) for found in sorted(glob(str(place), recursive=True))]
        files = [path for path in paths if path.is_file()]
        if not files:
            raise InputError(f"there is no file {place}, and none that matches it")
        yield Fragments(place.parent, files, header)
    else:
        yield open_source(place, header=header)


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except (OSError, ValueError):
        return True


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except (OSError, ValueError):
        return False


def _is_pipe(place: Path) -> bool:
    try:
        return stat.S_ISFIFO(place.stat().st_mode)
    except (OSError, ValueError):
        return False


@contextmanager
def _kept(place: Path) -> Generator[Path, None, None]:
    """What comes through a pipe in a file, since it is read more than once."""
    with tempfile.TemporaryDirectory(prefix="plogq-") as folder:
        path = Path(folder) / ("standard input" if str(place) == "-" else place.name)
        with path.open("wb") as kept:
            if str(place) != "-":
                with place.open("rb") as pipe:
                    shutil.copyfileobj(pipe, kept)
            elif sys.stdin is not None:  # pyright: ignore[reportUnnecessaryComparison]
                shutil.copyfileobj(sys.stdin.buffer, kept)
        yield path


def _files(folder: Path) -> list[Path]:
    """The files of a folder and of those within, but what a writer hides: _SUCCESS, .crc."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(p.startswith(("_", ".")) for p in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(f"the folder {folder} holds no file")
    return found


class Fragments:
    """Files one after the other, as one. Hive's partitions (`year=2024/`) are columns; rows count
    through all of them."""

    def __init__(self, folder: Path, paths: Sequence[Path], header: bool) -> None:
        self._paths, self._header = paths, header
        self._keys = [_partitions(path, folder) for path in paths]
        first = open_source(paths[0], header=header)
        ends = [p.relative_to(folder) if p.is_relative_to(folder) else p for p in paths]
        notes = (f"{len(paths):,} files, from {ends[0]} to {ends[-1]}.",)
        self.about = replace(first.about, notes=(*notes, *first.about.notes))
        names = {f.name for f in first.fields}
        self._partitioned = {
            key: _kind([keys.get(key, "") for keys in self._keys])
            for key in self._keys[0]
            if key not in names
        }
        self.fields: Sequence[Field] = [
            *first.fields,
            *(Field(key, "whole" if whole else "text") for key, whole in self._partitioned.items()),
        ]

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The files from the first one's beginning; see `Source`."""
        row, total = 0, len(self._paths)
        stored = [name for name in names if name not in self._partitioned]
        for k, path in enumerate(self._paths):
            source = self._fragment(path, stored)
            after = row
            with closing(source.batches(stored, rows, widths)) as batches:
                for batch in batches:
                    numbers = batch.number(np.arange(batch.rows)) + row
                    lost = [(number + row, why) for number, why in batch.lost]
                    after = max([after, *(numbers[-1:] + 1).tolist(), *(n + 1 for n, _ in lost)])
                    columns = dict(batch.columns) | self._added(k, names, batch.rows)
                    done = (k + batch.done) / total
                    first = int(numbers[0]) if len(numbers) else row
                    yield Batch(first, batch.rows, columns, done, numbers, lost)
            row = after

    def _fragment(self, path: Path, names: Sequence[str]) -> Source:
        """One of the files, which has the columns of the first."""
        source = open_source(path, header=self._header)
        kinds = {f.name: f.kind for f in source.fields}
        first = {f.name: f.kind for f in self.fields}
        for name in names:
            if name not in kinds:
                have = listed(list(kinds))
                raise InputError(f"{path} has no column {name!r}, as others have; it has {have}")
            if kinds[name] != first[name] and {kinds[name], first[name]} & set(_TEXTS):
                raise InputError(
                    f"{path}: column {name!r} holds {kinds[name]} values, and those of "
                    f"{self._paths[0].name} are {first[name]}"
                )
        return source

    def _added(self, k: int, names: Sequence[str], rows: int) -> dict[str, Column]:
        """The columns that the names of folders are."""
        found: dict[str, Column] = {}
        for name, whole in self._partitioned.items():
            if name in names:
                text = self._keys[k].get(name, "")
                values: Array = (
                    np.full(rows, int(text)) if whole else np.full(rows, text, dtype=object)
                )
                found[name] = Column(values)
        return found


def _partitions(path: Path, folder: Path) -> dict[str, str]:
    parts = path.relative_to(folder).parts[:-1] if path.is_relative_to(folder) else path.parts[:-1]
    return {m[1]: m[2] for part in parts if (m := _PARTITION.fullmatch(part))}


def _kind(values: Sequence[str]) -> bool:
    """Whether all values of a partition are whole numbers."""
    return all(re.fullmatch(r"-?\d{1,18}", value) for value in values)
