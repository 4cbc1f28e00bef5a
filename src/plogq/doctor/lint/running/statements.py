"""Statements: each says whether the next one is reached.

Both ways of an `if` whose condition is not known are taken, and what they leave is joined.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ...facts import Array, Made, place_of
from ..machine import UNGRADED, Machine
from ..values import (
    NONE,
    Args,
    Const,
    Default,
    Function,
    Instance,
    List,
    Terms,
    Tuple,
    Unknown,
    Value,
    length_of,
)
from .containers import truth
from .definitions import DEFINITIONS, last_name
from .loops import LOOPS


def expr_statement(on: Machine, node: ast.Expr) -> None:
    if not isinstance(node.value, ast.Constant):
        in_place(on, node.value, on.eval(node.value))


def in_place(on: Machine, node: ast.expr, out: Value) -> None:
    """x.sigmoid_(): the array under the name is another one now; of x.fill_() nothing is known."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return
    verb, name = node.func.attr, node.func.value
    if not verb.endswith("_") or verb.endswith("__") or not isinstance(name, ast.Name):
        return
    old = on.scope.find(name.id)
    if isinstance(old, Array) and verb not in ("requires_grad_", "share_memory_"):
        known = isinstance(out, Array | Terms)
        on.assign(name, out if known else Array(shape=old.shape, kind=old.kind))


def assign_statement(on: Machine, node: ast.Assign) -> None:
    value = on.eval(node.value)
    for target in node.targets:
        if isinstance(value, Unknown) and isinstance(target, ast.Tuple | ast.List):
            value = _shape_of(on, node.value, target.elts) or value
        on.assign(target, value)


def _shape_of(on: Machine, code: ast.expr, targets: list[ast.expr]) -> Value | None:
    """b, t, k = x.shape: from now on x is known to have so many axes, of these lengths."""
    if isinstance(code, ast.Call) and not code.args and not code.keywords:
        code = code.func if getattr(code.func, "attr", "") == "size" else code
    if not isinstance(code, ast.Attribute) or code.attr not in ("shape", "size"):
        return None
    x = on.eval(code.value)
    names = [t.id for t in targets if isinstance(t, ast.Name)]
    if not isinstance(x, Array) or x.made is Made.DATA or x.shape is not None:
        return None
    if len(names) != len(targets):
        return None
    lengths: list[Value] = [Unknown(name) for name in names]
    at = place_of(x.axis, len(names))
    if at is not None and isinstance(x.width, int):
        lengths[at] = Const(x.width)
    if isinstance(code.value, ast.Name):
        shape = tuple(length_of(n) for n in lengths)
        on.assign(code.value, x.but(shape=shape))
    return Tuple(tuple(lengths))


def ann_assign(on: Machine, node: ast.AnnAssign) -> None:
    if node.value is not None:
        on.assign(node.target, on.eval(node.value))


def aug_assign(on: Machine, node: ast.AugAssign) -> None:
    old = on.eval(node.target)
    new = on.eval(node.value)
    if isinstance(old, List) and isinstance(node.op, ast.Add):
        more = new.slots["items"] if isinstance(new, List) else on.items(new)
        items = old.slots["items"]
        on.write(old, "items", None if more is None or items is None else items + more)
        return
    on.assign(node.target, on.binary(node.op, old, new, node))


def return_statement(on: Machine, node: ast.Return) -> bool:
    value = NONE if node.value is None else on.eval(node.value)
    if on.returns:
        on.returns[-1].append(value)
    return False


def stop_statement(on: Machine, node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise) and node.exc is not None:
        on.eval(node.exc)
    return False


def if_statement(on: Machine, node: ast.If) -> bool:
    known = truth(on.eval(node.test))
    if known is not None:
        return on.block(node.body if known else node.orelse)
    named, then, otherwise = _asked(on, node.test)
    return on.ways(
        [
            lambda: _where(on, named, then, node.body),
            lambda: _where(on, named, otherwise, node.orelse),
        ]
    )


def _asked(on: Machine, test: ast.expr) -> tuple[ast.expr | None, Value, Value]:
    """`args.head == "softmax"`, of what has a default: its name, and what it is on both ways."""
    if not isinstance(test, ast.Compare) or not isinstance(test.left, ast.Name | ast.Attribute):
        return None, Unknown(), Unknown()
    known, to = on.eval(test.left), on.eval(test.comparators[0])
    equal = isinstance(test.ops[0], ast.Eq)
    plain = len(test.ops) == 1 and (equal or isinstance(test.ops[0], ast.NotEq))
    if not plain or not isinstance(known, Default) or not isinstance(to, Const):
        return None, Unknown(), Unknown()
    same, other = Default(to.value), Unknown() if known.value == to.value else known
    return test.left, same if equal else other, other if equal else same


def _where(on: Machine, named: ast.expr | None, value: Value, body: list[ast.stmt]) -> bool:
    """A way on which a name stands for this, and afterwards for what it stood for before."""
    if named is None:
        return on.block(body)
    before = on.eval(named)
    on.assign(named, value)
    live = on.block(body)
    if live and on.eval(named) is value:
        on.assign(named, before)
    return live


def try_statement(on: Machine, node: ast.Try) -> bool:
    live = on.block(node.body)
    if live:
        live = on.block(node.orelse)
    ways: list[Callable[[], bool]] = [lambda: live]
    ways += [lambda h=handler: on.block(h.body) for handler in node.handlers]
    out = on.ways(ways) if node.handlers else live
    return on.block(node.finalbody) and out


def with_statement(on: Machine, node: ast.With | ast.AsyncWith) -> bool:
    graded = on.graded
    for item in node.items:
        value = on.eval(item.context_expr)
        on.graded = on.graded and last_name(item.context_expr) not in UNGRADED
        if item.optional_vars is not None:
            entered = value
            if isinstance(value, Instance):
                enter = value.cls.find("__enter__")
                entered = (
                    on.call_function(enter, Args([], {}, item.context_expr), value)
                    if isinstance(enter, Function) else Unknown()
                )  # fmt: skip
            on.assign(item.optional_vars, entered)
    try:
        return on.block(node.body)
    finally:
        on.graded = graded


def match_statement(on: Machine, node: ast.Match) -> bool:
    subject = on.eval(node.subject)
    ways: list[Callable[[], bool]] = []
    whole = False
    for case in node.cases:
        pattern = case.pattern
        if isinstance(pattern, ast.MatchValue) and isinstance(subject, Const):
            wanted = on.eval(pattern.value)
            if isinstance(wanted, Const):
                if wanted.value == subject.value:
                    return on.block(case.body)
                continue
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
            whole = whole or case.guard is None
        ways.append(lambda c=case: on.block(c.body))
    if not whole:
        ways.append(lambda: True)
    return on.ways(ways)


def delete_statement(on: Machine, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Subscript):
            on.assign(target, Unknown())


def global_statement(on: Machine, node: ast.Global) -> None:
    on.scope.slots.setdefault("__global__", set()).update(node.names)


STATEMENTS: dict[type, Callable[[Machine, Any], Any]] = {
    **DEFINITIONS,
    **LOOPS,
    ast.Expr: expr_statement,
    ast.Assign: assign_statement,
    ast.AnnAssign: ann_assign,
    ast.AugAssign: aug_assign,
    ast.Return: return_statement,
    ast.Raise: stop_statement,
    ast.Break: stop_statement,
    ast.Continue: stop_statement,
    ast.If: if_statement,
    ast.Try: try_statement,
    ast.TryStar: try_statement,
    ast.With: with_statement,
    ast.AsyncWith: with_statement,
    ast.Match: match_statement,
    ast.Delete: delete_statement,
    ast.Global: global_statement,
}
