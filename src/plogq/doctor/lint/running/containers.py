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
    Default,
    Dict,
    Function,
    Instance,
    Iter,
    List,
    Loss,
    Many,
    Model,
    Native,
    Record,
    Tuple,
    Unknown,
    UserClass,
    Value,
    counted,
    each_of,
    joined,
    several,
    slice_of,
)
from .marks import filled_with, marked

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
        return counted(value.slots["items"])
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
        return counted(value.slots["__chain__"].slots["items"])
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
    each = each_of(over)
    if each is not None:
        return each
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
        items = of.items if isinstance(of, Tuple) else of.slots["items"]
        if items is None:
            return Unknown()
        if counted(items) is None:
            return _item_of_many(of, items, key)
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
    if isinstance(key, Default):
        key = Const(key.value)  # one of several: the one that is meant at first
    if isinstance(of, Dict):
        if isinstance(key, Const):
            found = of.slots.get(key.value)
            return Unknown(str(key.value)) if found is None else found
        if of.open or not of.slots or isinstance(key, List):  # a list: some columns of a table
            return Unknown()
        return joined(list(of.slots.values()))
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


def _item_of_many(of: Value, items: tuple[Value, ...], key: Value) -> Value:
    """An item, or a part, of a list whose length is not known."""
    each = joined(x.each if isinstance(x, Many) else x for x in items)
    cut = slice_of(key)
    if cut is not None:
        part = (Many(each),)
        if cut == slice(None, -1) and not isinstance(items[-1], Many):
            part = items[:-1]
        return Chain(part, of.keras) if isinstance(of, Chain) else List(part)
    if not isinstance(key, Const) or not isinstance(key.value, int):
        return each
    order = items[::-1] if key.value < 0 else items
    at = -1 - key.value if key.value < 0 else key.value
    sure = order[: at + 1]
    return sure[-1] if len(sure) == at + 1 and counted(sure) is not None else each


def set_item(on: Machine, of: Value, key: Value, value: Value, code: ast.expr) -> None:
    """of[key] = value; `code` is how the key is written."""
    if isinstance(of, Dict):
        if isinstance(key, Const):
            on.write(of, key.value, value)
        else:
            of.open = True
    elif isinstance(of, List | Chain) and counted(of.slots["items"]) is not None:
        items = list(of.slots["items"])
        if isinstance(key, Const) and isinstance(key.value, int):
            if -len(items) <= key.value < len(items):
                items[key.value] = value
                on.write(of, "items", tuple(items))
        else:
            on.write(of, "items", None)
    elif isinstance(of, Array):
        parts = code.elts if isinstance(code, ast.Tuple) else [code]
        filled = filled_with(of, parts, key, value, on.place(code))
        if filled is not None:
            _overwritten(on, of, filled)
        elif of.low is not None and of.high is not None:
            _overwritten(on, of, _with_part(on, of, of.low, of.high, parts, value))


def _with_part(
    on: Machine, of: Array, low: float, high: float, parts: list[ast.expr], value: Value
) -> Array:
    """What an array is with a part of it overwritten."""
    tags = marked(on, of, parts, value)
    if tags is not None:
        return tags
    by_place = any(isinstance(part, ast.Slice) for part in parts)
    number = value.value if isinstance(value, Const) else None
    beside = isinstance(number, int) and (number > high or number < min(low, 0))
    if beside and by_place and of.made is Made.LABELS:
        # Such a number marks what is none of the labels.
        out = moves.stepped(of, "marked", of.place)
        return out.but(low=min(low, number or 0), high=max(high, number or 0))
    if number in (low, high) and any(step.verb == "marked" for step in of.path):
        return of
    last = parts[-1]
    rows = of.rank == 2 and len(parts) == 2 and isinstance(last, ast.Slice) and last.lower is None
    if rows and low == high and of.kind == "int" and isinstance(last, ast.Slice):
        open_end = last.upper is not None and not isinstance(on.eval(last.upper), Const)
        labels = isinstance(value, Unknown) or (isinstance(value, Array) and value.kind == "int")
        if open_end and labels:
            return of.but(made=Made.PADDED, batched=True)
    if of.made is Made.PADDED:
        return of if by_place else of.but(made=None, low=None, high=None)
    return of.but(low=None, high=None)


def _overwritten(on: Machine, of: Array, now: Array) -> None:
    """A part of an array has other numbers now, and so has whatever is a view of it."""
    objects = [x for x in on.scope.slots.values() if isinstance(x, Instance)]
    for holder in (on.scope, on.module.scope, *objects):
        for name, known in list(holder.slots.items()):
            if isinstance(known, Array) and (known.made, known.place) == (of.made, of.place):
                if known == of:
                    on.write(holder, name, now)
                else:
                    on.write(holder, name, known.but(low=None, high=None))
