"""Comprehensions: each turn where there are few, one turn that stands for all where not."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ..machine import Machine
from ..slots import Scope
from ..values import (
    Const,
    Dict,
    Iter,
    List,
    Value,
    several,
)


def comprehension(on: Machine, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Value:
    found = _turns(on, node.generators, lambda: on.eval(node.elt))
    items = several(found)
    return Iter(found) if items is None else List(tuple(items))


def dict_comprehension(on: Machine, node: ast.DictComp) -> Value:
    made = Dict({})

    def one() -> Value:
        k, v = on.eval(node.key), on.eval(node.value)
        if isinstance(k, Const):
            made.slots[k.value] = v
        else:
            made.open = True
        return v

    if not isinstance(_turns(on, node.generators, one), list):
        made.open = True
    return made


def _turns(on: Machine, generators: list[ast.comprehension], one: Callable[[], Value]) -> Any:
    """The values of all turns as a list, or one value that stands for each."""
    outer = on.scope
    on.scope = Scope(outer)
    try:
        if len(generators) == 1 and not generators[0].ifs:
            g = generators[0]
            over = on.eval(g.iter)
            items = on.items(over)
            if items is not None and len(items) <= 32 and not isinstance(over, Iter):
                out: list[Value] = []
                for item in items:
                    on.assign(g.target, item)
                    out.append(one())
                return out
            on.assign(g.target, on.element(over, g.iter))
            return one()
        for g in generators:
            on.assign(g.target, on.element(on.eval(g.iter), g.iter))
        return one()
    finally:
        on.scope = outer


COMPREHENSIONS: dict[type, Callable[[Machine, Any], Value]] = {
    ast.ListComp: comprehension,
    ast.GeneratorExp: comprehension,
    ast.SetComp: comprehension,
    ast.DictComp: dict_comprehension,
}
