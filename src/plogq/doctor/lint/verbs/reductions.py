"""Sums, means and extremes over an axis or over all."""

from __future__ import annotations

from typing import Any

from ...facts import Array, Made, Place, Shape, place_of
from .. import arithmetic, unlogged
from ..machine import Desk
from ..values import (
    Args,
    Const,
    Record,
    Terms,
    Tuple,
    Unknown,
    Value,
)  # fmt: skip
from .registry import VERBS, Verb, array_of, axis_of, function_of, verb


def _reduce(mean: bool) -> Verb:
    def reduce(on: Desk, args: Args) -> Value:
        x = args.get(0, "input", "x", "a", "input_tensor")
        axis = axis_of(args)
        if isinstance(x, Terms):
            return arithmetic.reduced(on, x, mean, axis, args.node)
        if not isinstance(x, Array):
            return Unknown()
        if x.made in arithmetic.LOGS and x.axis is None:
            return Terms(x, None, reduced=True, picked=True)
        unlogged.reduced(on, x, args.node)
        by = on.module.text(args.node)
        return collapsed(x, axis, args, mean, by, on.place(args.node))

    return reduce


def collapsed(
    x: Array, axis: Any, args: Args, mean: bool, by: str = "", place: Place | None = None
) -> Array:
    """The sum or the mean of an array."""
    bits = x.low == 0 and x.high == 1 and x.made in (Made.LABELS, Made.MULTI_HOT, Made.ONE_HOT)
    if bits and axis in (None, 0):
        # How many events are a yes, or of each class.
        shape = () if axis is None else x.shape[1:] if x.shape is not None else None
        rising = sum(step.verb == "complement" for step in x.path) % 2 == 0
        return Array(Made.COUNTS, by, place, shape=shape, kind="float", rising=rising, source=x)
    if axis is None:
        return Array(by="sum" if not mean else "mean", source=x, shape=(), kind="float")
    if not isinstance(axis, int):
        return Array(by="sum" if not mean else "mean", source=x, kind="float")
    keep = args.constant(2, "keepdim", "keepdims", default=False)
    at, here = place_of(axis, x.rank), place_of(x.axis, x.rank)
    shape: Shape | None = None
    if x.shape is not None and at is not None:
        shape = (*x.shape[:at], *((1,) if keep is True else ()), *x.shape[at + 1 :])
    known = here is not None and at is not None
    apart = here != at if known else x.rank is None and (x.axis or 0) < 0 < axis
    if x.made is Made.SCORES and x.axis is not None and keep is not True and apart:
        moved = here - (at < here) if here is not None and at is not None else x.axis
        return x.but(shape=shape, axis=moved, batched=x.batched and axis != 0)
    if mean and x.made in (Made.SOFTMAX, Made.PROBABILITIES) and apart and keep is not True:
        # A mean of distributions, of several models say, is one.
        moved = here - (at < here) if here is not None and at is not None else x.axis
        return x.but(made=Made.PROBABILITIES, shape=shape, axis=moved,
                     batched=x.batched and axis != 0)  # fmt: skip
    return Array(by="mean" if mean else "sum", source=x, shape=shape, kind="float", axis=axis,
                 batched=x.batched and axis != 0)  # fmt: skip


VERBS["sum"] = VERBS["reduce_sum"] = _reduce(False)
VERBS["mean"] = VERBS["reduce_mean"] = VERBS["nanmean"] = _reduce(True)


@verb("max min amax amin reduce_max reduce_min topk sort")
def extreme(on: Desk, args: Args) -> Value:
    x = array_of(args)
    axis = axis_of(args)
    name = function_of(args)
    if isinstance(args.get(1), Array):
        return Unknown()
    last = name.rstrip(".").rpartition(".")[2]
    if last in ("topk", "sort"):
        axis = axis if isinstance(axis, int) else -1
    if axis is None:
        return Array(by="max", source=x, shape=(), kind="float")
    # "keepdims" is NumPy's word; PyTorch's max over an axis gives places too.
    pair = (
        last in ("max", "min", "topk", "sort")
        and "keepdims" not in args.kw
        and (not name.startswith(("np.", "jnp.", "numpy.", "tf.")))
    )
    top = Array(by="max", source=x, kind="float", axis=axis if isinstance(axis, int) else None)
    if not pair:
        return top

    index = VERBS["argmax"](on, Args([x or Unknown()], {"dim": Const(axis)}, args.node))
    if last in ("topk", "sort") and isinstance(index, Array):
        index = index.but(shape=None)
    return Record("pair", items=Tuple((top, index)), values=top, indices=index)
