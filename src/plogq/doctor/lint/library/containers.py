"""Methods of Python's dictionaries, lists and strings."""

from __future__ import annotations

from typing import Any

from ..machine import Machine
from ..values import (
    NONE,
    Args,
    Const,
    Dict,
    Iter,
    List,
    Native,
    Tuple,
    Unknown,
    Value,
)
from .passing import SAME


def of_dict(on: Machine, of: Dict, name: str) -> Value:
    """A method of a dictionary."""
    if name == "items":
        rows = tuple(Tuple((Const(k), v)) for k, v in of.slots.items())
        return Native(lambda on, args: Iter(Unknown()) if of.open else List(rows), name)
    if name == "values":
        return Native(
            lambda on, args: Unknown() if of.open else List(tuple(of.slots.values())), name
        )
    if name == "keys":
        return Native(lambda on, args: Unknown() if of.open else List(
            tuple(Const(k) for k in of.slots)), name)  # fmt: skip
    if name in ("get", "pop", "setdefault"):

        def get(on: Machine, args: Args) -> Value:
            key = args.get(0)
            if isinstance(key, Const):
                found = of.slots.get(key.value)
                if found is not None:
                    return found
                return Unknown(str(key.value)) if of.open else args.get(1) or NONE
            return on.item(of, key or Unknown(), args.node)

        return Native(get, name)
    if name == "update":

        def update(on: Machine, args: Args) -> Value:
            other = args.get(0)
            if isinstance(other, Dict):
                for k, v in other.slots.items():
                    on.write(of, k, v)
                of.open |= other.open
            elif other is not None:
                of.open = True
            for k, v in args.kw.items():
                on.write(of, k, v)
            return NONE

        return Native(update, name)
    if name == "copy":
        return Native(lambda on, args: Dict(of.slots, of.open), name)
    return of.slots.get(name) or Unknown(name)


def of_list(on: Machine, of: List, name: str) -> Value:
    """A method of a list, whose changes can be taken back."""

    def changed(items: Any) -> Value:
        on.write(of, "items", items)
        return NONE

    def append(on: Machine, args: Args) -> Value:
        item = args.get(0) or Unknown()
        items = of.slots["items"]
        return changed(None if items is None or len(items) > 256 else (*items, item))

    def extend(on: Machine, args: Args) -> Value:
        other = args.get(0)
        if isinstance(other, Iter):
            more: Any = (other.item,)
        else:
            more = on.items(other) if other is not None else None
        if isinstance(other, List):
            more = other.slots["items"]
        items = of.slots["items"]
        return changed(None if items is None or more is None else (*items, *more))

    def insert(on: Machine, args: Args) -> Value:
        at = args.constant(0)
        if of.items is None or not isinstance(at, int):
            return changed(None)
        items = list(of.items)
        items.insert(at, args.get(1) or Unknown())
        return changed(tuple(items))

    def pop(on: Machine, args: Args) -> Value:
        at = args.constant(0, default=-1)
        if not of.items or not isinstance(at, int) or not -len(of.items) <= at < len(of.items):
            return Unknown()
        items = list(of.items)
        gone = items.pop(at)
        changed(tuple(items))
        return gone

    do = {"append": append, "add": append, "extend": extend, "insert": insert, "pop": pop}.get(name)
    if do is not None:
        return Native(do, name)
    return Native(lambda on, args: of, name) if name in SAME else Unknown(name)


def of_text(text: str, name: str) -> Value:
    """A method of a string."""
    if name in ("lower", "upper", "strip", "title", "capitalize"):
        return Native(lambda on, args: Const(getattr(text, name)()), name)
    if name in ("startswith", "endswith"):

        def tested(on: Machine, args: Args) -> Value:
            given = args.constant(0)
            return Const(getattr(text, name)(given)) if isinstance(given, str) else Unknown()

        return Native(tested, name)
    return Unknown(name)
