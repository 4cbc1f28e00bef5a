"""The linter's verbs, run on arrays that exist: what an operation leaves of its inputs' facts.

`reading code` and `watching a run` share one algebra (`lint.verbs`): a verb takes what is known of
the arguments and gives what is known of the result. Here the arguments have shapes, and the place
is that of the running program.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from ..facts import Array, Cut, HandWritten, Made, Place, Seen, place_of
from ..lint import arithmetic, indexing
from ..lint.library.data import MAKERS
from ..lint.values import Args, Const, List, Ref, Terms, Tuple, Unknown, Value
from ..lint.verbs import VERBS
from .evidence import Numbers, hot_axis
from .sightings import Sightings

Fact = Array | Terms
_OPERATORS: dict[str, ast.operator] = {
    "add": ast.Add(), "sub": ast.Sub(), "mul": ast.Mult(), "div": ast.Div(), "pow": ast.Pow(),
    "and": ast.BitAnd(), "or": ast.BitOr(), "mod": ast.Mod(),
}  # fmt: skip
_COMPARED: dict[str, ast.cmpop] = {
    "gt": ast.Gt(), "ge": ast.GtE(), "lt": ast.Lt(), "le": ast.LtE(), "eq": ast.Eq(),
}  # fmt: skip
# What is multiplied by one-hot rows in a loss written by hand.
_SPREAD = {Made.SOFTMAX, Made.LOG_SOFTMAX, Made.LOG_OF_SOFTMAX, Made.LOG_SIGMOID}
_MOST = 500  # sightings of one kind that are kept
_DEPTH = 6  # how far back the makers of makers are kept


class Bench:
    """One thread's hands: where the program is, and what verbs note on their way."""

    def __init__(self, where: Callable[[], tuple[Place, str]]) -> None:
        self.where = where
        self.module = self  # what the verbs call a module gives the text of a node
        self.cuts: list[Cut] = []
        self.sums: list[HandWritten] = []
        self._nodes: dict[tuple[str, str], ast.Call] = {}

    # What the verbs ask of whoever runs them

    def place(self, node: ast.AST) -> Place:
        return self.where()[0]

    def text(self, node: ast.AST, limit: int = 60) -> str:
        return self.where()[1]

    def see(self, seen: Seen, call: ast.AST | None = None) -> None:
        if isinstance(seen, HandWritten):
            self.sums.append(seen)

    def items(self, value: Value) -> tuple[Value, ...] | None:
        return value.items if isinstance(value, Tuple | List) else None

    def binary(self, op: ast.operator, a: Value, b: Value, node: ast.AST) -> Value:
        if isinstance(a, Const) and isinstance(b, Const):
            return Unknown()
        return arithmetic.binary(self, op, a, b, node)

    # What watchers ask of it

    def hand_on(self, seen: Sightings, placed: Callable[[HandWritten], Place | None]) -> None:
        """What the verbs noted becomes sightings; a sum that has no place is somebody else's."""
        for cut in self.cuts:
            if len(seen.cuts) < _MOST:
                seen.cuts[cut] = None
        self.cuts.clear()
        for by_hand in self.sums:
            place = placed(by_hand)
            if place is not None and len(seen.sums) < _MOST:
                seen.sums.setdefault((place, by_hand.broadcast, by_hand.logs.detached), by_hand)
        self.sums.clear()

    def node(self, library: str, name: str) -> ast.Call:
        """A call of a function of a library, as the verbs read its name."""
        found = self._nodes.get((library, name))
        if found is None:
            func = ast.Attribute(ast.Name(library), name)
            found = self._nodes[library, name] = ast.Call(func, [], [])
        return found

    def do(self, library: str, name: str, pos: list[Value], kw: dict[str, Value]) -> Value:
        """What a function leaves."""
        verb = VERBS.get(name) or MAKERS.get(name)
        if verb is None:
            return Unknown()
        return verb(self, Args(pos, kw, self.node(library, name)))

    def operate(self, name: str, a: Value, b: Value) -> Value:
        """What an operator between two leaves."""
        return self.binary(_OPERATORS[name], a, b, self.node("", name))

    def beside(
        self, pos: list[Value], args: Sequence[Any], read: Callable[[Any], Numbers | None]
    ) -> list[Value]:
        """Before y · log q: what y is, from its numbers."""
        for i, j in ((0, 1), (1, 0)):
            q, y = pos[i], pos[j]
            if not isinstance(q, Array) or not isinstance(y, Array) or q.made not in _SPREAD:
                continue
            axis = place_of(q.axis, q.rank)
            if y.made is None and axis is not None and 2 <= (y.rank or 0) == q.rank:
                numbers = read(args[j])
                hot = None if numbers is None else hot_axis(numbers, axis)
                if hot is not None:
                    pos[j] = y.but(made=Made.ONE_HOT, axis=hot)
        return pos

    def compare(self, name: str, a: Value, b: Value) -> Value:
        """What a comparison leaves."""
        if not isinstance(a, Array):
            turned = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}.get(name, name)
            return self.compare(turned, b, a) if isinstance(b, Array) else Unknown()
        return arithmetic.compared(self, _COMPARED[name], a, b, self.node("", name))

    def index(self, x: Array, keys: list[Value | slice | Any | None]) -> Value:
        """x[keys]: numbers, slices, None, ... and arrays."""
        if x.by == "eye" and len(keys) == 1 and isinstance(keys[0], Array):
            return indexing.rows_of_eye(self, x, keys[0], self.node("", "index"))
        parts: list[ast.expr] = [
            ast.Slice() if isinstance(k, slice) else ast.Constant(None) for k in keys
        ]
        known = [Const(k) if isinstance(k, slice) else k for k in keys]
        place = self.where()[0]
        lists = [k for k in known if isinstance(k, Array | List)]
        if len(lists) >= 2:
            return indexing.looked_up(x, lists, place)
        return indexing.by_parts(x, parts, known, place)


def trimmed(x: Array, depth: int = _DEPTH) -> Array:
    """The same with its makers kept some steps back."""
    of, steps = x.source, 0
    while of is not None:
        steps += 1
        if steps > depth:
            return x.but(source=_cut(x.source, depth - 1))
        of = of.source
    return x


def _cut(x: Array | None, depth: int) -> Array | None:
    if x is None or depth <= 0:
        return None
    return x.but(source=_cut(x.source, depth - 1))


def settled(x: Array, shape: tuple[Any, ...], kind: str | None) -> Array:
    """What a verb gave, with the shape that the array has."""
    axis, width = x.axis, x.width
    gone = x.made is None and x.by in ("sum", "max", "mean", "logsumexp")
    if axis is not None and not gone:  # else it is the axis of the array before
        at = axis + len(shape) if axis < 0 else axis
        if not 0 <= at < len(shape):
            axis = width = None
        else:
            width = shape[at]
    return trimmed(x.but(shape=shape, axis=axis, width=width, kind=kind or x.kind))


__all__ = ["Args", "Bench", "Const", "Fact", "List", "Ref", "Terms", "Tuple", "Unknown", "Value",
           "settled", "trimmed"]  # fmt: skip
