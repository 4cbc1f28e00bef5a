"""Loops: a few turns one by one, many as one that is joined with its own beginning."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from ..journal import MISSING, Changed, join_slot, same_slot
from ..machine import Machine
from ..values import (
    Const,
    Iter,
    Unknown,
    Value,
)
from .assigned import assigned
from .containers import truth

_UNROLLED = 64


def for_statement(on: Machine, node: ast.For | ast.AsyncFor) -> bool:
    on.loops.append((len(on.stack), node))
    live = _turns(on, node, on.eval(node.iter))
    on.loops.pop()
    return live


def _turns(on: Machine, node: ast.For | ast.AsyncFor, over: Value) -> bool:
    items = on.items(over)
    if items is not None and len(items) <= _UNROLLED and not isinstance(over, Iter):
        if not items:
            return on.block(node.orelse)
        if not _many_alike(items):
            for item in items:
                on.assign(node.target, item)
                if not on.block(node.body):
                    break
            return True
    item = on.element(over, node.iter)

    def turn() -> None:
        on.assign(node.target, item)
        on.block(node.body)

    _loop(on, node, turn)
    return True


def while_statement(on: Machine, node: ast.While) -> bool:
    if truth(on.eval(node.test)) is False:
        return on.block(node.orelse)
    _loop(on, node, lambda: on.block(node.body))
    return not _endless(node)


def _loop(on: Machine, node: ast.stmt, turn: Callable[[], Any]) -> None:
    """One turn, and a second one from the join where the first changed its own beginning."""
    for name in assigned(node):
        old = on.scope.slots.get(name)
        if isinstance(old, Const):
            on.write(on.scope, name, Unknown(name))
    mark, seen, supposed = len(on.journal), len(on.found), len(on.supposed)
    cuts, returned = len(on.cuts), [len(r) for r in on.returns]
    turn()
    firsts: Changed = {}
    for target, key, old in on.journal[mark:]:
        firsts.setdefault((id(target), key), (target, key, old))
    changed = [
        (target, key, old, target.slots.get(key, MISSING))
        for target, key, old in firsts.values()
        if old is not MISSING and not isinstance(old, Const | Unknown)
        and not same_slot(old, target.slots.get(key, MISSING))
    ]  # fmt: skip
    if not changed:
        return
    on.rollback(mark)
    del on.found[seen:], on.supposed[supposed:], on.cuts[cuts:]
    for r, n in zip(on.returns, returned, strict=True):
        del r[n:]
    for target, key, old, new in changed:
        on.write(target, key, join_slot(old, new, key))
    turn()


def _many_alike(items: Sequence[Value]) -> bool:
    """Numbers of a long range: one turn stands for all."""
    return len(items) > 8 and all(isinstance(i, Const) for i in items)


def _endless(node: ast.While) -> bool:
    if not (isinstance(node.test, ast.Constant) and node.test.value):
        return False
    return not any(isinstance(n, ast.Break) for n in ast.walk(node))


LOOPS: dict[type, Callable[[Machine, Any], Any]] = {
    ast.For: for_statement,
    ast.AsyncFor: for_statement,
    ast.While: while_statement,
}
