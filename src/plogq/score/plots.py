"""Pictures of a report, drawn by matplotlib where that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .column import InputError

if TYPE_CHECKING:
    from .report import Report


def reliability(report: Report, ax: Any = None) -> Any:
    """What the model says beside how often it is right, with the standard error of each bin.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        InputError: the report has no calibration.
    """
    if not report.reliability:
        raise InputError(
            "plot() draws the reliability curve, and this report has none: make it with "
            "calibration=True (needs SciPy: pip install 'plogq[calibration]')"
        )
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "plot() needs matplotlib, which is not installed: pip install matplotlib",
            name=missing.name,
        ) from None
    plots: Any = pyplot
    if ax is None:
        ax = plots.subplots()[1]
    bins = report.reliability
    ax.plot([0, 1], [0, 1], linestyle=":", color="gray", label="calibrated")
    ax.errorbar(
        [line.predicted for line in bins],
        [line.observed for line in bins],
        yerr=[line.error for line in bins],
        marker="o",
        capsize=2,
        label=report.file,
    )
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="the model says", ylabel="it is right")
    ax.legend()
    return ax
