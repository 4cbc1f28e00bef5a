"""The parts of what is printed: lines, tables and numbers, in the letters of an encoding."""

from __future__ import annotations

from math import isfinite, isnan

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .terminal import cell

# A longer word than this is folded before a table is given up for it.
_LONGEST_WORD = 20


class Page:
    """Lines and tables in the letters of an encoding."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def text(self, text: str, style: str = "") -> Text:
        """Text from a file, as text."""
        return cell(text, self._encoding, style)

    def indented(self, text: str) -> Padding:
        """A line that belongs to the one above."""
        return Padding(self.text(text), (0, 0, 0, 2))

    def table(self, *columns: str, title: str | None = None) -> Table:
        """A table with these columns, of which the first holds words."""
        table = Table(
            title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
            pad_edge=False,
        )  # fmt: skip
        for i, name in enumerate(columns):
            table.add_column(name, justify="left" if i == 0 else "right", no_wrap=i > 0)
        return table

    def row(self, table: Table, *cells: str) -> None:
        """Add a row of texts."""
        table.add_row(*map(self.text, cells))


def fitting(part: RenderableType, console: Console) -> RenderableType:
    """A part of a page as it fits: where a terminal is too narrow for the words and the numbers of
    a table, each of its rows is a paragraph, as what is cut short is another number."""
    if not isinstance(part, Table) or _width(part) <= console.width:
        return part
    lines: list[RenderableType] = []
    if part.title is not None:
        lines.append(Text(str(part.title), part.title_style or ""))
    for first, *rest in zip(*(column.cells for column in part.columns), strict=True):
        lines.append(Text(str(first), "bold"))
        for column, value in zip(part.columns[1:], rest, strict=True):
            if str(value):
                name = f"{column.header}: " if part.show_header and column.header else ""
                lines.append(Padding(Text(f"{name}{value}"), (0, 0, 0, 2)))
    return Group(*lines, Text())


def _width(table: Table) -> int:
    """What a table takes so that no word and, where lines do not wrap, no line is cut."""
    widths = [
        max(
            (
                cell_len(piece) if column.no_wrap else min(cell_len(piece), _LONGEST_WORD)
                for text in map(str, (column.header if table.show_header else "", *column.cells))
                for piece in ([text] if column.no_wrap else text.split())
            ),
            default=0,
        )
        for column in table.columns
    ]
    return sum(widths) + 3 * len(widths) - 1


def many(count: float, noun: str) -> str:
    """So many of something, which takes an s."""
    return f"{count:,.0f} {noun}" if count == 1 else f"{count:,.0f} {noun}s"


def with_error(value: float, error: float) -> str:
    """A mean and its standard error."""
    if not isfinite(value) or isnan(error):
        return nats(value)
    return f"{nats(value)} ± {nats(error)}"


def nats(value: float) -> str:
    """A number to four places."""
    if isnan(value):
        return "–"
    if not isfinite(value):
        return "∞" if value > 0 else "-∞"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:,.4f}"
    return f"{value:.3g}"


def percent(value: float) -> str:
    """A share."""
    if isnan(value):
        return "–"
    return f"{value:.2%}" if isfinite(value) else nats(value)
