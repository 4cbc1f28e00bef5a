"""A report as a chapter of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan, sqrt

from . import plots, sentences
from .layout import (
    MOST_ROWS,
    Cell,
    Chapter,
    Column,
    Matrix,
    Section,
    Shade,
    Sheet,
    Tile,
    count,
    number,
    share,
)  # fmt: skip
from .page import many, nats, percent, with_error
from .show import most_frequent
from .summary import Summary, WorstRow
from .svg import drawn

# The deepest colour leaves text of the page's own on it as clear as it has to be.
_DEEPEST = 45
_WIDE, _SQUARE = (5.4, 2.7), (5.4, 4.8)


def chapter(report: Summary, name: str, id: str) -> Chapter:
    """All that the report says of the file that is called so; `id` is that of nothing else."""
    return Chapter(
        id=id,
        title=name,
        sentences=list(sentences.headline(report)),
        tiles=list(_tiles(report)),
        sections=[made for made in _sections(report, id) if made is not None],
    )


def _tiles(report: Summary) -> Iterator[Tile]:
    r = report
    error = f"± {nats(r.standard_error)} nats" if not isnan(r.standard_error) else "nats"
    yield Tile("cross-entropy H", nats(r.cross_entropy), error)
    yield Tile("perplexity", nats(r.perplexity))
    for unit, bits in (
        ("byte", r.bits_per_byte), ("character", r.bits_per_character)
    ):  # fmt: skip
        if not isnan(bits):
            yield Tile(f"bits per {unit}", nats(bits))
    if r.tokens:
        yield Tile("tokens", f"{r.tokens:,.0f}", f"in {many(r.events, 'row')}")
        return
    yield Tile("accuracy", percent(r.accuracy), f"of {many(r.events, 'event')}")
    yield Tile("gain on the class frequencies", percent(r.d2), "of their H")
    if r.reliability:
        yield Tile("miscalibration", nats(r.miscalibration), "nats")
        yield Tile("best temperature", nats(r.temperature), f"gains {nats(r.temperature_gain)}")


def _sections(report: Summary, id: str) -> Iterator[Section | None]:
    yield _reading(report, f"{id}-reading")
    yield _losses(report, f"{id}-losses")
    yield _calibration(report, f"{id}-calibration")
    yield _baselines(report, f"{id}-baselines")
    yield _classes(report, f"{id}-classes")
    yield _confusion(report, f"{id}-confusion")
    for i, column in enumerate(dict.fromkeys(line.column for line in report.slices)):
        yield _slices(report, column, f"{id}-slices{i}")
    if report.suspicious:
        told = (
            "The model gives another class more than the label, and as much as that class gets on "
            "average where it is the label: these labels are likely wrong."
        )
        yield _rows(report, report.suspicious, f"{id}-suspicious", "Suspicious labels", told)
    if report.worst:
        told = "The rows whose label the model found least likely: wrong labels, or hard rows."
        yield _rows(report, report.worst, f"{id}-worst", "Worst rows", told)


def _reading(report: Summary, id: str) -> Section:
    """What was read, and what was not."""
    said = [f"{many(report.row_count, 'row')} read. What the columns were taken for:"]
    listed = list(report.reasons)
    sheets: list[Sheet] = []
    if report.left_out:
        listed.append(sentences.left_out(report))
    if report.bad_rows:
        listed.append(sentences.bad_rows(report).removesuffix(" (rows count from 0):") + ".")
        rows = tuple((count(bad.row), Cell(bad.reason)) for bad in report.first_bad)
        columns = (Column("row"), Column("why", number=False))
        sheets.append(
            Sheet(
                f"{id}-bad", "Bad rows, the first of them", columns, rows, report.bad_rows,
                elsewhere="they are bad as these are, or otherwise",
            )
        )  # fmt: skip
    return Section(id, "What was read", said, listed, sheets=sheets)


def _losses(report: Summary, id: str) -> Section | None:
    bins = report.histogram
    if not bins:
        return None
    told = list(sentences.losses(report))
    top = max(bins, key=lambda line: line.count)
    description = (
        f"A histogram on a logarithmic scale. Most events, {percent(top.weight_share)} of them, "
        f"have a loss from {nats(top.low)} to {nats(top.high)} nats. {' '.join(told)}"
    )
    figure = drawn(
        lambda made: plots.draw_losses(made.subplots(), bins),
        id, "How the losses are spread", description, _WIDE,
    )  # fmt: skip
    return Section(id, "Losses", told, figures=[figure])


def _calibration(report: Summary, id: str) -> Section | None:
    bins = report.reliability
    if not bins:
        return None

    def draw(made: object) -> None:
        figure: plots.Any = made
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        plots.draw_reliability(above, bins, "this model")
        above.set(xlabel="")
        plots.draw_counts(below, bins)

    off = max(bins, key=lambda line: abs(line.observed - line.predicted))
    description = (
        "How often the model is right by what it says, a band of 95% around it, and below how many "
        f"events there are. It is furthest off where it says {nats(off.predicted)} and is right in "
        f"{nats(off.observed)} of {many(off.count, 'event')}. The table has all numbers."
    )
    figure = drawn(draw, id, "Reliability: what the model says, and how often it is right",
                   description, _SQUARE)  # fmt: skip
    rows = tuple(
        (
            Cell(f"{line.low:.2f} to {line.high:.2f}", f"{line.low:.4g}"), count(line.count),
            number(line.predicted), number(line.observed), Cell(_band(plots.band(line))),
        )
        for line in bins
    )  # fmt: skip
    columns = (
        Column("probability"), Column("events"), Column("says"), Column("is right"),
        Column("95% interval"),
    )  # fmt: skip
    sheet = Sheet(f"{id}-bins", "Reliability, in bins of what the model says", columns, rows,
                  len(rows))  # fmt: skip
    return Section(
        id, "Calibration", list(sentences.calibration(report)), figures=[figure], sheets=[sheet]
    )


def _band(ends: tuple[float, float]) -> str:
    return f"{nats(ends[0])} to {nats(ends[1])}"


def _baselines(report: Summary, id: str) -> Section | None:
    if not report.baselines:
        return None
    rows = tuple(
        (Cell(line.name), number(line.cross_entropy), number(line.gain), share(line.share))
        for line in report.baselines
    )
    columns = (
        Column("a prediction that knows only", number=False), Column("H, nats"),
        Column("the model gains, nats"), Column("that is"),
    )  # fmt: skip
    caption = "Predictions that are the same for every row"
    sheet = Sheet(f"{id}-table", caption, columns, rows, len(rows), fixed=True)
    return Section(id, "Beside constant predictions", sheets=[sheet])


def _classes(report: Summary, id: str) -> Section | None:
    every = report.classes
    if report.tokens or not every:
        return None
    # Whether it is this class, as isotonic regression would say it.
    fitted = any(not isnan(line.miscalibration) for line in every)
    rows = tuple(
        (
            Cell(line.label), count(line.count), number(line.cross_entropy), share(line.recall),
            *((number(line.discrimination), number(line.miscalibration)) if fitted else ()),
        )
        for line in most_frequent(every, MOST_ROWS)
    )  # fmt: skip
    columns = (
        Column("class", number=False), Column("events"), Column("H, nats"), Column("recall"),
        *((Column("discrimination"), Column("miscalibration")) if fitted else ()),
    )  # fmt: skip
    few = len(every) > MOST_ROWS
    caption = "The most frequent classes" if few else "Classes"
    sheet = Sheet(f"{id}-table", caption, columns, rows, len(every))
    there = [line for line in every if line.count]
    told = [f"{len(every):,} classes, of which {len(there):,} occur."]
    if there and not isnan(report.macro_cross_entropy):
        told.append(f"The mean of their H is {nats(report.macro_cross_entropy)} nats.")
    return Section(id, "Classes", told, sheets=[sheet])


def _confusion(report: Summary, id: str) -> Section | None:
    found = report.confusion
    if found is None:
        return None
    matrix = None
    if found.probability:
        shades = tuple(tuple(map(_shade, row)) for row in found.probability)
        caption = "Mean probability given to each class (across) where the truth is another (down)"
        matrix = Matrix(f"{id}-matrix", caption, found.labels, shades)
    rows = tuple(
        (Cell(p.label), Cell(p.given_to), number(p.probability), share(p.share))
        for p in found.pairs
    )
    columns = (
        Column("truth", number=False), Column("given to", number=False),
        Column("mean probability"), Column("share of what goes astray"),
    )  # fmt: skip
    caption = "Pairs of classes between which the most probability goes astray"
    sheet = Sheet(f"{id}-pairs", caption, columns, rows, len(rows))
    told = list(sentences.confusion(report))
    return Section(id, "Where probability goes", told, sheets=[sheet], matrix=matrix)


def _shade(value: float) -> Shade:
    if isnan(value):
        return Shade("–", 0)
    # By its root, or what goes astray would have no colour beside what does not.
    return Shade(f"{value:.2f}" if value >= 0.005 else "·", round(sqrt(value) * _DEEPEST))


def _slices(report: Summary, column: str, id: str) -> Section:
    every = [line for line in report.slices if line.column == column]
    rows = tuple(
        (
            Cell(line.value), count(line.count),
            number(line.cross_entropy, with_error(line.cross_entropy, line.standard_error)),
            number(line.cost),
        )
        for line in every[:MOST_ROWS]
    )  # fmt: skip
    columns = (Column(column, number=False), Column("events"), Column("H, nats"),
               Column("cost, nats"))  # fmt: skip
    told = [
        "Those first that cost the most: a slice's cost is what the mean of all would lose if the "
        "slice had their H."
    ]
    sheet = Sheet(f"{id}-table", f"Slices by {column}", columns, rows, len(every))
    return Section(id, f"Slices by {column}", told, sheets=[sheet])


def _rows(
    report: Summary, rows: Sequence[WorstRow], id: str, title: str, told: str
) -> Section:  # fmt: skip
    lines = [(count(line.row), number(line.probability)) for line in rows]
    labels = [Cell(line.label) for line in rows]
    others = [Cell(line.predicted) for line in rows]
    losses = [number(line.cross_entropy) for line in rows]
    if report.tokens:
        columns = (Column("row"), Column("probability"), Column("H, nats"))
        body = tuple((*line, h) for line, h in zip(lines, losses, strict=True))
        told = "The rows of highest loss."
    else:
        columns = (
            Column("row"), Column("label", number=False), Column("probability given to it"),
            Column("predicted", number=False), Column("H, nats"),
        )  # fmt: skip
        body = tuple(
            (row, label, q, other, h)
            for (row, q), label, other, h in zip(lines, labels, others, losses, strict=True)
        )
    sheet = Sheet(f"{id}-table", f"{title} (rows count from 0)", columns, body[:MOST_ROWS],
                  len(rows))  # fmt: skip
    return Section(id, title, [told], sheets=[sheet])
