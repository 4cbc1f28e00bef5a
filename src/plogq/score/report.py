"""The report of a file, and the comparison of several: numbers that show and draw themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .column import Array, InputError, in_python
from .comparison import Differences, compared
from .kept import Kept, Losses
from .notebook import html, text
from .summary import Summary

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Report(Summary):
    """A prediction's cross-entropy and what surrounds it. Losses are in nats, rows count from 0.

    `cross_entropy` is Σ w H / Σ w; it is ∞ as soon as one event's is, and then
    `finite_cross_entropy` and `standard_error` are those of the other events. `target_entropy` is
    the least that any prediction can reach, above 0 for soft targets alone. Recall and accuracy
    are weighted like the loss. `interval` holds the mean at 95%, and `interval_method` says how it
    was found. `macro_cross_entropy` is the mean over the classes that occur, and `d2` the share of
    the class frequencies' H that the model takes away, as scikit-learn's d2_log_loss_score. Where a
    column holds log q of tokens, H is that of a token, and `bits_per_byte` and `bits_per_character`
    are NaN unless their lengths are known. With calibration, H of the `calibration_events` that
    were drawn is `uncertainty` - `discrimination` + `miscalibration`, scores would best be divided
    by `temperature`, which takes `temperature_gain` off H, and the labels of `suspicious` rows are
    likely wrong; without it these are NaN and empty. `histogram` and `confusion` are there where
    `pictures` were asked for.
    """

    def as_dict(self) -> dict[str, Any]:
        """The same as `to_dict`."""
        return self.to_dict()

    def rows(self) -> dict[str, Array]:
        """Of every scored row `row`, `cross_entropy`, and `probability` and `rank` of the truth.

        Raises:
            InputError: the rows were not kept, as `plogq score` keeps none.
        """
        return dict(self._kept("rows").columns)

    def compare(self, other: Report, *, worst: int = 10) -> Comparison:
        """How far `other` is from this prediction of the same rows; see `plogq.score.Difference`.

        Raises:
            InputError: the rows, truths, weights or tasks are not the same, or were not kept.
        """
        one, two = self._kept("compare").losses, other._kept("compare").losses
        if one.name == two.name:
            one, two = (replace(x, name=f"{x.name} ({i})") for i, x in ((1, one), (2, two)))
        with in_python():
            return Comparison.of([(self, one), (other, two)], worst)

    def plot(self, ax: Any = None) -> Any:
        """The reliability curve, drawn by matplotlib on `ax` or on a new figure; the axes.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
            InputError: the report has no calibration.
        """
        from .plots import reliability

        return reliability(self, ax)

    def to_html(self) -> str:
        """The report as one page of HTML, as `plogq report` writes it; the distribution of losses,
        the confusion and the calibration are there where `pictures=True` asked for them.

        Raises:
            ModuleNotFoundError: Jinja2 or matplotlib is not installed.
        """
        from .web import page

        return page([(self.file, self)])

    def save_html(self, path: str | PathLike[str]) -> None:
        """Write the same to a file.

        Raises:
            ModuleNotFoundError: Jinja2 or matplotlib is not installed.
            InputError: it cannot be written.
        """
        from .web import write_page

        write_page(self.to_html(), Path(path))

    def _show(self, console: Console) -> None:
        from .show import show

        show(self, console, 20)

    def _repr_html_(self) -> str:
        return html(self._show)

    def __str__(self) -> str:
        return text(self._show)

    def __repr__(self) -> str:
        return (
            f"<Report of {self.file}: H = {self.cross_entropy:.4f} ± {self.standard_error:.4f} "
            f"nats, {self.events:,} events; print(report) shows it>"
        )

    def _kept(self, what: str) -> Kept:
        if self.kept is None:
            raise InputError(
                f"{what}() needs the loss of every row, which this report does not hold: make it "
                "with plogq.evaluate"
            )
        return self.kept


@dataclass(frozen=True, slots=True)
class Comparison(Differences):
    """Predictions of the same rows, matched by the column `on` or by their order, and every two of
    them beside each other."""

    files: tuple[Report, ...]

    @classmethod
    def of(cls, files: Sequence[tuple[Report, Losses]], worst: int = 10) -> Comparison:
        """Every two files, of which the losses are kept; `worst` of the rows are named.

        Raises:
            InputError: they are not of the same rows, or no row is scored in two of them.
        """
        found = compared(files, worst)
        reports = tuple(report for report, _ in files)
        return cls(found.names, found.on, reports, found.pairs)

    def to_html(self) -> str:
        """The comparison and the reports of its files as one page of HTML; see `Report.to_html`.

        Raises:
            ModuleNotFoundError: Jinja2 or matplotlib is not installed.
        """
        from .web import page

        return page(list(zip(self.names, self.files, strict=True)), self)

    def save_html(self, path: str | PathLike[str]) -> None:
        """Write the same to a file.

        Raises:
            ModuleNotFoundError: Jinja2 or matplotlib is not installed.
            InputError: it cannot be written.
        """
        from .web import write_page

        write_page(self.to_html(), Path(path))

    def _show(self, console: Console) -> None:
        from .show_comparison import show_comparison

        show_comparison(self, console, 20)

    def _repr_html_(self) -> str:
        return html(self._show)

    def __str__(self) -> str:
        return text(self._show)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.names)}; print(comparison) shows it>"
