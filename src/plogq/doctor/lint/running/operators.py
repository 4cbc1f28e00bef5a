"""Operators between values: sums, comparisons, and conditions that choose."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from ...facts import Array
from .. import arithmetic
from ..machine import Machine
from ..values import (
    Const,
    Dict,
    List,
    Tuple,
    Unknown,
    Value,
    join,
    joined,
)
from .containers import truth

_FOLDED: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: operator.mod,
    ast.Pow: lambda a, b: a**b,
}


_COMPARED: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


def if_expression(on: Machine, node: ast.IfExp) -> Value:
    known = truth(on.eval(node.test))
    if known is not None:
        return on.eval(node.body if known else node.orelse)
    return join(on.eval(node.body), on.eval(node.orelse))


def bool_expression(on: Machine, node: ast.BoolOp) -> Value:
    is_or = isinstance(node.op, ast.Or)
    left: list[Value] = []  # what it may be: all before a part that decides
    for part in node.values:
        value = on.eval(part)
        known = truth(value)
        if known is is_or:
            return joined([*left, value])
        if known is None or part is node.values[-1]:
            left.append(value)
    return joined(left)


def compare(on: Machine, node: ast.Compare) -> Value:
    left = on.eval(node.left)
    rights = [on.eval(c) for c in node.comparators]
    if len(rights) != 1:
        return Unknown()
    op, right = node.ops[0], rights[0]
    if isinstance(op, ast.Is | ast.IsNot) and right is not left:
        if isinstance(right, Const) and right.value is None:
            if isinstance(left, Const):
                return Const((left.value is None) == isinstance(op, ast.Is))
            if not isinstance(left, Unknown):
                return Const(isinstance(op, ast.IsNot))
        return Unknown()
    if isinstance(left, Const) and isinstance(right, Const):
        do = _COMPARED.get(type(op))
        try:
            if isinstance(op, ast.In | ast.NotIn):
                return Const((left.value in right.value) == isinstance(op, ast.In))
            return Unknown() if do is None else Const(bool(do(left.value, right.value)))
        except Exception:
            return Unknown()
    if isinstance(op, ast.In | ast.NotIn) and isinstance(left, Const):
        if isinstance(right, Dict) and not right.open:
            return Const((left.value in right.slots) == isinstance(op, ast.In))
        items = on.items(right)
        if items is not None and all(isinstance(i, Const) for i in items):
            known = left.value in [i.value for i in items if isinstance(i, Const)]
            return Const(known == isinstance(op, ast.In))
    if isinstance(left, Array):
        return arithmetic.compared(on, op, left, right, node)
    if isinstance(right, Array):
        return arithmetic.compared(on, op, right, left, node)
    return Unknown()


def unary(on: Machine, node: ast.UnaryOp) -> Value:
    value = on.eval(node.operand)
    if isinstance(node.op, ast.Not):
        known = truth(value)
        return Unknown() if known is None else Const(not known)
    if isinstance(value, Const):
        try:
            if isinstance(node.op, ast.USub):
                return Const(-value.value)
            return Const(+value.value if isinstance(node.op, ast.UAdd) else ~value.value)
        except Exception:
            return Unknown()
    if isinstance(node.op, ast.USub):
        return arithmetic.negated(on, value, node)
    return Unknown()


def binary_expression(on: Machine, node: ast.BinOp) -> Value:
    return on.binary(node.op, on.eval(node.left), on.eval(node.right), node)


def binary(on: Machine, op: ast.operator, a: Value, b: Value, node: ast.AST) -> Value:
    """a ∘ b."""
    if isinstance(a, Const) and isinstance(b, Const):
        do = _FOLDED.get(type(op))
        try:
            if do is None or (isinstance(op, ast.Pow) and abs(b.value) > 64):
                return Unknown()
            out: Any = do(a.value, b.value)
            if len(str(out)) > 1000:
                return Unknown()
            return Const(out)
        except Exception:
            return Unknown()
    if isinstance(op, ast.Add) and isinstance(a, List | Tuple) and isinstance(b, List | Tuple):
        if a.items is None or b.items is None:
            return Unknown()
        both: tuple[Value, ...] = a.items + b.items
        return List(both) if isinstance(a, List) else Tuple(both)
    if isinstance(op, ast.Mult):
        for x, y in ((a, b), (b, a)):
            times = y.value if isinstance(y, Const) and isinstance(y.value, int) else None
            if times is None or not isinstance(x, List | Tuple) or x.items is None:
                continue
            if 0 <= times * len(x.items) <= 256:
                return type(x)(x.items * times)
    return arithmetic.binary(on, op, a, b, node)


OPERATORS: dict[type, Callable[[Machine, Any], Value]] = {
    ast.IfExp: if_expression,
    ast.BoolOp: bool_expression,
    ast.Compare: compare,
    ast.UnaryOp: unary,
    ast.BinOp: binary_expression,
}
