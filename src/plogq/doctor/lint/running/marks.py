"""Zeros that a loop writes to: tags one by one, and predictions fold by fold."""

from __future__ import annotations

import ast

from ...facts import DECIDED, OUTPUTS, Array, Made, Place
from .. import moves
from ..machine import Machine
from ..values import Const, Value
from .assigned import assigned


def marked(on: Machine, of: Array, parts: list[ast.expr], value: Value) -> Array | None:
    """tags[index] = 1 in a loop over the tags of one event, into zeros from before the loop."""
    plain = of.made in (None, Made.MULTI_HOT) and of.low == 0 and of.high in (0, 1)
    if not plain or not isinstance(value, Const) or value.value != 1:
        return None
    if of.rank not in (1, 2) or len(parts) != of.rank or of.shape is None:
        return None
    loop = _loop_of(on, parts[-1])
    if loop is None:
        return None
    row = _loop_of(on, parts[0]) if of.rank == 2 else loop
    if row is None or (of.rank == 2 and row is loop) or not _before(of, on, row):
        return None
    return of.but(made=Made.MULTI_HOT, high=1, axis=-1, width=of.shape[-1])


def filled_with(
    of: Array, parts: list[ast.expr], key: Value, value: Value, place: Place
) -> Array | None:
    """oof[rows] = predictions, into zeros: from now on predictions, as far as they are filled."""
    if not isinstance(value, Array) or value.made is None or value.made not in OUTPUTS | DECIDED:
        return None
    again = of.made is value.made and any(s.verb == "filled" for s in of.path)
    blank = of.made is None and of.low == of.high == 0
    if not (blank or again) or isinstance(key, Const) or not all(map(_whole, parts[1:])):
        return None
    if of.rank is not None and value.rank is not None and of.rank != value.rank:
        return None
    return moves.stepped(value, "filled", place).but(shape=of.shape)


def _whole(part: ast.expr) -> bool:
    """Whether an index is that of a whole axis."""
    return isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None


def _loop_of(on: Machine, index: ast.expr) -> ast.AST | None:
    """The innermost loop of this function that sets a name of the index."""
    names = {n.id for n in ast.walk(index) if isinstance(n, ast.Name)}
    for depth, loop in reversed(on.loops):
        if depth == len(on.stack) and names & assigned(loop):
            return loop
    return None


def _before(of: Array, on: Machine, loop: ast.AST) -> bool:
    """Whether an array was made before a loop."""
    return of.place is not None and of.place.file == on.place(loop).file and (
        of.place.line < on.place(loop).line
    )  # fmt: skip
