"""Functions of several arrays: joins, products, sums, comparisons."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ...facts import PROBABILITIES, Array, Made, Shape, place_of
from .. import arithmetic, moves
from ..machine import Desk
from ..values import (
    Args,
    Const,
    Iter,
    Tuple,
    Unknown,
    Value,
    each_of,
    join,
)  # fmt: skip
from .registry import VERBS, Verb, array_of, axis_of, function_of, verb


@verb("cat concat concatenate vstack row_stack hstack")
def cat(on: Desk, args: Args) -> Value:
    given = args.get(0, "tensors", "arrays", "values", "xs")
    each = each_of(given) if given is not None else None
    if isinstance(each, Array):
        given = Iter(each)
    if isinstance(given, Iter) and isinstance(given.item, Array):
        return given.item.but(shape=_open_first(given.item.shape))
    items = on.items(given) if given is not None else None
    if not items or not all(isinstance(i, Array) for i in items):
        return Unknown()
    out = items[0]
    for item in items[1:]:
        out = join(out, item)
    if not isinstance(out, Array):
        return Unknown()
    axis = axis_of(args, default=0)
    if len(items) == 1:
        return out.but(shape=_open_first(out.shape))
    if axis == 0 and "hstack" not in function_of(args):
        if out.made is None and (out.low, out.high) == (0, 1):
            out = moves.stepped(out, "cat", on.place(args.node))  # zeros, and ones below them
        return out.but(shape=_open_first(out.shape))
    arrays = [i for i in items if isinstance(i, Array)]
    shape = _side_by_side([i.shape for i in arrays], axis)
    batched = axis != 0 and any(i.batched for i in arrays)
    made = out.made if out.made is Made.LABELS else None
    return Array(kind=out.kind, made=made, shape=shape, batched=batched)


def _side_by_side(shapes: Sequence[Shape | None], axis: Any) -> Shape | None:
    """The shape of arrays joined along an axis."""
    first = shapes[0]
    if not isinstance(axis, int) or first is None:
        return None
    at = place_of(axis, len(first))
    if at is None or any(s is None or len(s) != len(first) for s in shapes):
        return None
    total: int | None = 0
    for shape in shapes:
        n = shape[at] if shape is not None else None
        total = total + n if isinstance(total, int) and isinstance(n, int) else None
    return (*first[:at], total, *first[at + 1 :])


def _open_first(shape: Shape | None) -> Shape | None:
    return None if not shape else (None, *shape[1:])


@verb("stack")
def stack(on: Desk, args: Args) -> Value:
    given = args.get(0, "tensors", "arrays", "values")
    axis = axis_of(args, default=0)
    each = each_of(given) if given is not None else None
    if isinstance(each, Array):
        given = Iter(each)
    items: Sequence[Any] | None = None
    if isinstance(given, Iter):
        items = (given.item,)
    elif given is not None:
        items = on.items(given)
    if not items or not all(isinstance(i, Array) for i in items):
        return Unknown()
    out = items[0]
    for item in items[1:]:
        out = join(out, item)
    if not isinstance(out, Array) or out.axis is None:
        return out if isinstance(out, Array) and axis == 0 and out.shape == () else Unknown()
    return moves.expand(out, axis if isinstance(axis, int) else None, on.place(args.node)).but(
        shape=None
    )


@verb("chunk tensor_split unbind")
def chunk(on: Desk, args: Args) -> Value:
    """Parts of an array: of scores still scores, of a distribution none where it was cut."""
    x = array_of(args)
    several = args.constant(1, "chunks", "sections", "indices_or_sections")
    axis = args.constant(2, "dim", "axis", default=0)
    name = function_of(args).rstrip(".").rpartition(".")[2]
    if x is None or name == "unbind" or not isinstance(several, int) or not isinstance(axis, int):
        return Unknown()
    at, here = place_of(axis, x.rank), place_of(x.axis, x.rank)
    apart = at is not None and here is not None and at != here
    made = x.made if apart or x.made is Made.SCORES else None
    shape = None
    if x.shape is not None and at is not None:
        n = x.shape[at]
        n = n // several if isinstance(n, int) and n % several == 0 else None
        shape = (*x.shape[:at], n, *x.shape[at + 1 :])
    out = moves.stepped(x, "slice", on.place(args.node)).but(made=made, shape=shape)
    out = out if apart else out.but(width=None, axis=x.axis if made is not None else None)
    return Tuple((out,) * several) if 0 < several <= 16 else Unknown()


@verb("gather take_along_axis take_along_dim gather_nd")
def gather(on: Desk, args: Args) -> Value:
    x = array_of(args, "params")
    if x is None:
        return Unknown()
    return moves.stepped(x, "slice", on.place(args.node)).but(
        axis=None, width=None, shape=None, across=None
    )


@verb("matmul mm bmm einsum")
def matmul(on: Desk, args: Args) -> Value:
    pos = args.pos
    if pos and isinstance(pos[0], Const) and isinstance(pos[0].value, str):
        pos = pos[1:]
    if len(pos) < 2:
        return Unknown()
    return arithmetic.product(on, pos[0], pos[1], args.node)


VERBS["dot"] = VERBS["tensordot"] = matmul


@verb("linear")
def linear(on: Desk, args: Args) -> Value:
    w = args.get(1, "weight")
    x = array_of(args)
    width = None
    if isinstance(w, Array) and w.shape is not None and len(w.shape) == 2:
        width = w.shape[0]
    shape = None if x is None or x.shape is None else (*x.shape[:-1], width)
    if isinstance(w, Array) and w.made in PROBABILITIES:
        return Array(shape=shape, kind="float")  # a mean, weighed
    return Array(Made.SCORES, on.module.text(args.node), on.place(args.node), -1, width,
                 shape=shape, kind="float", batched=bool(x and x.batched))  # fmt: skip


def _operator(op: ast.operator) -> Verb:
    def operate(on: Desk, args: Args) -> Value:
        a, b = args.get(0, "input", "x", "x1"), args.get(1, "other", "y", "x2")
        if a is None or b is None:
            return Unknown()
        return on.binary(op, a, b, args.node)

    return operate


for _names, _op in (
    ("add add_", ast.Add()), ("sub subtract sub_", ast.Sub()), ("mul multiply mul_", ast.Mult()),
    ("div divide true_divide div_ truediv", ast.Div()),
):  # fmt: skip
    for _name in _names.split():
        VERBS[_name] = _operator(_op)


@verb("neg negative")
def neg(on: Desk, args: Args) -> Value:
    return arithmetic.negated(on, args.get(0, "input", "x") or Unknown(), args.node)


def _compare(op: ast.cmpop) -> Verb:
    def compare(on: Desk, args: Args) -> Value:
        a, b = args.get(0, "input", "x"), args.get(1, "other", "y")
        if isinstance(a, Array) and b is not None:
            return arithmetic.compared(on, op, a, b, args.node)
        return Unknown()

    return compare


for _names, _cmp in (
    ("gt greater", ast.Gt()), ("ge greater_equal", ast.GtE()), ("lt less", ast.Lt()),
    ("le less_equal", ast.LtE()), ("eq equal", ast.Eq()),
):  # fmt: skip
    for _name in _names.split():
        VERBS[_name] = _compare(_cmp)
