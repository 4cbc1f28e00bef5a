"""A report as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, isnan

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .report import ClassRow, Report


def show(report: Report, console: Console, classes: int) -> None:
    """Print the report, with at most `classes` rows of classes."""
    for part in _parts(report, classes):
        console.print(part)


def _parts(report: Report, classes: int) -> Iterator[RenderableType]:
    yield Text(f"{report.file}: {report.rows:,} rows", style="bold")
    for reason in report.reasons:
        yield Padding(Text(reason), (0, 0, 0, 2))
    yield from _bad(report)
    yield _headline(report)
    yield _baselines(report)
    yield from _classes(report, classes)
    if report.worst:
        yield _worst(report)


def _bad(report: Report) -> Iterator[RenderableType]:
    if report.left_out:
        yield Text(
            f"{report.left_out:,} rows are left out: their label is ignored or they weigh 0."
        )
    if not report.bad_rows:
        return
    have = "row is" if report.bad_rows == 1 else "rows are"
    yield Text(f"{report.bad_rows:,} bad {have} left out (rows count from 0):", style="yellow")
    for bad in report.first_bad:
        yield Padding(Text(f"row {bad.row:,}: {bad.reason}"), (0, 0, 0, 2))
    if report.bad_rows > len(report.first_bad):
        yield Text(f"  and {report.bad_rows - len(report.first_bad):,} more")


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for i, name in enumerate(columns):
        table.add_column(name, justify="left" if i == 0 else "right", no_wrap=i > 0)
    return table


def _headline(report: Report) -> Table:
    table = _table("", "", "")
    table.show_header = False
    nats = _with_error(report.cross_entropy, report.standard_error)
    bits = _with_error(report.bits, report.bits_standard_error)
    table.add_row("cross-entropy H", f"{nats} nats", f"{bits} bits")
    if report.infinite:
        every = "event has" if report.infinite == 1 else "events have"
        rest = _with_error(report.finite_cross_entropy, report.standard_error)
        table.add_row("", f"{report.infinite:,} {every} H = ∞", f"the others {rest} nats")
    if report.target_entropy > 0:
        least, gap = report.target_entropy, report.cross_entropy - report.target_entropy
        table.add_row("entropy of the targets", f"{_nats(least)} nats", f"KL {_nats(gap)} nats")
    table.add_row("perplexity", _nats(report.perplexity), "")
    table.add_row("accuracy", _percent(report.accuracy), f"{report.events:,} events")
    if report.weight != report.events:
        table.add_row("total weight", f"{report.weight:,.6g}", "")
    return table


def _baselines(report: Report) -> Table:
    table = _table("a prediction that knows only", "H, nats", "the model gains", "")
    for line in report.baselines:
        table.add_row(
            "the number of classes (uniform)"
            if line.name == "uniform"
            else "the class frequencies",
            _nats(line.cross_entropy),
            f"{_nats(line.gain)} nats",
            _percent(line.share),
        )
    return table


def _classes(report: Report, most: int) -> Iterator[RenderableType]:
    shown = _shown(report.classes, most)
    table = _table("class", "count", "H, nats", "recall")
    for line in shown:
        table.add_row(
            line.label, f"{line.count:,}", _nats(line.cross_entropy), _percent(line.recall)
        )
    yield table
    hidden = len(report.classes) - len(shown)
    if hidden:
        yield Text(f"the {len(shown):,} most frequent classes; {hidden:,} more with --classes\n")


def _shown(classes: tuple[ClassRow, ...], most: int) -> list[ClassRow]:
    """All classes in their order, or the most frequent ones where there are too many."""
    if len(classes) <= most:
        return list(classes)
    return sorted(classes, key=lambda line: -line.count)[:most]


def _worst(report: Report) -> Table:
    table = _table(
        "row", "label", "probability given to it", "predicted", "H, nats",
        title="the worst events, often wrong labels (rows count from 0)",
    )  # fmt: skip
    for line in report.worst:
        table.add_row(
            f"{line.row:,}", line.label, _nats(line.probability), line.predicted,
            _nats(line.cross_entropy),
        )  # fmt: skip
    return table


def _with_error(value: float, error: float) -> str:
    if not isfinite(value) or isnan(error):
        return _nats(value)
    return f"{_nats(value)} ± {_nats(error)}"


def _nats(value: float) -> str:
    if isnan(value):
        return "–"
    if not isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:,.4f}"
    return f"{value:.3g}"


def _percent(value: float) -> str:
    if isnan(value):
        return "–"
    return f"{value:.2%}" if isfinite(value) else _nats(value)
