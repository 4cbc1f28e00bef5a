"""Arrays of numbers that stand in the code, or made of other arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....facts import Array, Made
from ... import moves
from ...machine import Desk
from ...values import (
    Args,
    Iter,
    List,
    Tuple,
    Unknown,
    Value,
    plain,
    several,
)
from ...verbs import cast, kind_of
from .registry import last_name, made_here, maker


@maker("tensor array asarray as_tensor from_numpy convert_to_tensor constant Tensor FloatTensor "
       "LongTensor Variable Parameter stack_data ascontiguousarray asanyarray asfarray "
       "array_split_")  # fmt: skip
def of_numbers(on: Desk, args: Args) -> Value:
    """An array of numbers in the code, or of another array."""

    given = args.get(0, "data", "object", "value", "initial_value")
    kind = kind_of(args.get(1, "dtype")) or kind_of(args.get(None, "dtype"))
    name = last_name(args)
    if name == "LongTensor":
        kind = "int"
    if name in ("FloatTensor", "Tensor"):
        kind = "float"
    if isinstance(given, Array):
        out = given
        if name in ("Variable", "Parameter") and given.made in (Made.NORMAL, Made.UNIFORM, None):
            out = given.but(made=Made.PARAMETER)
        return out if kind is None else cast(on, out, kind, args)
    if isinstance(given, Iter) and isinstance(given.item, Array):
        return moves.expand(given.item, 0, on.place(args.node)).but(shape=None)
    if isinstance(given, List | Tuple) and given.items:
        arrays = [i for i in given.items if isinstance(i, Array)]
        if len(arrays) == len(given.items) and all(a.shape == () for a in arrays):
            alone = arrays[0] if len(arrays) == 1 else None
            if alone is not None and alone.rising is not None:
                return alone.but(shape=(1,))
            return Array(shape=(len(arrays),), kind="float")
    known = plain(given) if given is not None else None
    if known is None:
        return Array(kind=kind) if kind else Unknown()
    return _numbers(on, args, known, kind)


def _numbers(on: Desk, args: Args, known: Any, kind: str | None) -> Value:
    shape: list[int] = []
    level = several(known)
    while level is not None:
        shape.append(len(level))
        level = several(level[0]) if level else None
    flat = list(_flat(known))
    if not all(isinstance(x, int | float) for x in flat) or len(flat) > 4096 or not flat:
        return Array(kind=kind)
    whole = all(isinstance(x, int) and not isinstance(x, bool) for x in flat)
    kind = kind or (
        "bool" if all(isinstance(x, bool) for x in flat) else "int" if whole else "float"
    )
    low, high = min(flat), max(flat)
    made = Made.NUMBERS
    axis = None
    if len(shape) == 2 and set(flat) <= {0, 1} and shape[1] > 1:
        rows = [sum(several(r) or ()) for r in several(known) or ()]
        made = Made.ONE_HOT if all(r == 1 for r in rows) else Made.MULTI_HOT
        axis = -1
    elif whole and len(shape) == 1 and kind == "int":
        made = Made.LABELS if len(shape) == 1 else Made.NUMBERS
    return made_here(on, args, made, tuple(shape), kind, low=low, high=high, axis=axis,
                 width=shape[1] if axis is not None else None)  # fmt: skip


def _flat(value: Any) -> Iterator[Any]:
    items = several(value)
    if items is None:
        yield value
    for part in items or ():
        yield from _flat(part)
