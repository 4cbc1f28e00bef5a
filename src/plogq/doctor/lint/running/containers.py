"""What lists, dictionaries, records and data sets hold: an item, all items, one of many."""

from __future__ import annotations

import ast

from ...facts import Array, Made
from .. import moves
from ..machine import Machine
from ..values import (
    Args,
    Chain,
    Const,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Loss,
    Model,
    Native,
    Record,
    Tuple,
    Unknown,
    UserClass,
    Value,
    joined,
    several,
    slice_of,
)

_DATA_NAMES = ("load", "data", "batch", "train", "valid", "test", "_ds", "_dl", "dl", "ds")


def truth(value: Value) -> bool | None:
    """Whether a condition holds, where that is known."""
    if isinstance(value, Const):
        return bool(value.value)
    if isinstance(value, Tuple | List):
        return None if value.items is None else bool(value.items)
    if isinstance(value, Function | UserClass | Instance | Loss | Native | Chain | Model):
        return True
    return None


def items(on: Machine, value: Value) -> tuple[Value, ...] | None:
    """The items of something that can be iterated, where they are known."""
    if isinstance(value, Tuple | List):
        return value.items
    if isinstance(value, Chain):
        return value.slots["items"]
    if isinstance(value, Dict):
        return None if value.open else tuple(Const(k) for k in value.slots)
    if isinstance(value, Const) and isinstance(value.value, range):
        r = value.value
        return tuple(Const(i) for i in r) if len(r) <= 256 else None
    if isinstance(value, Const):
        known = several(value.value)
        return None if known is None else tuple(Const(i) for i in known)
    if isinstance(value, Record):
        known = value.slots.get("items")
        return known.items if isinstance(known, Tuple | List) else None
    if isinstance(value, Instance) and isinstance(value.slots.get("__chain__"), Chain):
        return value.slots["__chain__"].slots["items"]
    return None


def element(on: Machine, over: Value, node: ast.expr) -> Value:
    """What one turn over something gives."""
    if isinstance(over, Iter):
        return over.item
    if isinstance(over, Const) and isinstance(over.value, range):
        return Unknown("i")
    items = on.items(over)
    if items:
        return joined(items)
    if isinstance(over, Array):
        if over.made is Made.DATA and over.shape is None:
            return over
        return moves.pick(over, 0, on.place(node))
    if isinstance(over, Instance):
        for name in ("__iter__", "__getitem__"):
            get = over.cls.find(name)
            if isinstance(get, Function):
                given = on.call_function(get, Args([Unknown()], {}, node), over)
                return given.item if isinstance(given, Iter) else given
    if isinstance(over, Unknown):
        text = on.module.text(node).lower()
        if any(word in text for word in _DATA_NAMES) and "param" not in text:
            return Array(made=Made.DATA, by=on.module.text(node), place=on.place(node),
                         batched=True)  # fmt: skip
    return Unknown()


def item(on: Machine, of: Value, key: Value, node: ast.expr) -> Value:
    """of[key] of what is no array."""
    if isinstance(of, Tuple | List | Chain):
        items = of.slots["items"] if isinstance(of, Chain) else of.items
        if items is None:
            return Unknown()
        if isinstance(key, Const) and isinstance(key.value, int):
            at = key.value
            return items[at] if -len(items) <= at < len(items) else Unknown()
        cut = slice_of(key)
        if cut is not None:
            part = items[cut]
            if isinstance(of, Tuple):
                return Tuple(part)
            return Chain(part, of.keras) if isinstance(of, Chain) else List(part)
        return joined(items)
    if isinstance(of, Dict):
        if isinstance(key, Const):
            found = of.slots.get(key.value)
            return Unknown(str(key.value)) if found is None else found
        return Unknown() if of.open or not of.slots else joined(list(of.slots.values()))
    if isinstance(of, Record) and isinstance(key, Const):
        found = of.slots.get(key.value)
        if isinstance(key.value, int) and "items" in of.slots:
            return on.item(of.slots["items"], key, node)
        return Unknown() if found is None else found
    if isinstance(of, Iter):
        return of.item
    if isinstance(of, Instance):
        get = of.cls.find("__getitem__")
        if isinstance(get, Function):
            return on.call_function(get, Args([key], {}, node), of)
    return Unknown()


def set_item(on: Machine, of: Value, key: Value, value: Value) -> None:
    """of[key] = value."""
    if isinstance(of, Dict):
        if isinstance(key, Const):
            on.write(of, key.value, value)
        else:
            of.open = True
    elif isinstance(of, List | Chain) and of.slots["items"] is not None:
        items = list(of.slots["items"])
        if isinstance(key, Const) and isinstance(key.value, int):
            if -len(items) <= key.value < len(items):
                items[key.value] = value
                on.write(of, "items", tuple(items))
        else:
            on.write(of, "items", None)
    elif isinstance(of, Array) and of.low is not None:
        _overwritten(on, of)


def _overwritten(on: Machine, of: Array) -> None:
    """A part of an array has other numbers now, and so has whatever is a view of it."""
    for scope in (on.scope, on.module.scope):
        for name, known in list(scope.slots.items()):
            if isinstance(known, Array) and (known.made, known.place) == (of.made, of.place):
                on.write(scope, name, known.but(low=None, high=None))
