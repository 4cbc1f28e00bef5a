"""What targets are made with, and the questions that are asked of arrays."""

from __future__ import annotations

from ...facts import Array, Length, Made, place_of
from ..machine import Desk
from ..values import (
    Args,
    Const,
    Tuple,
    Unknown,
    Value,
    length_of,
    of_length,
)  # fmt: skip
from .registry import array_of, axis_of, function_of, verb


@verb("one_hot to_categorical")
def one_hot(on: Desk, args: Args) -> Value:
    y = args.get(0, "input", "x", "indices", "y", "tensor")
    k = args.get(1, "num_classes", "depth")
    of = y if isinstance(y, Array) else None
    width: Length = length_of(k) if k is not None else None
    if width is None and k is None and of is not None and of.high is not None:
        width = int(of.high) + 1
    shape = None if of is None or of.shape is None else (*of.shape, width)
    name = function_of(args)
    if "to_categorical" in name and shape is not None and len(shape) >= 3 and shape[-2] == 1:
        shape = (*shape[:-2], width)
    torch = name.startswith(("F.", "torch.", "nn.")) or "functional" in name or name == "one_hot."
    kind = "int" if torch else "float"
    return Array(Made.ONE_HOT, on.module.text(args.node), on.place(args.node), -1, width,
                 shape=shape, kind=kind, low=0, high=1, batched=bool(of and of.batched),
                 source=of)  # fmt: skip


@verb("scatter_ scatter")
def scatter(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None or x.low != 0 or x.high != 0 or args.constant(3, "value", "src") != 1:
        return Unknown()
    axis = args.constant(1, "dim")
    at = place_of(axis, x.rank) if isinstance(axis, int) else None
    width = x.shape[at] if at is not None and x.shape is not None else None
    return Array(Made.ONE_HOT, on.module.text(args.node), on.place(args.node),
                 axis if isinstance(axis, int) else None, width, shape=x.shape, kind="float",
                 low=0, high=1, batched=x.batched)  # fmt: skip


@verb("bincount unique value_counts histc")
def counts(on: Desk, args: Args) -> Value:
    made = Array(Made.COUNTS, on.module.text(args.node), on.place(args.node), kind="int",
                 shape=(None,), rising=True)  # fmt: skip
    name = function_of(args).rstrip(".").rpartition(".")[2]
    if name == "unique":
        flag = args.constant(None, "return_counts", default=False)
        return Tuple((Unknown(), made)) if flag is True else Unknown()
    return made


@verb("multinomial categorical")
def sampled(on: Desk, args: Args) -> Value:
    return Array(Made.LABELS, on.module.text(args.node), on.place(args.node), kind="int")


@verb("repeat tile expand broadcast_to expand_as repeat_interleave roll flip")
def repeated(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is not None and x.by == "arange" and x.made is None and x.low is not None:
        x = x.but(made=Made.LABELS, by=on.module.text(args.node))  # each class a few times
    return Unknown() if x is None else x.but(shape=None, axis=x.axis if x.rank is None or
                                             (x.axis or 0) < 0 else None)  # fmt: skip


@verb("item")
def item(on: Desk, args: Args) -> Value:
    return Unknown()


@verb("size")
def size(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None or x.shape is None:
        return Unknown("size")

    axis = axis_of(args)
    if axis is None:
        return Tuple(tuple(of_length(n) for n in x.shape))
    at = place_of(axis, x.rank) if isinstance(axis, int) else None
    return Unknown() if at is None else of_length(x.shape[at])


@verb("dim ndimension rank ndim")
def rank(on: Desk, args: Args) -> Value:
    x = array_of(args)
    return Unknown() if x is None or x.rank is None else Const(x.rank)


@verb("apply_ map_ index_select masked_fill masked_fill_ masked_select pad chunk split unbind "
      "unstack isnan isfinite abs square pow sqrt var std norm cumsum all any "
      "backward")  # fmt: skip
def other(on: Desk, args: Args) -> Value:
    x = array_of(args)
    name = function_of(args).rstrip(".").rpartition(".")[2]
    if name in ("masked_fill", "masked_fill_") and x is not None:
        return x if x.made is Made.SCORES else x.but(made=None)
    return Unknown()
