"""A report as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite, isnan

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .report import ClassRow, Report, WorstRow
from .terminal import cell


def show(report: Report, console: Console, classes: int) -> None:
    """Print the report, with at most `classes` rows of classes."""
    for part in _Page(report, console.encoding).parts(classes):
        console.print(part)


class _Page:
    """A report in the letters of an encoding."""

    def __init__(self, report: Report, encoding: str) -> None:
        self._report = report
        self._encoding = encoding

    def parts(self, classes: int) -> Iterator[RenderableType]:
        """From the file's name to the worst events."""
        report = self._report
        yield self._text(f"{report.file}: {report.rows:,} rows", "bold")
        for reason in report.reasons:
            yield self._indented(reason)
        yield from self._bad()
        yield self._headline()
        if not self._report.tokens:
            yield self._baselines()
            yield from self._classes(classes)
        if self._report.reliability:
            yield from self._calibration()
        yield from self._slices(classes)
        if report.suspicious:
            yield self._rows_of(report.suspicious, "labels that the model doubts for a reason")
        if report.worst:
            yield self._worst()

    def _text(self, text: str, style: str = "") -> Text:
        return cell(text, self._encoding, style)

    def _indented(self, text: str) -> Padding:
        return Padding(self._text(text), (0, 0, 0, 2))

    def _table(self, *columns: str, title: str | None = None) -> Table:
        table = Table(
            title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
            pad_edge=False,
        )  # fmt: skip
        for i, name in enumerate(columns):
            table.add_column(name, justify="left" if i == 0 else "right", no_wrap=i > 0)
        return table

    def _row(self, table: Table, *cells: str) -> None:
        table.add_row(*map(self._text, cells))

    def _bad(self) -> Iterator[RenderableType]:
        report = self._report
        if report.left_out:
            yield self._text(
                f"{report.left_out:,} rows are left out: "
                + (
                    "they have length 0."
                    if report.tokens
                    else "their label is ignored or they weigh 0."
                )
            )
        if not report.bad_rows:
            return
        have = "row is" if report.bad_rows == 1 else "rows are"
        yield self._text(f"{report.bad_rows:,} bad {have} left out (rows count from 0):", "yellow")
        for bad in report.first_bad:
            yield self._indented(f"row {bad.row:,}: {bad.reason}")
        if report.bad_rows > len(report.first_bad):
            yield self._text(f"  and {report.bad_rows - len(report.first_bad):,} more")

    def _headline(self) -> Table:
        report = self._report
        table = self._table("", "", "")
        table.show_header = False
        nats = _with_error(report.cross_entropy, report.standard_error)
        bits = _with_error(report.bits, report.bits_standard_error)
        self._row(table, "cross-entropy H", f"{nats} nats", f"{bits} bits")
        if report.infinite:
            every = "event has" if report.infinite == 1 else "events have"
            rest = _with_error(report.finite_cross_entropy, report.standard_error)
            self._row(table, "", f"{report.infinite:,} {every} H = ∞", f"the others {rest} nats")
        if report.target_entropy > 0:
            least, gap = report.target_entropy, report.cross_entropy - report.target_entropy
            self._row(
                table, "entropy of the targets", f"{_nats(least)} nats", f"KL {_nats(gap)} nats"
            )
        low, high = report.interval
        if isfinite(low) and isfinite(high) and not report.infinite:
            self._row(
                table,
                "95% interval",
                f"{_nats(low)} to {_nats(high)}",
                f"by {report.interval_method}",
            )
        self._row(table, "perplexity", _nats(report.perplexity), "")
        if report.tokens:
            self._row(table, "tokens", f"{report.tokens:,.0f}", f"{report.events:,} rows")
            for unit, bits in (
                ("byte", report.bits_per_byte), ("character", report.bits_per_character)
            ):  # fmt: skip
                if not isnan(bits):
                    self._row(table, f"bits per {unit}", _nats(bits), "")
            return table
        self._row(table, "accuracy", _percent(report.accuracy), f"{report.events:,} events")
        if report.weight != report.events:
            self._row(table, "total weight", f"{report.weight:,.6g}", "")
        return table

    def _baselines(self) -> Table:
        table = self._table("a prediction that knows only", "H, nats", "the model gains", "")
        for line in self._report.baselines:
            self._row(
                table,
                "the number of classes (uniform)"
                if line.name == "uniform"
                else "the class frequencies",
                _nats(line.cross_entropy),
                f"{_nats(line.gain)} nats",
                _percent(line.share),
            )
        return table

    def _classes(self, most: int) -> Iterator[RenderableType]:
        every = self._report.classes
        shown = _shown(every, most)
        table = self._table("class", "count", "H, nats", "recall")
        for line in shown:
            self._row(
                table,
                line.label,
                f"{line.count:,}",
                _nats(line.cross_entropy),
                _percent(line.recall),
            )
        yield table
        hidden = len(every) - len(shown)
        if hidden:
            yield self._text(
                f"the {len(shown):,} most frequent classes; {hidden:,} more with --classes\n"
            )

    def _calibration(self) -> Iterator[RenderableType]:
        r = self._report
        drawn = f"of {r.calibration_events:,} events" if r.calibration_events < r.events else ""
        table = self._table("calibration", "", "")
        table.show_header = False
        lost = "the probabilities are wrong by (miscalibration)"
        for name, value, more in (
            ("the class frequencies leave open (uncertainty)", _nats(r.uncertainty), drawn),
            ("the model tells beyond them (discrimination)", f"-{_nats(r.discrimination)}", ""),
            (lost, f"+{_nats(r.miscalibration)}", ""),
            ("best temperature", _nats(r.temperature), f"gains {_nats(r.temperature_gain)} nats"),
            ("Brier score", _nats(r.brier), ""),
            ("calibration error (15 bins, never below 0)", _nats(r.calibration_error), ""),
        ):
            self._row(table, name, value, more)
        yield table
        table = self._table("probability", "count", "says", "is right")
        for line in r.reliability:
            observed = _with_error(line.observed, line.error)
            self._row(
                table, f"{line.low:.2f} to {line.high:.2f}", f"{line.count:,}",
                _nats(line.predicted), observed,
            )  # fmt: skip
        yield table

    def _slices(self, most: int) -> Iterator[RenderableType]:
        for name in dict.fromkeys(line.column for line in self._report.slices):
            every = [line for line in self._report.slices if line.column == name]
            table = self._table(
                name, "count", "H, nats", "cost, nats",
                title=f"slices by {name}, those first that cost the most",
            )  # fmt: skip
            for line in every[: max(most, 1)]:
                h = _with_error(line.cross_entropy, line.standard_error)
                self._row(table, line.value, f"{line.count:,}", h, _nats(line.cost))
            yield table
            if len(every) > max(most, 1):
                yield self._text(f"  and {len(every) - max(most, 1):,} more with --classes")

    def _worst(self) -> Table:
        if self._report.tokens:
            table = self._table("row", "probability", "H, nats", title="the rows of highest loss")
            for line in self._report.worst:
                self._row(
                    table, f"{line.row:,}", _nats(line.probability), _nats(line.cross_entropy)
                )
            return table
        return self._rows_of(
            self._report.worst, "the worst events, often wrong labels (rows count from 0)"
        )

    def _rows_of(self, rows: Iterable[WorstRow], title: str) -> Table:
        table = self._table(
            "row", "label", "probability given to it", "predicted", "H, nats", title=title
        )
        for line in rows:
            self._row(
                table, f"{line.row:,}", line.label, _nats(line.probability), line.predicted,
                _nats(line.cross_entropy),
            )  # fmt: skip
        return table


def _shown(classes: tuple[ClassRow, ...], most: int) -> list[ClassRow]:
    """All classes in their order, or the most frequent ones where there are too many."""
    if len(classes) <= most:
        return list(classes)
    return sorted(classes, key=lambda line: -line.count)[:most]


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
