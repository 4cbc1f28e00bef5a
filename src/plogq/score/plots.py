"""Pictures of a report, drawn by matplotlib where that is installed."""

from __future__ import annotations

from math import inf, sqrt
from typing import TYPE_CHECKING, Any

from .column import InputError
from .interval import NORMAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .calibration import Bin
    from .histogram import LossBin
    from .summary import Summary


def band(line: Bin) -> tuple[float, float]:
    """The interval at 95% of how often a bin's events are right (Wilson, 1927), which is no point
    where all or none of them are. A bin's weights count as the events that its error comes to."""
    p, z = line.observed, NORMAL
    count = p * (1 - p) / line.error**2 if line.error > 0 else line.count
    middle, half = p + z * z / (2 * count), z * sqrt(p * (1 - p) / count + (z / (2 * count)) ** 2)
    scale = 1 + z * z / count
    low, high = (middle - half) / scale, (middle + half) / scale
    return 0.0 if p == 0 else max(0.0, low), 1.0 if p == 1 else min(1.0, high)


def reliability(report: Summary, ax: Any = None) -> Any:
    """What the model says beside how often it is right, with the 95% interval of each bin.

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
    draw_reliability(ax, report.reliability, report.file)
    return ax


def draw_reliability(ax: Any, bins: Sequence[Bin], label: str) -> None:
    """The curve with its band, and the line on which a calibrated model lies."""
    said = [line.predicted for line in bins]
    ax.plot([0, 1], [0, 1], linestyle=":", color="gray", label="calibrated")
    curve = ax.errorbar(said, [line.observed for line in bins], marker="o", label=label)
    low, high = zip(*map(band, bins), strict=True)
    ax.fill_between(said, low, high, color=curve.lines[0].get_color(), alpha=0.2, linewidth=0)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="the model says", ylabel="it is right")
    ax.legend()


def draw_counts(ax: Any, bins: Sequence[Bin]) -> None:
    """How many events each bin of the curve has."""
    widths = [line.high - line.low for line in bins]
    ax.bar([line.low for line in bins], [line.count for line in bins], widths, align="edge")
    ax.set(xlim=(0, 1), xlabel="the model says", ylabel="events")


def draw_losses(ax: Any, bins: Sequence[LossBin]) -> None:
    """How many events have which loss, and how much of all loss is theirs."""
    # The first and the last bin have no end on a logarithmic scale: they are as wide as others.
    lows = [line.low or line.high / sqrt(2) for line in bins]
    last = bins[-1].high
    edges = [*lows, lows[-1] * sqrt(2) if last == inf else last]
    ax.stairs([line.weight_share for line in bins], edges, fill=True, alpha=0.6, label="of events")
    ax.stairs([line.loss_share for line in bins], edges, linewidth=1.8, label="of all loss")
    ax.set(xscale="log", xlim=(edges[0], edges[-1]), xlabel="loss, nats", ylabel="share")
    ax.set_ylim(bottom=0)
    # Plain numbers: powers would be drawn as formulas, a letter at a time.
    ax.xaxis.set_major_formatter(_plain)
    ax.yaxis.set_major_formatter(_percent)
    ax.minorticks_off()
    ax.legend()


def draw_interval(
    ax: Any, mean: float, paired: tuple[float, float], unpaired: tuple[float, float]
) -> None:
    """A difference with its interval, and what that would be if the rows were not the same."""
    for place, (low, high) in enumerate((unpaired, paired)):
        colour = f"C{place}"
        ax.plot([low, high], [place, place], linewidth=2.5, solid_capstyle="butt", color=colour)
        ax.plot([mean], [place], marker="o", color=colour)
    ax.axvline(0, color="gray", linestyle=":")
    ax.set(yticks=(0, 1), yticklabels=("if unpaired", "paired"), ylim=(-0.6, 1.6))
    ax.set(xlabel="difference of H, nats")


def _plain(value: float, _: int) -> str:
    return f"{value:g}"


def _percent(value: float, _: int) -> str:
    return f"{value:.0%}"
