"""Decisions: argmax, rounding, where; and clips."""

from __future__ import annotations

from ...facts import OUTPUTS, PROBABILITIES, Array, Cut, Made, Shape, place_of
from .. import moves
from ..machine import Desk
from ..values import (
    Args,
    Const,
    Unknown,
    Value,
    join,
)  # fmt: skip
from .registry import array_of, axis_of, function_of, verb


@verb("argmax argmin argsort")
def argmax(on: Desk, args: Args) -> Value:
    x = array_of(args)
    axis = axis_of(args)
    keep = args.constant(2, "keepdim", "keepdims", default=False)
    shape: Shape | None = None
    if x is not None and x.shape is not None and isinstance(axis, int):
        at = place_of(axis, x.rank)
        if at is not None:
            middle = (1,) if keep is True else ()
            shape = (*x.shape[:at], *middle, *x.shape[at + 1 :])
    high = x.classes if x is not None else None
    if x is not None and isinstance(axis, int) and x.shape is not None:
        at = place_of(axis, x.rank)
        n = x.shape[at] if at is not None else None
        high = n if isinstance(n, int) else None
    return Array(Made.ARGMAX, on.module.text(args.node), on.place(args.node), shape=shape,
                 kind="int", low=None if high is None else 0,
                 high=None if high is None else high - 1, batched=bool(x and x.batched),
                 source=x)  # fmt: skip


@verb("round round_ rint floor ceil trunc heaviside")
def rounded(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None or x.made not in OUTPUTS:
        return Array(shape=x.shape if x else None, kind="float")
    name = function_of(args)
    if x.made is Made.SCORES and ("round" in name or "rint" in name):
        on.cuts.append(Cut(on.place(args.node), x, 0.5, on.module.text(args.node)))
    return Array(Made.ROUND, on.module.text(args.node), on.place(args.node), x.axis, x.width,
                 shape=x.shape, kind="float", batched=x.batched, source=x)  # fmt: skip


@verb("sign sgn")
def sign(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    return Array(Made.LABELS, on.module.text(args.node), on.place(args.node), shape=x.shape,
                 kind="float", low=-1, high=1, batched=x.batched)  # fmt: skip


@verb("where")
def where(on: Desk, args: Args) -> Value:
    condition, a, b = args.get(0, "condition", "cond"), args.get(1, "x", "input"), args.get(
        2, "y", "other"
    )  # fmt: skip
    if a is None or b is None:
        return Unknown()
    of_one = [
        isinstance(v, Const) or (isinstance(v, Array) and v.low is not None and v.low == v.high)
        for v in (a, b)
    ]
    if isinstance(a, Array) and of_one[0] and (a.shape == () or all(of_one)):
        a = Const(a.low)
    if isinstance(b, Array) and of_one[1] and (b.shape == () or all(of_one)):
        b = Const(b.low)
    c = condition if isinstance(condition, Array) else None
    if isinstance(a, Const) and isinstance(b, Const):
        try:
            low, high = min(a.value, b.value), max(a.value, b.value)
        except TypeError:
            return Unknown()
        whole = all(isinstance(v.value, int) for v in (a, b))
        made = Made.THRESHOLD if c is not None and c.made is Made.THRESHOLD else Made.LABELS
        if c is not None and c.made is Made.MULTI_HOT:
            made = Made.MULTI_HOT
        return Array(made, on.module.text(args.node), on.place(args.node),
                     shape=c.shape if c else None, kind="int" if whole else "float", low=low,
                     high=high, batched=bool(c and c.batched),
                     source=c.source if c else None)  # fmt: skip
    out = join(a, b)
    return out if isinstance(out, Array) else Unknown()


@verb("clip clamp clamp_ clip_by_value clamp_min clamp_max maximum minimum nan_to_num")
def clip(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    low = args.constant(1, "min", "a_min", "clip_value_min", "x_min")
    high = args.constant(2, "max", "a_max", "clip_value_max", "x_max")
    one = isinstance(args.get(1), Array)
    if one:
        return Array(shape=x.shape, kind=x.kind)
    if x.made in PROBABILITIES | {Made.SOFTMAX, Made.LOG_SOFTMAX}:
        return x  # a guard for the logarithm's sake
    if x.made in (Made.SCORES, Made.RELU, Made.TANH, None):
        if x.made is Made.RELU and low is None:
            low = 0
        inside = isinstance(low, int | float) and isinstance(high, int | float)
        if x.made is not None and not inside:
            return moves.stepped(x, "scale", on.place(args.node))
        if inside and (low < 0 or high > 1):
            return moves.stepped(x, "scale", on.place(args.node))
        return Array(shape=x.shape, kind=x.kind, batched=x.batched)
    if x.low is not None and x.high is not None:
        lo = low if isinstance(low, int | float) else x.low
        hi = high if isinstance(high, int | float) else x.high
        return x.but(low=max(x.low, lo), high=min(x.high, hi))
    return moves.stepped(x, "clip", on.place(args.node))
