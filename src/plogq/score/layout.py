"""What a page is laid out from: chapters of sections, and in them sentences, figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan

from .page import nats, percent

# More rows are no table to read; what a page has room for may be fewer.
MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, of numbers or of words."""

    name: str
    number: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a table, and the number by which it is sorted."""

    text: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of at most `MOST_ROWS` rows, of `total` that there are."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int
    elsewhere: str = "plogq score --format json has them all"
    fixed: bool = False

    def more(self, shown: int) -> str:
        """What is said of the rows that are not shown."""
        return f"{self.total - shown:,} more are not shown; {self.elsewhere}."


@dataclass(frozen=True, slots=True)
class Shade:
    """A cell of a matrix: how deep its colour is, in percent."""

    text: str
    depth: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """A square table, the classes given probability across, the true ones down."""

    id: str
    caption: str
    labels: tuple[str, ...]
    rows: tuple[tuple[Shade, ...], ...]

    @property
    def turned(self) -> bool:
        """Whether the labels are too long to stand above a column."""
        return max(map(len, self.labels)) > 3


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a chapter; `figures` are markup that is made here."""

    id: str
    title: str
    sentences: Sequence[str] = ()
    listed: Sequence[str] = ()
    figures: Sequence[str] = ()
    sheets: Sequence[Sheet] = ()
    matrix: Matrix | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """One number that stands out."""

    name: str
    value: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """All there is to say of one file, or of their comparison."""

    id: str
    title: str
    sentences: Sequence[str]
    tiles: Sequence[Tile]
    sections: Sequence[Section]


def number(value: float, text: str | None = None) -> Cell:
    """A number to four places."""
    return Cell(nats(value) if text is None else text, _sortable(value))


def count(value: int) -> Cell:
    """A number of events, or of a row."""
    return Cell(f"{value:,}", str(value))


def share(value: float) -> Cell:
    """A share in percent."""
    return Cell(percent(value), _sortable(value))


def _sortable(value: float) -> str:
    if isnan(value):
        return "NaN"
    return f"{value:.6g}" if isfinite(value) else "Infinity" if value > 0 else "-Infinity"
