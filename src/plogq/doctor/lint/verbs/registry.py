"""The table of verbs, and how their arguments are read."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ...facts import PROBABILITIES, Array, Made
from .. import moves
from ..machine import Desk
from ..values import (
    Args,
    Const,
    Native,
    Value,
)  # fmt: skip

Verb = Callable[[Desk, Args], Value]
VERBS: dict[str, Verb] = {}


def verb(names: str) -> Callable[[Verb], Verb]:
    """Enter a function under its names."""

    def entered(f: Verb) -> Verb:
        for name in names.split():
            VERBS[name] = f
        return f

    return entered


def array_of(args: Args, *names: str) -> Array | None:
    """The array that a verb is about."""
    x = args.get(0, *names, "input", "x", "logits", "a", "tensor", "array", "inputs", "self",
                 "labels", "indices", "object", "value", "data")  # fmt: skip
    return x if isinstance(x, Array) else None


def axis_of(args: Args, at: int | None = 1, default: Any = None) -> Any:
    """The axis that was given: a number, None, or `...` where it is not known."""
    return args.constant(at, "dim", "axis", "dims", default=default)


def function_of(args: Args) -> str:
    node = args.node.func if isinstance(args.node, ast.Call) else None
    name = ""
    while isinstance(node, ast.Attribute):
        name = f"{node.attr}.{name}"
        node = node.value
    return f"{node.id}.{name}" if isinstance(node, ast.Name) else name


def kind_of(value: Value | None) -> str | None:
    """The kind of number that a dtype names."""
    text = ""
    if isinstance(value, Const) and isinstance(value.value, str):
        text = value.value
    else:
        name = getattr(value, "name", "")
        text = name if isinstance(name, str) else ""
    text = text.rpartition(".")[2].lower()
    if text in ("float", "double", "half", "bfloat16") or text.startswith("float"):
        return "float"
    if text in ("long", "int", "short", "int_", "byte") or text.startswith(("int", "uint")):
        return "int"
    return "bool" if text in ("bool", "bool_") else None


def cast(on: Desk, x: Array, kind: str, args: Args) -> Array:
    out = moves.stepped(x, "cast", on.place(args.node)).but(kind=kind)
    if kind in ("int", "bool") and x.made in PROBABILITIES:
        return Array(Made.ROUND, on.module.text(args.node), on.place(args.node), x.axis, x.width,
                     shape=x.shape, kind=kind, batched=x.batched, source=x)  # fmt: skip
    return out


def method(x: Value, name: str) -> Value | None:
    """A method of an array, as something to call."""
    do = VERBS.get(name)
    if do is None:
        return None
    return Native(lambda on, args: do(on, Args([x, *args.pos], args.kw, args.node, args.open)),
                  name)  # fmt: skip
