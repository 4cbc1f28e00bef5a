"""Comparing files: each is scored, its losses are kept, and every two are set beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from os import PathLike
from pathlib import Path

from .column import Field, InputError
from .evaluate import opened_file, score_source
from .kept import Keeper, Losses
from .places import located
from .report import Comparison, Report
from .survey import Wish

Progress = Callable[[str], AbstractContextManager[Callable[[float], None] | None]]


def compare_files(
    paths: Sequence[str | PathLike[str]],
    wish: Wish | None = None,
    *,
    strict: bool = False,
    worst: int = 10,
    batch_rows: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """How far the cross-entropies of two or more files of predictions are apart, event by event.

    `wish` says which column is what, in every file; `on` is the column of ids by which their rows
    are matched, and without it they go by their order. The columns of `by` and `cluster` are those
    of the first file. `worst` is how many of the rows that differ most are named. Of every row a
    few numbers are held in memory, and soft targets.

    Raises:
        InputError: fewer than two files, one that cannot be scored, or files whose rows, truths,
            weights or tasks are not the same.
    """
    if len(paths) < 2:
        raise InputError("comparing takes two files or more: plogq compare a.csv b.csv")
    found = scored_files(
        paths, wish, strict=strict, worst=worst, batch_rows=batch_rows, progress=progress
    )
    return Comparison.of(found, worst)


def scored_files(
    paths: Sequence[str | PathLike[str]],
    wish: Wish | None = None,
    *,
    strict: bool = False,
    worst: int = 10,
    batch_rows: int | None = None,
    progress: Progress | None = None,
    sliced: bool = False,
) -> list[tuple[Report, Losses]]:
    """The report of each of some files, and the losses of its rows; with `sliced` all of them have
    slices, and not the first alone, by those of the columns that they have.

    Raises:
        InputError: one cannot be scored.
    """
    wish = wish or Wish()
    places = [located(path) for path in paths]
    if sum(str(place) == "-" for place in places) > 1:
        raise InputError("standard input, -, holds one file alone: name the other files")
    found: list[tuple[Report, Losses]] = []
    for place, name in zip(places, _names(places), strict=True):
        keeper = Keeper()
        with nullcontext(None) if progress is None else progress(name) as bar:
            try:
                with opened_file(place, wish) as source:
                    own = wish if not found else _for_others(wish, source.fields, sliced)
                    report = score_source(
                        source, name, own, strict=strict, worst=worst,
                        batch_rows=batch_rows, takers=(keeper,), progress=bar,
                    )  # fmt: skip
            except InputError as error:
                if (place.name or name) in str(error):
                    raise
                raise InputError(f"{name}: {error}") from error
        found.append((report, keeper.losses(name)))
    return found


def _for_others(wish: Wish, fields: Sequence[Field], sliced: bool) -> Wish:
    """What is asked of a file that is not the first: slices and clusters are the first one's, but
    where it has clusters too its own standard error knows them."""
    names = {f.name for f in fields}
    by = tuple(name for name in wish.slices if sliced and name in names)
    return replace(wish, by=by, cluster=wish.cluster if wish.cluster in names else None)


def _names(places: Sequence[Path]) -> list[str]:
    """What the files are called: by their own names, unless two of them have the same."""
    short = [place.name or str(place) for place in places]
    if len(set(short)) == len(short):
        return short
    whole = [str(place) for place in places]
    if len(set(whole)) == len(whole):
        return whole
    return [f"{name} ({i})" if whole.count(name) > 1 else name for i, name in enumerate(whole, 1)]
