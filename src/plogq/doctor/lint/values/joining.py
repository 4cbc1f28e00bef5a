"""What is known where one of several values may be there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...facts import OUTPUTS, Array, Made
from .kinds import Chain, Const, Dict, List, Loss, Many, Ref, Terms, Tuple, Unknown, Value, counted


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same for all that is known of them."""
    if a is b:
        return True
    if isinstance(a, Const) and isinstance(b, Const):
        return type(a.value) is type(b.value) and a.value == b.value
    if isinstance(a, Ref | Array | Terms) and type(a) is type(b):
        return a == b
    if isinstance(a, Many) and isinstance(b, Many):
        return same(a.each, b.each)
    if isinstance(a, Tuple) and isinstance(b, Tuple):
        return len(a.items) == len(b.items) and all(
            same(x, y) for x, y in zip(a.items, b.items, strict=True)
        )
    return False


def join(a: Any, b: Any) -> Any:
    """What is known where either of two values may be there."""
    if same(a, b):
        return a
    if isinstance(a, Array) and isinstance(b, Array):
        return join_arrays(a, b)
    if isinstance(a, Many) or isinstance(b, Many):
        return Many(joined(x.each if isinstance(x, Many) else x for x in (a, b)))
    if isinstance(a, Tuple) and isinstance(b, Tuple) and len(a.items) == len(b.items):
        return Tuple(tuple(join(x, y) for x, y in zip(a.items, b.items, strict=True)))
    if isinstance(a, Dict) and isinstance(b, Dict) and a.slots.keys() == b.slots.keys():
        return Dict({k: join(v, b.slots[k]) for k, v in a.slots.items()}, a.open or b.open)
    if isinstance(a, Loss) and isinstance(b, Loss) and a.contract == b.contract:
        return Loss(
            a.contract,
            {k: a.options[k] if k in a.options and k in b.options
             and same(a.options[k], b.options[k]) else Unknown(k)
             for k in {**a.options, **b.options}},
            a.node, a.module,
        )  # fmt: skip
    return Unknown()


def join_arrays(a: Array, b: Array) -> Array:
    """The facts that two arrays share."""
    shape = a.shape if a.shape == b.shape else None
    if shape is None and a.shape is not None and b.shape is not None and a.rank == b.rank:
        shape = tuple(x if x == y else None for x, y in zip(a.shape, b.shape, strict=True))
    for x, y in ((a, b), (b, a)):
        blank = y.made is None and y.kind == x.kind and y.low == y.high == x.low
        later = x.made in (Made.PADDED, Made.MULTI_HOT) or any(s.verb == "filled" for s in x.path)
        if later and (blank or (y.made is None and y.low == y.high == 0)):
            return x.but(shape=shape)  # rows that nothing was written to as yet
    if a.made is not b.made:
        ways = dict.fromkeys(w for x in (a, b) for w in (x.ways or (x,)) if w.made in OUTPUTS)
        return Array(shape=shape, kind=a.kind if a.kind == b.kind else None, ways=tuple(ways))
    lows = None if a.low is None or b.low is None else min(a.low, b.low)
    highs = None if a.high is None or b.high is None else max(a.high, b.high)
    return a.but(
        shape=shape,
        axis=a.axis if a.axis == b.axis else None,
        width=a.width if a.width == b.width else None,
        path=a.path if a.scaled or not b.scaled else b.path,
        kind=a.kind if a.kind == b.kind else None,
        low=lows,
        high=highs,
        batched=a.batched and b.batched,
        across=a.across if a.across == b.across else None,
        scrambled=a.scrambled if a.scrambled and b.scrambled else None,
        rising=a.rising if a.rising == b.rising else None,
        detached=a.detached or b.detached,
    )


def join_items(a: tuple[Value, ...], b: tuple[Value, ...]) -> tuple[Value, ...]:
    """The items of a list that has either these or those: what only one has may be there."""
    if len(a) == len(b):
        return tuple(join(x, y) for x, y in zip(a, b, strict=True))
    least, start, end = min(len(a), len(b)), 0, 0
    while start < least and same(a[start], b[start]):
        start += 1
    while end < least - start and same(a[-1 - end], b[-1 - end]):
        end += 1
    middle = [*a[start : len(a) - end], *b[start : len(b) - end]]
    before = list(a[:start])
    while before and isinstance(before[-1], Many):
        middle.append(before.pop())
    each = joined(x.each if isinstance(x, Many) else x for x in middle)
    return (*before, Many(each), *a[len(a) - end :])


def each_of(value: Value) -> Value | None:
    """What each item of a list is like whose number of items is not known."""
    items = value.slots["items"] if isinstance(value, List | Chain) else None
    if items is None or counted(items) is not None:
        return None
    return joined(x.each if isinstance(x, Many) else x for x in items)


def joined(values: Iterable[Value]) -> Value:
    """What is known where any of these may be there; of none, nothing."""
    out: Value | None = None
    for value in values:
        out = value if out is None else join(out, value)
    return Unknown() if out is None else out
