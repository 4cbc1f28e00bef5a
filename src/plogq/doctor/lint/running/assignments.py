"""Assignment: to names, attributes and items, and of the parts of what is unpacked."""

from __future__ import annotations

import ast

from ...facts import Array, Made
from ..machine import Machine
from ..values import (
    Iter,
    List,
    Unknown,
    Value,
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
        set_item(on, on.eval(target.value), on.eval(target.slice), value)
    elif isinstance(target, ast.Starred):
        on.assign(target.value, value)


def unpack(on: Machine, targets: list[ast.expr], value: Value) -> None:
    """a, *b, c = value."""
    items = on.items(value)
    star = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
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


def part(on: Machine, value: Value, target: ast.expr) -> Value:
    """An item of something whose items are not known."""
    if isinstance(value, Array) and value.made is Made.DATA and value.shape is None:
        return value
    if isinstance(value, Iter):
        return value.item
    return Unknown(target.id if isinstance(target, ast.Name) else "")
