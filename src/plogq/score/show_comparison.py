"""A comparison as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, isnan

from rich.console import Console, RenderableType

from .comparison import Difference, Differences
from .page import Page, fitting, nats, with_error
from .summary import Summary


def show_comparison(found: Differences, console: Console, slices: int) -> None:
    """Print the comparison, with at most `slices` values of a column."""
    for part in _Page(found, console.encoding).parts(slices):
        console.print(fitting(part, console))


class _Page(Page):
    """A comparison in the letters of an encoding."""

    def __init__(self, found: Differences, encoding: str) -> None:
        super().__init__(encoding)
        self._found = found

    def parts(self, slices: int) -> Iterator[RenderableType]:
        """From what the files hold to the rows that differ most."""
        found = self._found
        how = "in the same order" if found.on is None else f"matched by {found.on!r}"
        yield self.text(f"{len(found.names)} files, rows {how}", "bold")
        told = {report.reasons for report in found.files}
        for name, report in zip(found.names, found.files, strict=True):
            yield from self._file(name, report, alike=len(told) == 1)
        yield self._files()
        for pair in found.pairs:
            yield from self._pair(pair, slices)

    def _file(self, name: str, report: Summary, *, alike: bool) -> Iterator[RenderableType]:
        if not alike or name == self._found.names[0]:
            yield self.text("in each of them:" if alike else f"{name}:")
            for reason in report.reasons:
                yield self.indented(reason)
        if report.bad_rows:
            have = "row is" if report.bad_rows == 1 else "rows are"
            yield self.text(f"{name}: {report.bad_rows:,} bad {have} left out:", "yellow")
            for bad in report.first_bad:
                yield self.indented(f"row {bad.row:,}: {bad.reason}")
            if report.bad_rows > len(report.first_bad):
                yield self.text(f"  and {report.bad_rows - len(report.first_bad):,} more")

    def _files(self) -> RenderableType:
        table = self.table("file", "events", "H, nats")
        for name, report in zip(self._found.names, self._found.files, strict=True):
            self.row(table, name, f"{report.events:,}", nats(report.cross_entropy))
        return table

    def _pair(self, pair: Difference, slices: int) -> Iterator[RenderableType]:
        yield self.text(f"{pair.b} against {pair.a}: {verdict(pair)}", "bold")
        yield self._numbers(pair)
        for sentence in sentences(pair):
            yield self.indented(sentence)
        yield self.text("")
        yield from self._slices(pair, slices)
        if pair.rows:
            where = f"rows count from 0, in {self._found.names[0]}; A is {pair.a}, B is {pair.b}"
            yield self.text("the rows that differ most", "bold")
            yield self.text(f"({where})")
            yield self._rows(pair)

    def _numbers(self, pair: Difference) -> RenderableType:
        table = self.table("", "H, nats", "95% interval")
        if not isfinite(pair.difference):
            self.row(table, "difference", signed(pair.difference), "")
        name = "difference" if isfinite(pair.difference) else "of the other events"
        error = with_error(pair.finite_difference, pair.standard_error)
        self.row(table, name, plus(error, pair.finite_difference), interval(pair.interval))
        apart = f"± {nats(pair.unpaired_standard_error)}"
        if not isnan(pair.unpaired_standard_error):
            self.row(table, "if unpaired", apart, interval(pair.unpaired_interval))
        return table

    def _slices(self, pair: Difference, most: int) -> Iterator[RenderableType]:
        for name in dict.fromkeys(line.column for line in pair.slices):
            every = [line for line in pair.slices if line.column == name]
            yield self.text(f"slices by {name}, those first that contribute the most", "bold")
            table = self.table(name, "count", "difference", "contributes")
            for line in every[: max(most, 1)]:
                error = with_error(line.difference, line.standard_error)
                self.row(
                    table, line.value, f"{line.count:,}", plus(error, line.difference),
                    signed(line.contribution),
                )  # fmt: skip
            yield table
            if len(every) > max(most, 1):
                yield self.text(f"  and {len(every) - max(most, 1):,} more with --slices")

    def _rows(self, pair: Difference) -> RenderableType:
        on = self._found.on
        labels = any(line.label for line in pair.rows)
        names = ["row", *([on] if on is not None else []), *(["label"] if labels else [])]
        table = self.table(*names, "H(A)", "H(B)", "difference")
        for line in pair.rows:
            self.row(
                table,
                f"{line.row:,}",
                *([line.id] if on is not None else []),
                *([line.label] if labels else []),
                nats(line.cross_entropy_a),
                nats(line.cross_entropy_b),
                signed(line.difference),
            )
        return table


def verdict(pair: Difference) -> str:
    """What b is, beside a."""
    if isnan(pair.difference):
        return "no difference is defined"
    if not isfinite(pair.difference):
        return "infinitely worse" if pair.difference > 0 else "infinitely better"
    if not pair.difference:
        return "the same"
    if not pair.settled:
        return "not settled"
    return "better" if pair.difference < 0 else "worse"


def sentences(pair: Difference) -> Iterator[str]:
    """What the numbers mean, and what they are of."""
    yield (
        f"{pair.b} has the lower loss in {pair.wins:,} of {pair.events:,} events, the higher in "
        f"{pair.losses:,}, the same in {pair.ties:,}."
    )
    if pair.left_out:
        yield f"{_rows(pair.left_out)} scored in one of the two alone and left out."
    infinite = pair.infinite_a + pair.infinite_b + pair.infinite_both
    if infinite:
        yield (
            f"H is ∞ in {pair.infinite_a:,} events of {pair.a} alone, in {pair.infinite_b:,} of "
            f"{pair.b} alone and in {pair.infinite_both:,} of both: the difference is "
            f"{'not defined' if isnan(pair.difference) else nats(pair.difference)}, and the "
            "interval is that of the other events."
        )
        return
    yield f"The interval is by {pair.interval_method}."
    if pair.settled or not pair.difference:
        return
    if isnan(pair.more_events):
        yield "One event tells nothing of how far off the difference may be."
    else:
        yield (
            f"The interval holds 0: about {_about(pair.more_events)} more events would settle it, "
            "if the difference stays what it is."
        )


def _about(count: float) -> str:
    """A number of which no more than two digits can be meant."""
    return f"{float(f'{count:.2g}'):,.0f}"


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def interval(ends: tuple[float, float]) -> str:
    """From where to where."""
    low, high = ends
    return "–" if isnan(low) else f"{signed(low)} to {signed(high)}"


def signed(value: float) -> str:
    """A number with its sign."""
    return plus(nats(value), value)


def plus(text: str, value: float) -> str:
    """The text of a number with its sign."""
    return f"+{text}" if value > 0 else text
