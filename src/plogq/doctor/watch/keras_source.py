"""Where an argument of a call stands in the source: the line of `loss=` in a long compile."""

from __future__ import annotations

import ast
import linecache
from types import FrameType

from ..facts import Place
from .places import place_of

_trees: dict[str, ast.Module | None] = {}


def argument(frame: FrameType, function: str, name: str, position: int) -> Place:
    """The place of an argument of the call that a frame is in; of the call where it is not seen."""
    call, _ = place_of(frame)
    file = frame.f_code.co_filename
    if file not in _trees:
        try:
            _trees[file] = ast.parse("".join(linecache.getlines(file)))
        except (SyntaxError, ValueError, RecursionError):
            _trees[file] = None
    tree = _trees[file]
    if tree is None:
        return call
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr != function:
            continue
        if not node.lineno <= frame.f_lineno <= (node.end_lineno or node.lineno):
            continue
        found = next((k.value for k in node.keywords if k.arg == name), None)
        if found is None and len(node.args) > position:
            found = node.args[position]
        if found is not None:
            return Place(call.file, found.lineno, found.col_offset + 1, call.cell)
    return call
