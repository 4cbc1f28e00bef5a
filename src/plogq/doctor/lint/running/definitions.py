"""Functions, classes and imports: what a definition makes of a name."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ..machine import Machine
from ..slots import Scope
from ..values import (
    Args,
    Function,
    Instance,
    Method,
    Ref,
    UserClass,
    Value,
)


def def_statement(on: Machine, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    on.write(on.scope, node.name, on.function(node, on.scope))


def function(
    on: Machine,
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    scope: Scope,
    owner: UserClass | None = None,
) -> Value:
    """A function as a value; one decorator that changes what it is may wrap it."""
    defaults = tuple(on.eval(d) for d in node.args.defaults)
    kw = tuple(None if d is None else on.eval(d) for d in node.args.kw_defaults)
    names: set[str] = set()
    wrappers: list[ast.expr] = []
    for decorator in getattr(node, "decorator_list", ()):
        names.add(last_name(decorator))
        wrappers.append(decorator)
    made = Function(node, scope, on.module, defaults, kw, frozenset(names), owner, _yields(node))
    if on.module is on.home:
        on.functions[node] = made
    out: Value = made
    for decorator in reversed(wrappers):
        if last_name(decorator) in ("vmap", "pmap", "grad", "value_and_grad", "custom_vjp"):
            out = on.call(on.eval(decorator), Args([out], {}, decorator))
        elif owner is None:
            decorated(on, decorator, made)
    return out


def decorated(on: Machine, decorator: ast.expr, made: Value) -> None:
    """A decorator of the program's own is called for what it enters somewhere, a registry say."""
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    root = name.value if isinstance(name, ast.Attribute) else name
    if not isinstance(root, ast.Name) or on.scope.find(root.id) is None:
        return
    if isinstance(on.eval(root), Function | Instance | UserClass):
        f = on.eval(decorator)
        if isinstance(f, Function | Method):
            on.call(f, Args([made], {}, decorator))


def class_statement(on: Machine, node: ast.ClassDef) -> None:
    bases = tuple(on.eval(base) for base in node.bases)
    cls = UserClass(node, bases, on.module)
    outer = on.scope
    inner = Scope(outer)
    on.scope = inner
    try:
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                cls.slots[statement.name] = on.function(statement, outer, cls)
                inner.slots[statement.name] = cls.slots[statement.name]
            else:
                on.block([statement])
    finally:
        on.scope = outer
    for name, value in inner.slots.items():
        cls.slots.setdefault(name, value)
    on.write(on.scope, node.name, cls)
    for decorator in node.decorator_list:
        decorated(on, decorator, cls)


def import_statement(on: Machine, node: ast.Import) -> None:
    for alias in node.names:
        if alias.asname:
            value = on.project.module(alias.name, on.module) or Ref(alias.name)
            on.write(on.scope, alias.asname, value)
        else:
            top = alias.name.partition(".")[0]
            value = on.project.module(top, on.module) or Ref(top)
            on.write(on.scope, top, value)


def import_from(on: Machine, node: ast.ImportFrom) -> None:
    for alias in node.names:
        if alias.name == "*":
            on.project.star(node, on.module, on)
            continue
        value = on.project.member(node, alias.name, on.module)
        on.write(on.scope, alias.asname or alias.name, value)


def last_name(node: ast.expr) -> str:
    """The last name of what is called, or named: no_grad of torch.no_grad()."""
    if isinstance(node, ast.Call):
        last = last_name(node.func)
        if last == "partial" and node.args:
            return last_name(node.args[0])
        return last
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _yields(node: ast.AST) -> bool:
    """Whether a function is a generator: a yield in it, outside functions within."""
    found = getattr(node, "_plogq_yields", None)
    if found is None:
        found = False
        todo: list[ast.AST] = list(getattr(node, "body", ())) if not isinstance(
            node, ast.Lambda
        ) else []  # fmt: skip
        while todo:
            n = todo.pop()
            if isinstance(n, ast.Yield | ast.YieldFrom):
                found = True
                break
            if not isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                todo.extend(ast.iter_child_nodes(n))
        vars(node)["_plogq_yields"] = found
    return found


DEFINITIONS: dict[type, Callable[[Machine, Any], Any]] = {
    ast.FunctionDef: def_statement,
    ast.AsyncFunctionDef: def_statement,
    ast.ClassDef: class_statement,
    ast.Import: import_statement,
    ast.ImportFrom: import_from,
}
