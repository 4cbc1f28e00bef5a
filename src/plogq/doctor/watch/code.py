"""What numbers alone leave open, asked of the code: does the linter say it of this place, too?"""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from ..facts import Place
from ..findings import Finding
from ..lint.measured import measured, parents_of
from ..lint.run import lint, lint_text
from ..lint.sources import Unreadable
from .places import is_library, shortened


def said(rule: str, place: Place, frame: FrameType | None) -> Finding | None:
    """What the linter says by a rule of a place, read from any of the user's files that led there:
    a helper's loss is judged where the helper is called."""
    for file in dict.fromkeys(_files(frame)):
        for found in _linted(file):
            if (found.rule, found.place.file, found.place.line) == (rule, place.file, place.line):
                return found
    return None


def read_alone(place: Place) -> bool:
    """Whether all that is done with the value of a call is to read it."""
    try:
        tree = ast.parse("".join(linecache.getlines(place.file)))
    except SyntaxError:
        return False
    parents = parents_of(tree)
    return any(
        (node.lineno, node.col_offset) == (place.line, place.column - 1) and measured(node, parents)
        for node in parents
        if isinstance(node, ast.expr)
    )


def line_of(place: Place | None) -> str:
    """What stands at a place, as messages show it."""
    return "" if place is None else shortened(linecache.getline(place.file, place.line).strip())


def _files(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if not is_library(frame.f_code):
            yield frame.f_code.co_filename
        frame = frame.f_back


@functools.lru_cache(64)
def _linted(file: str) -> list[Finding]:
    try:
        if Path(file).is_file():
            return lint([Path(file)]).findings
        return lint_text("".join(linecache.getlines(file)), file)
    except (Unreadable, OSError):
        return []
