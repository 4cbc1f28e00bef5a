"""Scoring a file: find the columns, read batch after batch, add up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np

from .column import Batch, InputError, Source
from .events import Events
from .find import Roles, find
from .fragments import opened_source
from .places import located
from .report import Report
from .rows import written
from .running import Totals
from .survey import Wish
from .threads import in_order
from .truth import Joined

_NUMBERS = 1 << 20
_SAMPLE_ROWS = 1000
_SAMPLE_LISTS = 64


def score_file(
    path: str | PathLike[str],
    wish: Wish | None = None,
    *,
    strict: bool = False,
    worst: int = 10,
    named_bad_rows: int = 10,
    batch_rows: int | None = None,
    rows_to: str | PathLike[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """The cross-entropy of the predictions in a CSV, Parquet, Arrow IPC or NPZ file, in nats.

    `wish` says which column is what; what it leaves open is found, and the report says why. Bad
    rows are left out and counted, unless `strict`. `rows_to` is a Parquet or CSV file to which
    every row's loss is written. `progress` is called with the part that has
    been read, from 0 to 1.

    Raises:
        InputError: no such file, a file that is none of these, columns that allow more than one
            reading, no row that can be scored, or with `strict` a bad row.
    """
    path, wish = located(path), wish or Wish()
    if wish.truth is None and wish.on is not None:
        raise InputError("--on is the column of ids that two files have: add --truth FILE")
    with written(_place(rows_to, (path, wish.truth))) as writer, opened_file(path, wish) as source:
        return score_source(
            source, path.name, wish, strict=strict, worst=worst, named_bad_rows=named_bad_rows,
            batch_rows=batch_rows, takers=() if writer is None else (writer,), progress=progress,
        )  # fmt: skip


class Taker(Protocol):
    """What events are handed to, a batch after the other, as they are scored."""

    def add(self, events: Events) -> None:
        """Take in the events of a batch."""
        ...


def score_source(
    source: Source,
    name: str,
    wish: Wish,
    *,
    strict: bool = False,
    worst: int = 10,
    named_bad_rows: int = 10,
    batch_rows: int | None = None,
    takers: Sequence[Taker] = (),
    progress: Callable[[float], None] | None = None,
) -> Report:
    """The same of columns that are read a batch at a time; `takers` are handed all events."""
    totals = empty_totals(source, wish, name=name, worst=worst, named_bad_rows=named_bad_rows)
    if not takers and not strict:
        score_by_threads(source, totals, batch_rows, progress)
        return totals.report()
    with np.errstate(all="ignore"):
        for events, done in scored(source, totals, batch_rows=batch_rows, strict=strict):
            if events is not None:
                for taker in takers:
                    taker.add(events)
            if progress is not None:
                progress(done)
    return totals.report()


def empty_totals(
    source: Source, wish: Wish, *, name: str = "", worst: int = 10, named_bad_rows: int = 10
) -> Totals:
    """Totals that know what the columns are, and have no rows yet."""
    with np.errstate(all="ignore"):
        roles = _find(source, wish)
    return Totals(
        roles, name, worst=worst, named_bad_rows=named_bad_rows,
        calibration=wish.calibration or (wish.pictures and roles.form != "tokens"),
        settled=wish.first_label is not None, pictures=wish.pictures,
    )  # fmt: skip


def scored(
    source: Source, totals: Totals, *, batch_rows: int | None = None, strict: bool = False
) -> Generator[tuple[Events | None, float], None, None]:
    """Take in all rows; after every batch its events, and how much has been read, from 0 to 1.

    Raises:
        InputError: it cannot be read, or with `strict` a row is bad.
    """
    roles = totals.roles
    rows = batch_rows or totals.batch_rows
    with closing(_ahead(source.batches(roles.names, rows, roles.widths))) as batches:
        for batch in batches:
            events = totals.take(batch)
            if strict:
                totals.check_strictly()
            yield events, batch.done


def score_by_threads(
    source: Source,
    totals: Totals,
    batch_rows: int | None,
    progress: Callable[[float], None] | None,
) -> None:
    """The same by several threads, where no one asks for the events in their order. Each thread
    has totals of its own, which come to the same.

    Raises:
        InputError: it cannot be read.
    """
    roles, rows = totals.roles, batch_rows or totals.batch_rows
    free: deque[Totals] = deque()

    def take(batch: Batch) -> None:
        try:
            own = free.pop()
        except IndexError:
            own = totals.again()
        with np.errstate(all="ignore"):  # of this thread
            own.take(batch)
        free.append(own)

    def told(batches: Iterator[Batch]) -> Generator[Batch, None, None]:
        for batch in batches:
            yield batch
            if progress is not None:
                progress(batch.done)

    with (
        closing(_ahead(source.batches(roles.names, rows, roles.widths))) as batches,
        closing(in_order(told(batches), take)) as done,
    ):
        for _ in done:
            pass
    for part in free:
        totals.merge(part)


def _place(
    rows_to: str | PathLike[str] | None, read: tuple[str | PathLike[str] | None, ...]
) -> Path | None:
    """Where rows are written: never over what is read."""
    if rows_to is None:
        return None
    written_to = Path(rows_to)
    if any(each is not None and written_to.resolve() == located(each).resolve() for each in read):
        raise InputError(f"--rows would overwrite {written_to}, which is read: name another file")
    return written_to


@contextmanager
def opened_file(path: Path, wish: Wish) -> Generator[Source, None, None]:
    """The predictions, with the truth beside them where it is in another file."""
    with ExitStack() as opened:
        source = opened.enter_context(opened_source(path, header=wish.header))
        if wish.truth is None:
            yield source
            return
        beside = located(wish.truth)
        truth = opened.enter_context(opened_source(beside, header=wish.header))
        yield Joined(source, truth, wish.on, (path.name, beside.name))


def _find(source: Source, wish: Wish) -> Roles:
    """The roles of the columns, from the first rows."""
    readable = [f for f in source.fields if f.kind != "other"]
    if not readable:
        raise InputError("there is no column of numbers or text")
    # A row of a list column may be a hundred thousand numbers long, and so may one of columns.
    lists = any(f.kind == "list" for f in readable)
    rows = max(1, min(_SAMPLE_LISTS if lists else _SAMPLE_ROWS, _NUMBERS // len(readable)))
    names = [f.name for f in readable]
    lost: list[tuple[int, str]] = []
    with closing(source.batches(names, rows, {})) as batches:
        for sample in batches:
            lost += sample.lost
            if sample.rows:
                whole = next(batches, None) is None
                return find(source.fields, sample, whole, wish, source.about)
    if lost:
        number, why = lost[0]
        raise InputError(f"none of the {len(lost):,} rows can be scored; row {number:,}: {why}")
    raise InputError("the file has no rows")


def _ahead(batches: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
    """The same batches, the next one read by a thread while this one is scored: reading and
    arithmetic both let go of the interpreter's lock."""
    with ThreadPoolExecutor(1) as reader:
        try:
            coming = reader.submit(next, batches, None)
            while (batch := coming.result()) is not None:
                coming = reader.submit(next, batches, None)
                yield batch
        finally:
            # In the same thread and so after what it still reads, even if a second Ctrl-C ends
            # the wait for it.
            reader.submit(batches.close)
