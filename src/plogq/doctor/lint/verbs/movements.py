"""Movements: what changes the shape, the order or the type of the numbers."""

from __future__ import annotations

from ...facts import Array, Made, place_of
from .. import moves
from ..machine import Desk
from ..values import (
    Args,
    Const,
    List,
    Terms,
    Tuple,
    Unknown,
    Value,
    length_of,
    lengths_of,
)  # fmt: skip
from .registry import VERBS, Verb, array_of, axis_of, cast, function_of, kind_of, verb


@verb("reshape view reshape_ resize")
def reshape(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if "image" in function_of(args):  # tf.image.resize, jax.image.resize
        return resized(on, args)
    if x is None:
        return _shaped_unknown(args)
    rest = list(args.pos[1:])
    given = args.get(None, "shape", "newshape", "target_shape")
    if not rest and given is None:
        return moves.stepped(x, "reshape", on.place(args.node)).but(shape=None, axis=None)
    first = rest[0] if rest else given
    if len(rest) == 1 and isinstance(first, Const) and isinstance(first.value, str):
        return x
    if len(rest) <= 1 and not isinstance(first, Const | Unknown):
        dims = lengths_of(first)
    elif given is not None:
        dims = lengths_of(given)
    else:
        dims = tuple(length_of(v) for v in rest)
        if len(rest) == 1 and isinstance(first, Unknown):
            dims = None
    if dims is None or (args.open and not rest):
        return moves.stepped(x, "reshape", on.place(args.node)).but(
            shape=None, axis=None, batched=False
        )
    return moves.reshape(x, dims, on.place(args.node))


@verb("view_as reshape_as")
def as_another(on: Desk, args: Args) -> Value:
    x, other = array_of(args), args.get(1, "other")
    if x is None or not isinstance(other, Array):
        return Unknown()
    if other is x or (other.shape is not None and other.shape == x.shape):
        return x
    if other.shape is None:
        return moves.stepped(x, "reshape", on.place(args.node)).but(shape=None, axis=None)
    return moves.reshape(x, other.shape, on.place(args.node))


@verb("interpolate upsample")
def resized(on: Desk, args: Args) -> Value:
    """Images of another size: weighted means of neighbours, class by class."""
    x = array_of(args, "images", "image")
    if x is None:
        return Unknown()
    at = place_of(x.axis, x.rank)
    if x.made is Made.LOG_SOFTMAX or at is None or x.shape is None:
        return Array(kind=x.kind, batched=x.batched)
    shape = tuple(n if i in (0, at) else None for i, n in enumerate(x.shape))
    return moves.stepped(x, "resize", on.place(args.node)).but(shape=shape)


def _shaped_unknown(args: Args) -> Value:
    """A reshape of what is not known still shows its shape."""
    dims = tuple(length_of(v) for v in args.pos[1:])
    if len(dims) == 1 and not isinstance(args.pos[1], Const):
        found = lengths_of(args.pos[1])
        dims = found if found is not None else ()
    if len(dims) < 1:
        return Unknown()
    return Array(shape=tuple(None if n == -1 else n for n in dims))


@verb("flatten ravel")
def flatten(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    start = args.constant(1, "start_dim", default=0)
    end = args.constant(2, "end_dim", default=-1)
    if not isinstance(start, int) or not isinstance(end, int):
        return moves.stepped(x, "reshape", on.place(args.node)).but(shape=None, axis=None)
    if start == 0 and end == -1:
        return moves.reshape(x, (-1,), on.place(args.node)).but(batched=x.batched)
    return moves.flatten(x, start, end, on.place(args.node))


@verb("permute transpose transpose_ swapaxes swapdims")
def transpose(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    place = on.place(args.node)
    rest = args.pos[1:]
    given = args.get(None, "perm", "axes", "dims")
    if not rest and given is not None:
        rest = [given]
    name = function_of(args).rstrip(".").rpartition(".")[2]
    if not rest and not args.kw:
        order = None if x.rank is None else list(range(x.rank))[::-1]
        if order is None:
            return moves.stepped(x, "transpose", place).but(axis=None, batched=False)
        return moves.permute(x, order, place)
    if len(rest) == 1 and isinstance(rest[0], Tuple | List):
        dims = lengths_of(rest[0])
        order2 = None if dims is None else [n if isinstance(n, int) else None for n in dims]
        return moves.permute(x, order2 or [None], place)
    dim0 = args.constant(1, "dim0", "axis1", "axis0", default=...)
    dim1 = args.constant(2, "dim1", "axis2", default=...)
    if name in ("transpose", "transpose_", "swapaxes", "swapdims") and len(rest) <= 2:
        a = dim0 if isinstance(dim0, int) else None
        b = dim1 if isinstance(dim1, int) else None
        return moves.swap(x, a, b, place)
    order3 = [v.value if isinstance(v, Const) and isinstance(v.value, int) else None for v in rest]
    return moves.permute(x, order3, place)


@verb("t T mT H mH matrix_transpose adjoint")
def turned(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    if x.rank is None:
        return moves.stepped(x, "transpose", on.place(args.node)).but(axis=None, batched=False)
    return moves.swap(x, -1, -2, on.place(args.node)) if x.rank >= 2 else x


@verb("movedim moveaxis")
def movedim(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    a, b = args.constant(1, "source", default=...), args.constant(2, "destination", default=...)
    if not isinstance(a, int) or not isinstance(b, int) or x.rank is None:
        axis = b if isinstance(b, int) and x.axis == a and isinstance(a, int) else None
        return moves.stepped(x, "transpose", on.place(args.node)).but(shape=None, axis=axis)
    order = list(range(x.rank))
    moved = order.pop(a % x.rank)
    order.insert(b % x.rank, moved)
    return moves.permute(x, order, on.place(args.node))


@verb("squeeze squeeze_")
def squeeze(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    axis = axis_of(args)
    if axis is ... or not isinstance(axis, int | None):
        return moves.stepped(x, "squeeze", on.place(args.node)).but(shape=None, axis=None)
    return moves.squeeze(x, axis, on.place(args.node))


@verb("unsqueeze unsqueeze_ expand_dims")
def unsqueeze(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    axis = axis_of(args)
    return moves.expand(x, axis if isinstance(axis, int) else None, on.place(args.node))


@verb("contiguous clone copy numpy cpu cuda to requires_grad_ to_dense identity "
      "block_until_ready copy_to_host device_put device_get asnumpy pin_memory share_memory_ "
      "print_tensor ensure_shape tolist to_numpy convert_to_numpy type_as")  # fmt: skip
def unchanged(on: Desk, args: Args) -> Value:
    x = args.get(0, "input", "x", "tensor", "inputs")
    if not isinstance(x, Array):
        return x if isinstance(x, Terms) else Unknown()
    name = function_of(args)
    if name.endswith(("to.", "to")) or len(args.pos) > 1 or args.kw:
        kind = kind_of(args.get(1, "dtype"))
        if kind is not None:
            return cast(on, x, kind, args)
    return x


@verb("detach detach_ stop_gradient")
def detach(on: Desk, args: Args) -> Value:
    x = array_of(args)
    return Unknown() if x is None else moves.stepped(x, "detach", on.place(args.node)).but(
        detached=True
    )  # fmt: skip


def _cast_verb(kind: str) -> Verb:
    def to_kind(on: Desk, args: Args) -> Value:
        x = array_of(args)
        return Array(kind=kind) if x is None else cast(on, x, kind, args)

    return to_kind


for _kind_name, _names in (
    ("float", "float double half bfloat16 to_float float32 float64"),
    ("int", "long int short int32 int64 int8 uint8"),
):
    for _name in _names.split():
        VERBS[_name] = _cast_verb(_kind_name)


@verb("astype cast type view_as_dtype")
def astype(on: Desk, args: Args) -> Value:
    x = array_of(args)
    kind = kind_of(args.get(1, "dtype"))
    if x is None:
        return Unknown() if kind is None else Array(kind=kind)
    return x if kind is None else cast(on, x, kind, args)
