"""Scoring a file: find the columns, read batch after batch, add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Protocol

import numpy as np

from .calibration import Calibration
from .column import Array, Batch, Fault, InputError, Source
from .events import Events, read_events
from .find import Roles, find
from .fragments import opened_source
from .pictures import Pictures
from .report import BadRow, Report, make_report
from .rows import written
from .seen import Wish
from .tally import Tally
from .truth import Joined

# Enough rows for vectors to pay, few enough that a batch stays in the processor's cache: the
# passes over it then cost a fraction of reading it.
_MOST_ROWS = 1 << 16
_NUMBERS = 1 << 20
_SAMPLE_ROWS = 1000
# A label that comes a fifth as often as others, where there are five rows for each, is no accident.
_OTHERS, _ENOUGH = 0.2, 5
# From this share of the rows on, and this many of them, a cause is no accident.
_SYSTEMATIC, _FEW, _NAMED = 0.25, 5, 64
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
    path, wish = Path(path), wish or Wish()
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
    # NaN and ∞ in a file are bad rows, to be named; a warning would name no row.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        roles = _find(source, wish)
        rows = batch_rows or max(1, min(_MOST_ROWS, _NUMBERS // max(1, len(roles.classes))))
        tally = Tally(len(roles.classes), worst, roles.by, roles.cluster)
        if wish.calibration or (wish.pictures and roles.form != "tokens"):
            tally.calibration = Calibration(roles)
        if wish.pictures:
            tally.pictures = Pictures(roles)
        bad = _BadRows(strict, named_bad_rows)
        seen = left_out = 0
        with closing(_ahead(source.batches(roles.names, rows, roles.widths))) as batches:
            for batch in batches:
                seen += batch.rows + len(batch.lost)
                faults: list[Fault] = []
                if batch.rows:
                    events, faults, omitted = read_events(batch, roles)
                    left_out += omitted
                    tally.add(events)
                    for taker in takers:
                        taker.add(events)
                bad.add(batch, faults)
                if progress is not None:
                    progress(batch.done)
        if wish.first_label is None:
            _check_misreading(roles, tally, bad, seen)
        if not tally.events:
            raise InputError(_nothing(seen, left_out, bad))
        return make_report(name, roles, tally, seen, left_out, bad.count, bad.first)


def _place(
    rows_to: str | PathLike[str] | None, read: tuple[str | PathLike[str] | None, ...]
) -> Path | None:
    """Where rows are written: never over what is read."""
    if rows_to is None:
        return None
    place = Path(rows_to)
    if any(each is not None and place.resolve() == Path(each).resolve() for each in read):
        raise InputError(f"--rows would overwrite {place}, which is read: name another file")
    return place


@contextmanager
def opened_file(path: Path, wish: Wish) -> Generator[Source, None, None]:
    """The predictions, with the truth beside them where it is in another file."""
    with ExitStack() as opened:
        source = opened.enter_context(opened_source(path, header=wish.header))
        if wish.truth is None:
            yield source
            return
        beside = Path(wish.truth)
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


def _check_misreading(roles: Roles, tally: Tally, bad: _BadRows, rows: int) -> None:
    """Refuse what one wrong reading of the file would bring about: labels of which too many are
    none, in rows that the first ones did not show.

    Raises:
        InputError: it is so; the message names the option that settles it.
    """
    strange, codes = bad.causes["label"], roles.codes
    if codes is None or not tally.events:
        return
    if strange < _SYSTEMATIC * rows or strange < _FEW:
        _check_last_label(roles, tally, bad, strange)
        return
    name, some = roles.target.names[0], ", ".join(sorted(bad.strange)[:4])
    count = len(roles.classes)
    share = f"{strange:,} of the {rows:,} rows have labels in {name!r} that are no class ({some})"
    if codes.first is None or roles.binary:
        raise InputError(
            f"{share}: too many for bad rows: add --ignore LABEL for those that are to be left "
            "out, or name the columns of all classes"
        )
    raise InputError(
        f"{share}, where {codes.first} to {codes.first + count - 1} are: too many for bad rows: "
        f"add --first-label {codes.first + 1} if the labels count from there, or --ignore LABEL "
        "for those that are to be left out"
    )


def _check_last_label(roles: Roles, tally: Tally, bad: _BadRows, strange: int) -> None:
    """Refuse labels of which the first class's never comes, and the one after the last class's
    about as often as others do: they count from 1.

    Raises:
        InputError: it is so.
    """
    codes, count = roles.codes, len(roles.classes)
    if codes is None or codes.first != 0 or roles.binary or tally.class_count[0]:
        return
    often = strange >= _OTHERS * tally.events / count and tally.events >= _ENOUGH * count
    if often and {float(label) for label in bad.strange} == {float(count)}:
        raise InputError(
            f"{strange:,} rows have the label {count} in {roles.target.names[0]!r}, none has the "
            f"label 0, and the classes count from 0 to {count - 1}: add --first-label 1 if label 1 "
            f"means the first of them, or --ignore {count}"
        )


class _BadRows:
    """How many rows could not be scored, and the first of them; for each cause that a misreading
    can have how many, and some of the values."""

    def __init__(self, strict: bool, most: int) -> None:
        self.count = 0
        self.causes: Counter[str] = Counter()
        self.strange: set[str] = set()
        self.first: list[BadRow] = []
        self._strict = strict
        self._most = most

    def add(self, batch: Batch, faults: list[Fault]) -> None:
        """Count the bad rows of a batch, and name some."""
        room = self._most - len(self.first)
        found, total = list(batch.lost), len(batch.lost)
        if faults:
            wrong: Array = np.logical_or.reduce([fault.rows for fault in faults])
            total += int(wrong.sum())
            for fault in faults:
                if fault.cause and fault.rows.any():
                    self._count_cause(fault)
            for i in np.flatnonzero(wrong)[: max(1, room)].tolist():
                fault = next(f for f in faults if f.rows[i])
                found.append((int(batch.number(np.array([i]))[0]), fault.why(i)))
        if not found:
            return
        found.sort()
        if self._strict:
            number, why = found[0]
            raise InputError(f"row {number:,}: {why}")
        self.count += total
        self.first += [BadRow(number, why) for number, why in found[:room]]

    def _count_cause(self, fault: Fault) -> None:
        self.causes[fault.cause] += int(fault.rows.sum())
        if fault.strange is not None and len(self.strange) < _NAMED:
            self.strange.update(map(str, fault.strange[:_NAMED].tolist()))


def _nothing(rows: int, left_out: int, bad: _BadRows) -> str:
    if bad.first:
        first = bad.first[0]
        return f"none of the {rows:,} rows can be scored; row {first.row:,}: {first.reason}"
    return f"none of the {rows:,} rows can be scored: {left_out:,} are left out by label or weight"
