"""A file that was read: its text, its tree, its names."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from ..facts import Place
from .slots import Scope


@dataclass(eq=False)
class Module:
    """One file, or one notebook as one program."""

    path: Path | None
    shown: str  # its path as messages show it
    lines: list[str]
    tree: ast.Module
    scope: Scope = field(default_factory=lambda: Scope(None))
    package: str = ""  # the dotted name of its package, for relative imports
    is_package: bool = False
    root: Path | None = None  # where absolute imports of the project begin
    cells: list[tuple[int, int]] | None = None  # of a notebook: first line and number of each cell
    ready: bool = False

    def place(self, node: ast.AST) -> Place:
        """Where a node stands."""
        line = getattr(node, "lineno", 1)
        return self.at(line, getattr(node, "col_offset", 0) + 1)

    def at(self, line: int, column: int) -> Place:
        """A line and a column of the program as a place in the file."""
        if self.cells is None:
            return Place(self.shown, line, column)
        for first, number in reversed(self.cells):
            if line >= first:
                return Place(self.shown, line - first + 1, column, number)
        return Place(self.shown, line, column)

    def text(self, node: ast.AST, limit: int = 60) -> str:
        """The source of a node on one line, cut where it is long."""
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0) or 0
        if not 0 < first <= len(self.lines) or last > len(self.lines):
            return ""
        start = getattr(node, "col_offset", 0)
        end = getattr(node, "end_col_offset", None)
        if first == last:
            line = self.lines[first - 1]
            text = line[start:end] if line.isascii() else _bytes(line, start, end)
        else:
            line = self.lines[first - 1]
            parts = [line[start:] if line.isascii() else _bytes(line, start, None)]
            parts += self.lines[first : last - 1]
            line = self.lines[last - 1]
            parts.append(line[:end] if line.isascii() else _bytes(line, 0, end))
            text = " ".join(part.strip() for part in parts)
            text = text.replace("( ", "(").replace(" )", ")").replace(",)", ")")
        return text if len(text) <= limit else text[: limit - 1] + "…"


def _bytes(line: str, start: int, end: int | None) -> str:
    """A part of a line by offsets in UTF-8, as ast counts them."""
    return line.encode()[start:end].decode(errors="replace")
