"""A comparison as a chapter of a page."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from . import plots
from .comparison import Difference, Differences
from .layout import MOST_ROWS, Cell, Chapter, Column, Section, Sheet, count, number
from .page import nats, with_error
from .show_comparison import interval, plus, sentences, signed, verdict
from .svg import drawn

# A picture for every pair of many files would be all that a page has room for.
_MOST_PICTURES = 15
_SIZE = (5.4, 1.5)


def comparison_chapter(found: Differences, id: str) -> Chapter:
    """Every two of the files beside each other; `id` is that of nothing else."""
    how = "in the same order" if found.on is None else f"matched by {found.on}"
    told = [f"{len(found.names)} files, their rows {how}."]
    told += [f"{pair.b} against {pair.a}: {verdict(pair)}." for pair in found.pairs]
    pictures = len(found.pairs) <= _MOST_PICTURES
    sections = [_files(found, f"{id}-files")]
    for i, pair in enumerate(found.pairs):
        sections += _pair(found, pair, f"{id}-pair{i}", picture=pictures)
    return Chapter(id, "Comparison", told, (), sections)


def _files(found: Differences, id: str) -> Section:
    rows = tuple(
        (
            Cell(name), count(report.events),
            number(report.cross_entropy, with_error(report.cross_entropy, report.standard_error)),
            number(report.perplexity),
        )
        for name, report in zip(found.names, found.files, strict=True)
    )  # fmt: skip
    columns = (
        Column("file", number=False), Column("events"), Column("H, nats"), Column("perplexity"),
    )  # fmt: skip
    return Section(
        id, "The files", sheets=[Sheet(f"{id}-table", "Files", columns, rows, len(rows))]
    )


def _pair(found: Differences, pair: Difference, id: str, *, picture: bool) -> Iterator[Section]:
    error = with_error(pair.finite_difference, pair.standard_error)
    lines = [
        ("difference", plus(error, pair.finite_difference), interval(pair.interval)),
        ("if unpaired", f"± {nats(pair.unpaired_standard_error)}",
         interval(pair.unpaired_interval)),
    ]  # fmt: skip
    columns = (
        Column("", number=False), Column("H, nats"), Column("95% interval"),
    )  # fmt: skip
    rows = tuple((Cell(a), Cell(b), Cell(c)) for a, b, c in lines)
    caption = f"H of {pair.b} minus H of {pair.a}: below 0, {pair.b} is better"
    sheets = [Sheet(f"{id}-numbers", caption, columns, rows, 2, fixed=True)]
    sheets += _slices(pair, id)
    sheets += _rows(found, pair, id)
    figures: list[str] = []
    ends = (*pair.interval, *pair.unpaired_interval)
    if picture and all(map(isfinite, ends)):
        description = (
            f"The difference is {signed(pair.finite_difference)} nats, from "
            f"{interval(pair.interval)}; if the rows were not the same, from "
            f"{interval(pair.unpaired_interval)}."
        )
        figures.append(
            drawn(
                lambda made: plots.draw_interval(
                    made.subplots(), pair.finite_difference, pair.interval, pair.unpaired_interval
                ),
                id, "The difference with its interval", description, _SIZE,
            )
        )  # fmt: skip
    title = f"{pair.b} against {pair.a}: {verdict(pair)}"
    yield Section(id, title, list(sentences(pair)), figures=figures, sheets=sheets)


def _slices(pair: Difference, id: str) -> Iterator[Sheet]:
    for i, name in enumerate(dict.fromkeys(line.column for line in pair.slices)):
        every = [line for line in pair.slices if line.column == name]
        rows = tuple(
            (
                Cell(line.value), count(line.count),
                number(line.difference, plus(with_error(line.difference, line.standard_error),
                                             line.difference)),
                number(line.contribution, signed(line.contribution)),
            )
            for line in every[:MOST_ROWS]
        )  # fmt: skip
        columns = (
            Column(name, number=False), Column("events"), Column("difference"),
            Column("contributes"),
        )  # fmt: skip
        caption = f"Slices by {name}, those first that contribute the most"
        yield Sheet(f"{id}-slices{i}", caption, columns, rows, len(every), _ELSEWHERE)


def _rows(found: Differences, pair: Difference, id: str) -> Iterator[Sheet]:
    if not pair.rows:
        return
    named, labels = found.on is not None, any(line.label for line in pair.rows)
    columns = [Column("row")]
    columns += [Column(found.on, number=False)] if found.on is not None else []
    columns += [Column("label", number=False)] if labels else []
    columns += [Column("H(A)"), Column("H(B)"), Column("difference")]
    rows = tuple(
        (
            count(line.row),
            *([Cell(line.id)] if named else []),
            *([Cell(line.label)] if labels else []),
            number(line.cross_entropy_a),
            number(line.cross_entropy_b),
            number(line.difference, signed(line.difference)),
        )
        for line in pair.rows[:MOST_ROWS]
    )
    caption = (
        f"The rows that differ most (they count from 0, in {found.names[0]}); A is {pair.a}, "
        f"B is {pair.b}"
    )
    yield Sheet(f"{id}-rows", caption, tuple(columns), rows, len(pair.rows), _ELSEWHERE)


_ELSEWHERE = "plogq compare --format json has them all"
