"""Sums, products and comparisons: what they leave of an origin, and hand-written losses."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from ..facts import OUTPUTS, PROBABILITIES, Array, Cut, HandWritten, Made
from . import moves, unlogged
from .machine import Desk
from .values import Const, Terms, Unknown, Value

_SMALL = 1e-3  # an epsilon: too small to be a scale
_LINEAR = {Made.SCORES, Made.PARAMETER}
_MEASURED = {Made.DATA, Made.UNIFORM, Made.NUMBERS}
LOGS = {Made.LOG_SOFTMAX, Made.LOG_OF_SOFTMAX, Made.LOG_OF_SCORES}


def binary(on: Desk, op: ast.operator, a: Value, b: Value, node: ast.AST) -> Value:
    """a ∘ b where at least one is no constant."""
    if isinstance(op, ast.MatMult):
        return product(on, a, b, node)
    if isinstance(a, Terms) or isinstance(b, Terms):
        return _with_terms(on, op, a, b, node)
    if isinstance(a, Array) and isinstance(b, Array):
        return _two(on, op, a, b, node)
    if isinstance(a, Array):
        return _one(on, op, a, b, node, left=True)
    if isinstance(b, Array):
        return _one(on, op, b, a, node, left=False)
    return Unknown()


def _one(on: Desk, op: ast.operator, x: Array, other: Value, node: ast.AST, left: bool) -> Value:
    """An array and a number, or something that is not known."""
    place = on.place(node)
    if isinstance(other, Const):
        c = other.value
        if isinstance(c, bool) or not isinstance(c, int | float):
            return Unknown()
        return _with_number(x, op, c, place, left)
    if x.made is Made.COUNTS or x.rising is not None:
        return _weighed(x, op, left)
    # A step of gradient descent; first weights of a size that is worked out.
    step = x.made in (Made.NORMAL, Made.PARAMETER) and isinstance(op, ast.Sub)
    if left and (step or (x.made is Made.NORMAL and isinstance(op, ast.Mult | ast.Div))):
        return x
    if x.made is Made.SCORES and (
        isinstance(op, ast.Add) or (isinstance(op, ast.Div | ast.Mult) and left)
    ):
        return moves.stepped(x, "scale", place)
    if x.made is Made.SOFTMAX and isinstance(op, ast.Div) and left:
        return Array(shape=None, kind="float")
    if isinstance(op, ast.Mult):
        unlogged.sigmoid_twice(on, x, None, node)
        return Terms(x, None) if x.made in LOGS else Unknown()
    return Unknown()


def _with_number(x: Array, op: ast.operator, c: float, place: Any, left: bool) -> Array:
    kind = "float" if isinstance(op, ast.Div) or isinstance(c, float) else x.kind
    out = x.but(kind=kind)
    if x.by == "exp" and isinstance(op, ast.Add) and c == 1 and x.made is None:
        return x.but(by="1+exp")
    inner = x.source.source if x.by == "1+exp" and x.source is not None else None
    if inner is not None and isinstance(op, ast.Div) and not left and c == 1:
        by = "1 / (1 + exp(-x))"
        return inner.but(made=Made.SIGMOID, by=by, place=place, source=inner, path=(), kind="float")
    if isinstance(op, ast.Add | ast.Sub) and abs(c) <= _SMALL:
        return out
    if isinstance(op, ast.Mult | ast.Div) and c == 1 and left:
        return out
    low, high = _range(x, op, c, left)
    if x.made is Made.UNIFORM and not isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        return Array(shape=x.shape, kind=kind)
    if x.made in (Made.COUNTS,) or x.rising is not None:
        return _weighed(x, op, left).but(low=low, high=high)
    if x.made in (Made.LABELS, Made.NUMBERS, Made.DATA, Made.UNIFORM, Made.ARGMAX):
        if isinstance(op, ast.Mod) and left and isinstance(c, int) and c > 0:
            return out.but(low=0, high=c - 1)
        others = isinstance(op, ast.Sub) and not left and c == 1  # 1 - y: of a yes a no
        verb = "complement" if others else "cast"
        return moves.stepped(out, verb, place).but(low=low, high=high)
    if x.made is None or x.made is Made.TANH:
        return moves.stepped(out, "scale", place).but(low=low, high=high)
    if isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        if isinstance(op, ast.Div) and not left:
            return Array(shape=x.shape, kind="float")
        return moves.stepped(out, "scale", place).but(low=low, high=high)
    return Array(shape=x.shape, kind=kind)


def _range(x: Array, op: ast.operator, c: float, left: bool) -> tuple[float | None, float | None]:
    if x.low is None or x.high is None:
        return None, None
    ends: list[float] = []
    for end in (x.low, x.high):
        try:
            if isinstance(op, ast.Add):
                ends.append(end + c)
            elif isinstance(op, ast.Sub):
                ends.append(end - c if left else c - end)
            elif isinstance(op, ast.Mult):
                ends.append(end * c)
            elif isinstance(op, ast.Div) and left:
                ends.append(end / c)
            elif isinstance(op, ast.FloorDiv) and left:
                ends.append(end // c)
            else:
                return None, None
        except (ZeroDivisionError, OverflowError):
            return None, None
    return min(ends), max(ends)


def _weighed(x: Array, op: ast.operator, left: bool) -> Array:
    """Weights from counts: a division by them turns the order around."""
    rising = x.rising if x.rising is not None else True
    if isinstance(op, ast.Div) and not left:
        return x.but(rising=not rising)
    if isinstance(op, ast.Sub) and not left:
        return x.but(rising=not rising)
    if isinstance(op, ast.Mult | ast.Div | ast.Add | ast.Sub):
        return x.but(rising=rising)
    return x.but(rising=None, made=None)


def _two(on: Desk, op: ast.operator, a: Array, b: Array, node: ast.AST) -> Value:
    """Two arrays."""
    place = on.place(node)
    shape = moves.broadcast(a.shape, b.shape)
    kind = a.kind if a.kind == b.kind and not isinstance(op, ast.Div) else "float"
    batched = a.batched or b.batched
    counted = _counted(a, b, op)
    if counted is not None:
        return counted
    if isinstance(op, ast.Sub):
        if b.by == "logsumexp" and b.source is not None and _alike(b.source, a):
            return _log_softmax("x - logsumexp(x)", place, b.axis, a, batched)
        if b.by == "log" and b.source is not None and b.source.by == "sum":
            inner = b.source.source
            if inner is not None and inner.by == "exp" and inner.source == a:
                by = "x - log(sum(exp(x)))"
                return _log_softmax(by, place, b.source.axis, a, batched)
        if b.by == "max" and b.source is not None and a.made in OUTPUTS:
            # A shift for the exponential's sake.
            return a if a.made is Made.SCORES else moves.stepped(a, "shift", place)
    whole = (_log_sum_exp(a, b) or _log_sum_exp(b, a)) if isinstance(op, ast.Add) else None
    if whole is not None:
        return whole
    if isinstance(op, ast.Div) and b.by == "sum" and b.source is not None and b.source == a:
        if a.by == "exp":
            inner = a.source
            return Array(Made.SOFTMAX, "exp(x) / sum(exp(x))", place, b.axis,
                         inner.width if inner is not None else a.width, shape=a.shape,
                         kind="float", batched=batched, source=inner)  # fmt: skip
        if a.made is Made.COUNTS or a.rising is not None:
            return a
    if isinstance(op, ast.Add) and Made.SCORES in (a.made, b.made):
        first, second = (a, b) if a.made is Made.SCORES else (b, a)
        if second.made in _LINEAR or (second.made is None and first is a):
            return first.but(shape=shape, batched=batched)
    if isinstance(op, ast.Add | ast.Sub) and b.made is Made.SCORES and a.made in _LINEAR:
        return b.but(shape=shape, batched=batched)
    if isinstance(op, ast.Add) and a.made is Made.SCORES and b.made is Made.NORMAL:
        return a.but(shape=shape)
    if isinstance(op, ast.Mult):
        for logs, other in ((a, b), (b, a)):
            if logs.made in LOGS | {Made.LOG_SIGMOID} and other.made not in OUTPUTS:
                if moves.column_and_row(logs.shape, other.shape):
                    on.see(HandWritten(place, logs, other, broadcast=True), node)
                unlogged.sigmoid_twice(on, logs, other, node)
                if logs.made in LOGS:
                    turned = sum(step.verb == "negate" for step in other.path) % 2 == 1
                    return Terms(logs, other, negated=turned)
        found = unlogged.product(a, b, batched)
        if found is not None:
            return found
    centred = isinstance(op, ast.Sub) and b.by == "mean" and a.made in _MEASURED
    if centred and b.source is not None and _alike(b.source, a):  # some lie below 0
        by = on.module.text(node)
        return a.but(made=Made.NORMAL, by=by, place=place, low=None, high=None)
    if isinstance(op, ast.Sub) and a.made in (Made.NORMAL, Made.PARAMETER) and b.made is None:
        return a.but(shape=shape if a.shape is None else a.shape)  # a step of gradient descent
    if isinstance(op, ast.Add | ast.Sub | ast.Mult) and {a.made, b.made} <= {
        Made.NORMAL, Made.UNIFORM, Made.DATA
    }:  # fmt: skip
        return Array(a.made if a.made is Made.DATA else Made.NORMAL, a.by, a.place, shape=shape,
                     kind="float", batched=batched)  # fmt: skip
    low = high = None
    if isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor):
        kind, low, high = a.kind, 0, 1
    return Array(shape=shape, kind=kind, batched=batched, low=low, high=high)


def _log_sum_exp(logs: Array, most: Array) -> Array | None:
    """log(sum(exp(x - m))) + m, with m the greatest of x."""
    total = logs.source if logs.by == "log" else None
    power = total.source if total is not None and total.by == "sum" else None
    of = power.source if power is not None and power.by == "exp" else None
    if of is None or most.by != "max" or most.source is None or not _alike(most.source, of):
        return None
    return Array(by="logsumexp", source=of, kind="float", axis=total.axis if total else None,
                 shape=logs.shape)  # fmt: skip


def _log_softmax(by: str, place: Any, axis: int | None, x: Array, batched: bool) -> Array:
    """x less its log-sum-exp."""
    return Array(Made.LOG_SOFTMAX, by, place, axis, x.width, shape=x.shape, kind="float",
                 batched=batched, source=x)  # fmt: skip


def _counted(a: Array, b: Array, op: ast.operator) -> Array | None:
    """Weights from counts and something else of one number."""
    if a.rising is not None and b.rising is not None and isinstance(op, ast.Div):
        if a.rising != b.rising:
            return a  # one kind of event over the other
        return None
    if a.rising is not None and b.rank == 0:
        return _weighed(a, op, True)
    if b.rising is not None and a.rank == 0:
        return _weighed(b, op, False)
    return None


def _alike(a: Array, b: Array) -> bool:
    return a.made is b.made and a.place == b.place and a.shape == b.shape


def product(on: Desk, a: Value, b: Value, node: ast.AST, transposed: bool = False) -> Value:
    """A matrix product: scores where one side is a parameter."""
    x = a if isinstance(a, Array) else None
    w = b if isinstance(b, Array) else None
    parameter = w is not None and (
        w.made in (Made.PARAMETER, Made.NORMAL) or (w.low == w.high == 0 and w.rank == 2)
    )
    of_data = x is not None and x.made in (Made.ONE_HOT, *PROBABILITIES)
    width = None
    shape = None
    if w is not None and w.shape is not None and len(w.shape) == 2:
        width = w.shape[0] if transposed else w.shape[1]
    if w is not None and w.shape is not None and len(w.shape) == 1 and x is not None:
        shape = None if x.shape is None else x.shape[:-1]
        if not parameter:
            return Array(shape=shape, kind="float", batched=x.batched)
        return Array(Made.SCORES, on.module.text(node), on.place(node), None, 1, shape=shape,
                     kind="float", batched=x.batched)  # fmt: skip
    if x is not None and x.shape is not None and width is not None:
        shape = (*x.shape[:-1], width)
    if parameter and not of_data:
        return Array(Made.SCORES, on.module.text(node), on.place(node), -1, width, shape=shape,
                     kind="float", batched=x is not None and x.batched)  # fmt: skip
    return Array(shape=shape, kind="float", batched=x is not None and x.batched)


def negated(on: Desk, value: Value, node: ast.AST) -> Value:
    """-x."""
    if isinstance(value, Terms):
        return emit(on, replace(value, negated=True), node)  # fmt: skip
    if isinstance(value, Array):
        unlogged.negated(on, value, node)
        if value.made in LOGS and any(s.verb == "slice" for s in value.path):
            return Terms(value, None, negated=True, picked=True)
        if value.made in (Made.SCORES, None, Made.LABELS, Made.NUMBERS):
            low = None if value.high is None else -value.high
            high = None if value.low is None else -value.low
            kept = value.made is None or value.made is Made.SCORES
            if value.made is None:
                value = moves.stepped(value, "negate", on.place(node)).but(source=value)
                return value.but(low=low, high=high)
            return value.but(low=low, high=high, source=value if kept else value.source)
        if value.made in LOGS:
            return Terms(value, None, negated=True)
        if value.made in _TRUTH or (value.made is Made.SOFTMAX and value.axis is None):
            return moves.stepped(value, "negate", on.place(node)).but(low=None, high=None)
        return Array(shape=value.shape, kind=value.kind, source=value)
    return Unknown()


def _with_terms(on: Desk, op: ast.operator, a: Value, b: Value, node: ast.AST) -> Value:
    terms, other = (a, b) if isinstance(a, Terms) else (b, a)
    assert isinstance(terms, Terms)
    if isinstance(op, ast.Mult):
        if isinstance(other, Const) and isinstance(other.value, int | float):
            out = replace(terms, negated=terms.negated != (other.value < 0))
            return emit(on, out, node) if terms.reduced else out
        free = terms.target is None and not terms.picked
        if free and isinstance(other, Array) and other.made not in OUTPUTS:
            return replace(terms, target=other)
    if isinstance(op, ast.Div) and terms is a and not isinstance(other, Terms):
        return terms
    return Unknown()


def reduced(on: Desk, terms: Terms, mean: bool, axis: Any, node: ast.AST) -> Value:
    """The sum or the mean of terms, over an axis or over all."""
    over_classes = axis is None or axis is ... or axis in (-1, 1, (terms.logs.rank or 0) - 1)
    whole_mean = mean and axis is None and not terms.reduced and not terms.picked
    hot = terms.target is not None and terms.target.made in (Made.ONE_HOT, Made.SOFTMAX)
    if hot and axis == 0 and not mean and not terms.reduced and terms.logs.rank == 2:
        return replace(terms, events=True)
    if terms.target is None and not terms.picked:
        return Unknown()
    whole = terms.mean or (whole_mean and hot)
    out = replace(terms, reduced=terms.reduced or over_classes, mean=whole)
    return emit(on, out, node) if not terms.reduced else out


_TRUTH = {Made.ONE_HOT, Made.DATA, Made.NUMBERS, Made.MULTI_HOT}


def emit(on: Desk, terms: Terms, node: ast.AST) -> Value:
    """Note a hand-written loss once it is whole: negated and reduced."""
    target, of = terms.target, terms.logs.source
    twice = terms.logs.made is Made.LOG_SOFTMAX and of is not None and of.made is Made.SOFTMAX
    if twice and terms.reduced:  # wrong whatever it is summed with, and of either sign
        on.see(HandWritten(on.place(node), terms.logs, target), node)
        return terms
    if not (terms.negated and terms.reduced):
        return terms
    if (
        terms.logs.made is Made.LOG_OF_SCORES
        and not terms.picked
        and (target is None or target.made not in (Made.ONE_HOT, Made.MULTI_HOT))
    ):
        return terms  # of rates, say, beside counts
    if terms.picked or (target is not None and target.made in _TRUTH):
        seen = HandWritten(on.place(node), terms.logs, target, terms.mean, terms.events)
        on.see(seen, node)
    return terms


def compared(on: Desk, op: ast.cmpop, x: Array, other: Value, node: ast.AST) -> Value:
    """A comparison: a threshold on what a model puts out, or zeros and ones."""
    number = other.value if isinstance(other, Const) else None
    ordered = isinstance(op, ast.Gt | ast.GtE | ast.Lt | ast.LtE)
    shape = moves.broadcast(x.shape, other.shape) if isinstance(other, Array) else x.shape
    text = on.module.text(node)
    if ordered and isinstance(number, int | float) and x.made in OUTPUTS:
        if x.made is Made.SCORES and isinstance(number, float):
            on.cuts.append(Cut(on.place(node), x, number, text))
        return Array(Made.THRESHOLD, text, on.place(node), x.axis, x.width, shape=shape,
                     kind="bool", low=0, high=1, batched=x.batched, source=x)  # fmt: skip
    if ordered and x.made in (Made.UNIFORM, Made.NORMAL) and not isinstance(other, Array):
        many = shape is not None and len(shape) >= 2 and shape[-1] != 1
        return Array(Made.MULTI_HOT if many else Made.LABELS, text, on.place(node),
                     -1 if many else None, shape[-1] if many and shape else None, shape=shape,
                     kind="bool", low=0, high=1, batched=x.batched)  # fmt: skip
    return Array(shape=shape, kind="bool", low=0, high=1, batched=x.batched)
