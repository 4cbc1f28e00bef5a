"""Where predictions lie: one file, standard input, a folder, or all files of a pattern."""

from __future__ import annotations

import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from glob import glob, has_magic
from itertools import pairwise
from pathlib import Path

import numpy as np

from .column import Array, Batch, Column, Field, InputError, Source, Widths
from .naming import listed
from .places import Remote, missing, size_of
from .read import Guarded, open_source

_PARTITION = re.compile(r"([^=/]+)=([^=/]*)")
_TEXTS = ("text", "list", "other")
# Files of fewer bytes are no use to cut.
_LARGE = 1 << 22


@contextmanager
def opened_source(place: Path, *, header: bool = True) -> Generator[Source, None, None]:
    """The predictions at a place: a file, `-` for standard input, a folder, or a pattern.

    Raises:
        InputError: there is nothing, or nothing that can be read.
    """
    if str(place) == "-" or _is_pipe(place):
        with _kept(place) as path:
            yield open_source(path, header=header)
    elif (found := _several(place)) is not None:
        yield Fragments(*found, header)
    else:
        yield open_source(place, header=header)


def fragments(places: Sequence[Path], *, header: bool = True) -> Fragments:
    """The same as files that can be read one by one, in any process that finds them under the same
    names; of several places those of the first before those of the next.

    Raises:
        InputError: there is nothing, or it is standard input.
    """
    for place in places:
        if str(place) == "-" or _is_pipe(place):
            raise InputError(f"{place} can be read once, by one process: name files instead")
    places = [place.absolute() for place in places]
    found = [_several(place) for place in places]
    if len(places) == 1:
        alone = found[0] is None
        return Fragments(*(found[0] or (places[0].parent, places)), header, alone=alone)
    paths = [
        x
        for place, several in zip(places, found, strict=True)
        for x in (several[1] if several else [place])
    ]
    if not paths:
        raise InputError("there are no files to read")
    return Fragments(places[0].parent, paths, header)


def _several(place: Path) -> tuple[Path, list[Path]] | None:
    """The files of a folder or a pattern; None for a place that is one file."""
    if _is_folder(place):
        return place, _files(place)
    if isinstance(place, Remote) and has_magic(place.url):
        files: list[Path] = [*place.matching()]
        if not files:
            raise InputError(f"{missing(place)}, and none that matches it")
        return place.parent, files
    if _exists(place) or not has_magic(str(place)):
        return None
    paths = [Path(found) for found in sorted(glob(str(place), recursive=True))]
    files = [path for path in paths if path.is_file()]
    if not files:
        raise InputError(f"there is no file {place}, and none that matches it")
    return place.parent, files


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
        return not isinstance(place, Remote) and stat.S_ISFIFO(place.stat().st_mode)
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
    inside = folder.files() if isinstance(folder, Remote) else folder.rglob("*")
    found = sorted(
        path
        for path in inside
        if (isinstance(path, Remote) or path.is_file())
        and not any(p.startswith(("_", ".")) for p in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(f"the folder {folder} holds no file")
    return found


@dataclass(frozen=True, slots=True)
class Piece:
    """What is scored in one go: a file, or its rows from `span[0]` to before `span[1]`. `fragment`
    is which file it is of all."""

    path: Path
    fragment: int
    span: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.span is None:
            return str(self.path)
        return f"{self.path}, rows {self.span[0]:,} to {self.span[1] - 1:,}"


class Fragments:
    """Files one after the other, as one. Hive's partitions (`year=2024/`) are columns; rows count
    through all of them."""

    def __init__(
        self, folder: Path, paths: Sequence[Path], header: bool, *, alone: bool = False
    ) -> None:
        self._paths, self._header = paths, header
        self._keys = [{} if alone else _partitions(path, folder) for path in paths]
        first = open_source(paths[0], header=header)
        self.about = first.about
        if not alone:
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

    def pieces(self, enough: int | None = None) -> list[Piece]:
        """The files, and large ones of a format in which rows can be found cut into pieces;
        of these about as many as are `enough`, where that is said.

        Raises:
            InputError: a file cannot be read.
        """
        found: list[Piece] = []
        for k, path in enumerate(self._paths):
            cuts = open_source(path, header=self._header).cuts() if _is_large(path) else [0]
            spans = pairwise(cuts)
            found += [Piece(path, k, span) for span in spans] or [Piece(path, k)]
        return found if enough is None else _joined(found, enough)

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The files from the first one's beginning; see `Source`."""
        row, total = 0, len(self._paths)
        for k, path in enumerate(self._paths):
            count = 0
            with closing(self.read(Piece(path, k), names, rows, widths)) as batches:
                for batch in batches:
                    count += batch.rows + len(batch.lost)
                    yield replace(
                        batch,
                        start=batch.start + row,
                        done=(k + batch.done) / total,
                        numbers=None if batch.numbers is None else batch.numbers + row,
                        lost=[(number + row, why) for number, why in batch.lost],
                        before=row,
                    )
            row += count

    def read(
        self, piece: Piece, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """One piece, whose rows count from the beginning of its file."""
        stored = [name for name in names if name not in self._partitioned]
        source = self._fragment(piece.path, stored)
        with closing(source.batches(stored, rows, widths, piece.span)) as batches:
            for batch in batches:
                columns = dict(batch.columns) | self._added(piece.fragment, names, batch.rows)
                yield replace(batch, columns=columns, fragment=piece.fragment)

    def _fragment(self, path: Path, names: Sequence[str]) -> Guarded:
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


def _joined(pieces: Sequence[Piece], enough: int) -> list[Piece]:
    """Neighbours in a file as one piece, each of about so many rows that there are `enough`."""
    rows = sum(piece.span[1] - piece.span[0] for piece in pieces if piece.span) / enough
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else piece
        before, span = last.span, piece.span
        near = bool(found) and last.fragment == piece.fragment
        if near and before and span and before[1] - before[0] < rows:
            found[-1] = replace(last, span=(before[0], span[1]))
        else:
            found.append(piece)
    return found


class One:
    """One piece as a source."""

    def __init__(self, whole: Fragments, piece: Piece) -> None:
        self._whole, self._piece = whole, piece
        self.about, self.fields = whole.about, whole.fields

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """Its rows, which count from the beginning of its file; see `Source`."""
        return self._whole.read(self._piece, names, rows, widths)


def _is_large(path: Path) -> bool:
    return size_of(path) > _LARGE


def _partitions(path: Path, folder: Path) -> dict[str, str]:
    parts = path.relative_to(folder).parts[:-1] if path.is_relative_to(folder) else path.parts[:-1]
    return {m[1]: m[2] for part in parts if (m := _PARTITION.fullmatch(part))}


def _kind(values: Sequence[str]) -> bool:
    """Whether all values of a partition are whole numbers."""
    return all(re.fullmatch(r"-?\d{1,18}", value) for value in values)
