"""A report as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite, isnan

from rich.console import Console, RenderableType
from rich.table import Table

from . import sentences
from .page import Page, fitting, nats, percent, with_error
from .summary import ClassRow, Summary, WorstRow
from .terminal_plot import curve, legend


def show(report: Summary, console: Console, classes: int, *, plot: bool = False) -> None:
    """Print the report, with at most `classes` rows of classes, and with the reliability curve if
    it is to be drawn."""
    width = console.width if plot else None
    for part in _Page(report, console.encoding, width).parts(classes):
        console.print(fitting(part, console))


class _Page(Page):
    """A report in the letters of an encoding."""

    def __init__(self, report: Summary, encoding: str, plot: int | None) -> None:
        super().__init__(encoding)
        self._report, self._plot = report, plot

    def parts(self, classes: int) -> Iterator[RenderableType]:
        """From the file's name to the worst events."""
        report = self._report
        yield self.text(f"{report.file}: {report.row_count:,} rows", "bold")
        for reason in report.reasons:
            yield self.indented(reason)
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

    def _bad(self) -> Iterator[RenderableType]:
        report = self._report
        if report.left_out:
            yield self.text(sentences.left_out(report))
        if not report.bad_rows:
            return
        yield self.text(sentences.bad_rows(report), "yellow")
        for bad in report.first_bad:
            yield self.indented(f"row {bad.row:,}: {bad.reason}")
        if report.bad_rows > len(report.first_bad):
            yield self.text(f"  and {report.bad_rows - len(report.first_bad):,} more")

    def _headline(self) -> Table:
        report = self._report
        table = self.table("", "", "")
        table.show_header = False
        h = with_error(report.cross_entropy, report.standard_error)
        bits = with_error(report.bits, report.bits_standard_error)
        self.row(table, "cross-entropy H", f"{h} nats", f"{bits} bits")
        if report.infinite:
            every = "event has" if report.infinite == 1 else "events have"
            rest = with_error(report.finite_cross_entropy, report.standard_error)
            self.row(table, "", f"{report.infinite:,} {every} H = ∞", f"the others {rest} nats")
        if report.target_entropy > 0:
            least, gap = report.target_entropy, report.cross_entropy - report.target_entropy
            self.row(table, "entropy of the targets", f"{nats(least)} nats", f"KL {nats(gap)} nats")
        low, high = report.interval
        if isfinite(low) and isfinite(high) and not report.infinite:
            self.row(
                table,
                "95% interval",
                f"{nats(low)} to {nats(high)}",
                f"by {report.interval_method}",
            )
        self.row(table, "perplexity", nats(report.perplexity), "")
        if report.tokens:
            self.row(table, "tokens", f"{report.tokens:,.0f}", f"{report.events:,} rows")
            for unit, bits in (
                ("byte", report.bits_per_byte), ("character", report.bits_per_character)
            ):  # fmt: skip
                if not isnan(bits):
                    self.row(table, f"bits per {unit}", nats(bits), "")
            return table
        self.row(table, "accuracy", percent(report.accuracy), f"{report.events:,} events")
        if report.weight != report.events:
            self.row(table, "total weight", f"{report.weight:,.6g}", "")
        return table

    def _baselines(self) -> Table:
        table = self.table("a prediction that knows only", "H, nats", "the model gains", "")
        for line in self._report.baselines:
            self.row(
                table,
                "the number of classes (uniform)"
                if line.name == "uniform"
                else "the class frequencies",
                nats(line.cross_entropy),
                f"{nats(line.gain)} nats",
                percent(line.share),
            )
        return table

    def _classes(self, most: int) -> Iterator[RenderableType]:
        every = self._report.classes
        if not most:
            return
        shown = most_frequent(every, most)
        table = self.table("class", "count", "H, nats", "recall")
        for line in shown:
            self.row(
                table,
                line.label,
                f"{line.count:,}",
                nats(line.cross_entropy),
                percent(line.recall),
            )
        yield table
        hidden = len(every) - len(shown)
        if hidden:
            yield self.text(
                f"the {len(shown):,} most frequent classes; {hidden:,} more with --classes"
            )

    def _calibration(self) -> Iterator[RenderableType]:
        r = self._report
        drawn = f"of {r.calibration_events:,} events" if r.calibration_events < r.events else ""
        table = self.table("calibration", "", "")
        table.show_header = False
        lost = "the probabilities are wrong by (miscalibration)"
        for name, value, more in (
            ("the class frequencies leave open (uncertainty)", nats(r.uncertainty), drawn),
            ("the model tells beyond them (discrimination)", f"-{nats(r.discrimination)}", ""),
            (lost, f"+{nats(r.miscalibration)}", ""),
            ("best temperature", nats(r.temperature), f"gains {nats(r.temperature_gain)} nats"),
            ("Brier score", nats(r.brier), ""),
            ("calibration error (15 bins, never below 0)", nats(r.calibration_error), ""),
        ):
            self.row(table, name, value, more)
        yield table
        if self._plot is not None:
            yield self.text(legend(self._encoding))
            yield curve(r.reliability, self._plot, self._encoding)
        table = self.table("probability", "count", "says", "is right")
        for line in r.reliability:
            observed = with_error(line.observed, line.error)
            self.row(
                table, f"{line.low:.2f} to {line.high:.2f}", f"{line.count:,}",
                nats(line.predicted), observed,
            )  # fmt: skip
        yield table

    def _slices(self, most: int) -> Iterator[RenderableType]:
        for name in dict.fromkeys(line.column for line in self._report.slices):
            every = [line for line in self._report.slices if line.column == name]
            table = self.table(
                name, "count", "H, nats", "cost, nats",
                title=f"slices by {name}, those first that cost the most",
            )  # fmt: skip
            for line in every[: max(most, 1)]:
                h = with_error(line.cross_entropy, line.standard_error)
                self.row(table, line.value, f"{line.count:,}", h, nats(line.cost))
            yield table
            if len(every) > max(most, 1):
                yield self.text(f"  and {len(every) - max(most, 1):,} more with --classes")

    def _worst(self) -> Table:
        if self._report.tokens:
            table = self.table("row", "probability", "H, nats", title="the rows of highest loss")
            for line in self._report.worst:
                self.row(table, f"{line.row:,}", nats(line.probability), nats(line.cross_entropy))
            return table
        return self._rows_of(
            self._report.worst, "the worst events, often wrong labels (rows count from 0)"
        )

    def _rows_of(self, rows: Iterable[WorstRow], title: str) -> Table:
        table = self.table(
            "row", "label", "probability given to it", "predicted", "H, nats", title=title
        )
        for line in rows:
            self.row(
                table, f"{line.row:,}", line.label, nats(line.probability), line.predicted,
                nats(line.cross_entropy),
            )  # fmt: skip
        return table


def most_frequent(classes: tuple[ClassRow, ...], most: int) -> list[ClassRow]:
    """All classes in their order, or the most frequent ones where there are too many."""
    if len(classes) <= most:
        return list(classes)
    return sorted(classes, key=lambda line: -line.count)[:most]
