"""The reliability curve in the letters of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text

from .calibration import Bin
from .plots import band

_WIDEST, _NARROWEST, _LABEL = 61, 10, 4


@dataclass(frozen=True, slots=True)
class _Letters:
    """What a curve is drawn with."""

    point: str
    band: str
    line: str
    side: str
    corner: str
    bottom: str


_LETTERS = _Letters("●", "░", "·", "┤", "└", "─")
_ASCII = _Letters("o", ":", ".", "|", "+", "-")


def curve(bins: Sequence[Bin], width: int, encoding: str) -> Text:
    """What the model says across, how often it is right up, in at most so many columns."""
    letters = _letters(encoding)
    across = max(_NARROWEST, min(width - _LABEL - 2, _WIDEST))
    up = max(7, across // 3)
    grid = [[" "] * across for _ in range(up)]

    def row(share: float) -> int:
        return up - 1 - round(share * (up - 1))

    said, right = [b.predicted for b in bins], [b.observed for b in bins]
    low, high = zip(*map(band, bins), strict=True)
    places = [round(q * (across - 1)) for q in said]
    for x in range(places[0], places[-1] + 1):
        # At the ends of the curve a column may begin before the first bin or end after the last.
        q = x / (across - 1)
        for y in range(
            row(float(np.interp(q, said, high))), row(float(np.interp(q, said, low))) + 1
        ):
            grid[y][x] = letters.band
    for x in range(across):
        grid[row(x / (across - 1))][x] = letters.line
    for x, p in zip(places, right, strict=True):
        grid[row(p)][x] = letters.point
    labels = {0: "1.0", row(0.5): "0.5", up - 1: "0.0"}
    lines = [
        f"{labels.get(y, ''):>{_LABEL}} {letters.side}{''.join(cells).rstrip()}"
        for y, cells in enumerate(grid)
    ]
    lines.append(f"{'':{_LABEL}} {letters.corner}{letters.bottom * across}")
    lines.append(f"{'':{_LABEL}}  0.0{'1.0':>{across - 3}}")
    text = Text("\n".join(lines), no_wrap=True)
    text.highlight_words([letters.point], "bold cyan")
    text.highlight_words([letters.band], "cyan")
    return text


def legend(encoding: str) -> str:
    """What the letters mean."""
    letters = _letters(encoding)
    return (
        f"{letters.point} how often it is right (up) by what it says (across), "
        f"{letters.band} 95% interval, {letters.line} calibrated"
    )


def _letters(encoding: str) -> _Letters:
    try:
        "●░·┤└─".encode(encoding)
    except UnicodeError:
        return _ASCII
    return _LETTERS
