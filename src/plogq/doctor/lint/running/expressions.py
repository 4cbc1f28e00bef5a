"""Expressions: what a piece of code stands for."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ...facts import Array
from .. import indexing
from ..machine import Machine
from ..values import (
    NONE,
    Args,
    Const,
    Dict,
    Iter,
    List,
    Many,
    Record,
    Ref,
    Tuple,
    Unknown,
    Value,
)
from .comprehensions import COMPREHENSIONS
from .operators import OPERATORS


def constant_of(on: Machine, node: ast.Constant) -> Value:
    return Const(node.value)


def name_of(on: Machine, node: ast.Name) -> Value:
    found = on.scope.find(node.id)
    if found is None:
        known = on.library.builtins.get(node.id)
        return Unknown(node.id) if known is None else known
    if isinstance(found, Record) and found.name == "lazy":
        return on.force(found)
    return found


def attribute_of(on: Machine, node: ast.Attribute) -> Value:
    return on.get_attribute(on.eval(node.value), node.attr, node)


def subscript(on: Machine, node: ast.Subscript) -> Value:
    of = on.eval(node.value)
    if isinstance(of, Array):
        return indexing.indexed(on, of, node.slice, node)
    key = on.eval(node.slice)
    return on.item(of, key, node)


def tuple_of(on: Machine, node: ast.Tuple) -> Value:
    items = _several(on, node.elts)
    return Unknown() if items is None else Tuple(items)


def list_of(on: Machine, node: ast.List) -> Value:
    items = _several(on, node.elts)
    return Unknown() if items is None else List(items)


def _several(on: Machine, nodes: list[ast.expr]) -> tuple[Value, ...] | None:
    out: list[Value] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            value = on.eval(node.value)
            more = (value.item,) if isinstance(value, Iter) else on.items(value)
            if more is None:
                return None
            out.extend(more)
        else:
            out.append(on.eval(node))
    return tuple(out)


def dict_of(on: Machine, node: ast.Dict) -> Value:
    made = Dict({})
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            other = on.eval(value)
            if isinstance(other, Dict):
                made.slots.update(other.slots)
                made.open |= other.open
            else:
                made.open = True
            continue
        k, v = on.eval(key), on.eval(value)
        if isinstance(k, Const):
            made.slots[k.value] = v
        else:
            made.open = True
    return made


def lambda_expression(on: Machine, node: ast.Lambda) -> Value:
    return on.function(node, on.scope)


def named(on: Machine, node: ast.NamedExpr) -> Value:
    value = on.eval(node.value)
    on.assign(node.target, value)
    return value


def awaited(on: Machine, node: ast.Await) -> Value:
    return on.eval(node.value)


def yielded(on: Machine, node: ast.Yield) -> Value:
    if on.yields:
        on.yields[-1].append(NONE if node.value is None else on.eval(node.value))
    return Unknown()


def yielded_from(on: Machine, node: ast.YieldFrom) -> Value:
    over = on.eval(node.value)
    if on.yields:
        on.yields[-1].append(on.element(over, node.value))
    return Unknown()


def text_expression(on: Machine, node: ast.JoinedStr) -> Value:
    return Unknown("text")


def call_expression(on: Machine, node: ast.Call) -> Value:
    f = on.eval(node.func)
    pos: list[Value] = []
    kw: dict[str, Value] = {}
    is_open = False
    for a in node.args:
        if isinstance(a, ast.Starred):
            value = on.eval(a.value)
            if isinstance(value, Iter):
                pos.append(value.item)
                is_open = True
                continue
            more = on.items(value)
            if more is None:
                # All of them for layers in a row; else those before any number of them.
                known = value.slots["items"] if isinstance(value, List) else None
                raw: tuple[Value, ...] = known or (Many(Unknown()),)
                several = [i for i, x in enumerate(raw) if isinstance(x, Many)]
                in_a_row = isinstance(f, Ref) and f.name.endswith("Sequential")
                pos.extend(raw if in_a_row else raw[: several[0]])
                is_open = True
            else:
                pos.extend(more)
        else:
            pos.append(on.eval(a))
    for k in node.keywords:
        value = on.eval(k.value)
        if k.arg is not None:
            kw[k.arg] = value
        elif isinstance(value, Dict):
            kw.update({n: v for n, v in value.slots.items() if isinstance(n, str)})
            is_open |= value.open
        else:
            is_open = True
    return on.call(f, Args(pos, kw, node, is_open))


EXPRESSIONS: dict[type, Callable[[Machine, Any], Value]] = {
    **OPERATORS,
    **COMPREHENSIONS,
    ast.Constant: constant_of,
    ast.Name: name_of,
    ast.Attribute: attribute_of,
    ast.Subscript: subscript,
    ast.Slice: indexing.sliced,
    ast.Tuple: tuple_of,
    ast.List: list_of,
    ast.Set: list_of,
    ast.Dict: dict_of,
    ast.Lambda: lambda_expression,
    ast.NamedExpr: named,
    ast.Await: awaited,
    ast.Yield: yielded,
    ast.YieldFrom: yielded_from,
    ast.JoinedStr: text_expression,
    ast.Call: call_expression,
}
