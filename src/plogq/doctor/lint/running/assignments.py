"""Assignment: to names, attributes and items, and of the parts of what is unpacked."""

from __future__ import annotations

import ast

from ...facts import Array, Made
from .. import moves
from ..machine import Machine
from ..values import (
    Iter,
    List,
    Many,
    Unknown,
    Value,
    each_of,
    joined,
)
from .attributes import set_attribute
from .containers import set_item


def assign(on: Machine, target: ast.expr, value: Value) -> None:
    """target = value."""
    if isinstance(target, ast.Name):
        scope = on.scope
        if "__global__" in scope.slots and target.id in scope.slots["__global__"]:
            scope = on.module.scope
        on.write(scope, target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        unpack(on, target.elts, value)
    elif isinstance(target, ast.Attribute):
        set_attribute(on, on.eval(target.value), target.attr, value)
    elif isinstance(target, ast.Subscript):
        set_item(on, on.eval(target.value), on.eval(target.slice), value, target.slice)
    elif isinstance(target, ast.Starred):
        on.assign(target.value, value)


def unpack(on: Machine, targets: list[ast.expr], value: Value) -> None:
    """a, *b, c = value."""
    items = on.items(value)
    star = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    if isinstance(value, List) and items is None and value.slots["items"] and star is not None:
        _around(on, targets, star, value.slots["items"])
        return
    if isinstance(value, Array) and value.made is Made.COUNTS and len(targets) == 2:
        for i, target in enumerate(targets):
            on.assign(target, moves.count_of(value, i))
        return
    if isinstance(value, Iter) or items is None:
        for target in targets:
            on.assign(target, part(on, value, target))
        return
    if star is not None and len(items) >= len(targets) - 1:
        after = len(targets) - star - 1
        middle = items[star : len(items) - after]
        items = (*items[:star], List(middle), *items[len(items) - after :])
    for i, target in enumerate(targets):
        on.assign(target, items[i] if i < len(items) else Unknown())


def _around(on: Machine, targets: list[ast.expr], star: int, items: tuple[Value, ...]) -> None:
    """a, *b, c = a list whose length is not known."""
    each = joined(x.each if isinstance(x, Many) else x for x in items)
    after = len(targets) - star - 1
    for i, target in enumerate(targets):
        known = items[: star + 1] if i < star else items[len(items) - after :]
        at = i if i < star else i - star - 1
        sure = at < len(known) and not any(isinstance(x, Many) for x in known)
        if i == star:
            on.assign(target, List((Many(each),)))
        else:
            on.assign(target, known[at] if sure else each)


def part(on: Machine, value: Value, target: ast.expr) -> Value:
    """An item of something whose items are not known."""
    if isinstance(value, Array) and value.made is Made.DATA and value.shape is None:
        return value
    if isinstance(value, Iter):
        return value.item
    each = each_of(value)
    if each is not None:
        return each
    return Unknown(target.id if isinstance(target, ast.Name) else "")
