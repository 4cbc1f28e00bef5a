"""Scoring in pieces, wherever they are read: what a worker is sent, and how its totals come
together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .column import InputError
from .evaluate import empty_totals, scored
from .fragments import Fragments, One, Piece, fragments
from .report import Report
from .running import Totals
from .survey import Wish

# Pieces for each worker: totals that come back are put together by one, and each is begun anew, but
# workers that are done wait for those that are not.
_PIECES = 8

# What is like the built-in map: it calls a function for each of several pieces, and hands back
# what that returned, in any order.
Map = Callable[[Callable[[Piece], Any], Sequence[Piece]], Iterable[Any]]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; the message says how far it came."""


@dataclass(frozen=True, slots=True)
class Job:
    """Scores a piece. It can be pickled, and called by any process that can read the file: it
    returns totals, or the `InputError` that says why there are none."""

    empty: Totals
    source: Fragments
    strict: bool = False

    def __call__(self, piece: Piece) -> Totals | InputError:
        """The totals of a piece."""
        totals = self.empty.again()
        try:
            parts = scored(One(self.source, piece), totals, strict=self.strict)
            with closing(parts):
                for _ in parts:
                    pass
        except InputError as error:
            said = str(error)
            return InputError(said if str(piece.path) in said else f"{piece.path}: {said}")
        return totals


def score_pieces(
    places: Sequence[Path], wish: Wish, map: Map, *, name: str, strict: bool = False,
    worst: int = 10, named_bad_rows: int = 10, progress: Callable[[float], None] | None = None,
) -> Report:  # fmt: skip
    """The report of all that lies at these places, of which the pieces are scored by `map`.

    Raises:
        InputError: a file cannot be read, which the message names, or scored.
        Interrupted: on Ctrl-C.
    """
    if wish.truth is not None:
        raise InputError(
            "--truth is matched with all rows in turn, by one worker: leave out --workers and "
            "--engine, or write the truth into the files"
        )
    source = fragments(places, header=wish.header)
    empty = empty_totals(source, wish, name=name, worst=worst, named_bad_rows=named_bad_rows)
    workers: int | None = getattr(map, "workers", None)
    pieces = source.pieces(workers and _PIECES * workers)
    return gathered(Job(empty, source, strict), pieces, map, progress).report()


def gathered(
    job: Job, pieces: Sequence[Piece], map: Map, progress: Callable[[float], None] | None = None
) -> Totals:
    """The totals of all pieces.

    Raises:
        InputError: one of them cannot be read, or did not come back.
        Interrupted: on Ctrl-C.
    """
    totals, done = job.empty.again(), 0
    results = map(job, pieces)
    try:
        for found in results:
            if isinstance(found, InputError):
                raise found
            totals.merge(found)
            done += 1
            if progress is not None:
                progress(done / len(pieces))
    except KeyboardInterrupt as stopped:
        raise Interrupted(
            f"stopped after {done:,} of {len(pieces):,} pieces ({totals.rows:,} rows)"
        ) from stopped
    finally:
        # Of a generator, which then ends what it has begun.
        if isinstance(results, Generator):
            results.close()
    if done != len(pieces):
        raise InputError(
            f"map= returned {done:,} results for {len(pieces):,} pieces: it has to return one for "
            "each, as the built-in map does"
        )
    return totals
