"""Which verb a JAX primitive is; programs inside primitives are followed equation by equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..facts import PROBABILITIES, Array, Made
from ..lint import moves
from .bench import Bench, Const, Ref, Terms, Unknown, Value

Maker = Callable[[Bench, list[Value], dict[str, Any]], Value]
VERBS_OF: dict[str, Maker] = {}
_NO_SCORES = PROBABILITIES | {Made.ONE_HOT}


def _named(name: str) -> Maker:
    return lambda on, args, params: on.do("jax", name, args, {})


for _primitive, _verb in (
    ("logistic", "sigmoid"), ("tanh", "tanh"), ("log", "log"), ("exp", "exp"), ("round", "round"),
    ("stop_gradient", "detach"), ("neg", "neg"), ("sign", "sign"), ("floor", "floor"),
):  # fmt: skip
    VERBS_OF[_primitive] = _named(_verb)


def _operator(name: str) -> Maker:
    return lambda on, args, params: on.operate(name, args[0], args[1])


for _primitive in ("add", "sub", "mul", "div"):
    VERBS_OF[_primitive] = _operator(_primitive)
VERBS_OF["add_any"] = _operator("add")


def _compared(name: str) -> Maker:
    return lambda on, args, params: on.compare(name, args[0], args[1])


for _primitive in ("gt", "ge", "lt", "le", "eq"):
    VERBS_OF[_primitive] = _compared(_primitive)


def entered(names: str) -> Callable[[Maker], Maker]:
    """Enter a function for its primitives."""

    def enter(make: Maker) -> Maker:
        for name in names.split():
            VERBS_OF[name] = make
        return make

    return enter


def axes_of(params: dict[str, Any]) -> tuple[int, ...] | None:
    """The axes that a primitive goes over, if it goes over some; under vmap NumPy's numbers."""
    axes = params.get("axes")
    return None if axes is None else tuple(map(int, axes))


def _array(value: Value) -> Array | None:
    return value if isinstance(value, Array) else None


@entered("max")
def _max(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    for x, other in ((args[0], args[1]), (args[1], args[0])):
        if isinstance(other, Const) and isinstance(x, Array):
            if other.value == 0:
                return on.do("jax", "relu", [x], {})
            if isinstance(other.value, float) and other.value < -1e6:
                return x  # a guard against an empty row
            return on.do("jax", "clip", [x, other], {})
    return Unknown()


@entered("min")
def _min(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    for x, other in ((args[0], args[1]), (args[1], args[0])):
        if isinstance(other, Const) and isinstance(x, Array):
            return on.do("jax", "clip", [x, other], {})
    return Unknown()


@entered("clamp")
def _clamp(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    return on.do("jax", "clip", [args[1], args[0], args[2]], {})


@entered("dot_general")
def _dot(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    (left, right), (batch, _) = params["dimension_numbers"]
    x, w = _array(args[0]), _array(args[1])
    if x is None or w is None or len(batch) or x.shape is None or w.shape is None:
        return Unknown()
    if x.made in _NO_SCORES or w.made in _NO_SCORES or len(left) != 1:
        return Unknown()
    place, text = on.where()
    rest = [n for i, n in enumerate(x.shape) if i not in left]
    tail = [n for i, n in enumerate(w.shape) if i not in right]
    shape = (*rest, *tail)
    sure = (left[0] == len(x.shape) - 1 and right[0] == 0 and len(w.shape) == 2) or (
        len(shape) == 1 and len(tail) + len(rest) == 1 and {len(x.shape), len(w.shape)} == {1, 2}
    )
    axis = len(shape) - 1 if sure else None
    if len(w.shape) == 1 and len(x.shape) >= 2 and sure:
        axis = None if right[0] == 0 and left[0] == len(x.shape) - 1 else axis
    return Array(Made.SCORES, text, place, axis, shape[axis] if axis is not None else None,
                 shape=shape, kind="float", batched=len(shape) >= 2)  # fmt: skip


@entered("conv_general_dilated")
def _conv(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    place, text = on.where()
    axis = params["dimension_numbers"].out_spec[1]
    return Array(Made.SCORES, text, place, axis, kind="float", batched=True)


@entered("reshape")
def _reshape(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    return Unknown() if x is None else moves.reshape(x, params["new_sizes"], on.where()[0])


@entered("squeeze")
def _squeeze(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    for axis in sorted(params["dimensions"], reverse=True):
        x = None if x is None else moves.squeeze(x, axis, None)
    return x if x is not None else Unknown()


@entered("expand_dims")
def _expand(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    for axis in sorted(params["dimensions"]):
        x = None if x is None else moves.expand(x, axis, None)
    return x if x is not None else Unknown()


@entered("transpose")
def _transpose(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    return Unknown() if x is None else moves.permute(x, list(params["permutation"]), on.where()[0])


@entered("broadcast_in_dim")
def _broadcast(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    if x is None:
        return args[0] if isinstance(args[0], Const) else Unknown()
    at = params["broadcast_dimensions"]
    axis = moves.place_of(x.axis, x.rank)
    if x.by in ("sum", "max", "log", "logsumexp"):
        return x.but(shape=tuple(params["shape"]))  # the axis is the one that was summed over
    return x.but(axis=None if axis is None else at[axis], shape=tuple(params["shape"]))


@entered("convert_element_type")
def _cast(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = args[0]
    if isinstance(x, Const | Terms):
        return x
    return on.do("jax", "astype", [x, Ref(str(params["new_dtype"]))], {})


@entered("abs")
def _abs(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    positive = x is not None and x.by == "sum" and x.source is not None and x.source.by == "exp"
    return args[0] if positive else Unknown()


@entered("copy copy_p optimization_barrier reduce_precision name sharding_constraint pvary")
def _same(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    return args[0]


def _reduced(name: str) -> Maker:
    def reduce(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
        axes, x = axes_of(params) or (), args[0]
        rank = x.rank if isinstance(x, Array) else x.logs.rank if isinstance(x, Terms) else None
        if len(axes) == 1:
            return on.do("jnp", name, [x], {"axis": Const(axes[0])})
        if rank is None or len(axes) == rank:
            return on.do("jnp", name, [x], {})
        return Unknown()

    return reduce


for _primitive, _verb in (
    ("reduce_sum", "sum"), ("reduce_max", "max"), ("reduce_min", "min"), ("argmax", "argmax"),
    ("argmin", "argmin"),
):  # fmt: skip
    VERBS_OF[_primitive] = _reduced(_verb)


@entered("select_n")
def _select(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    if len(args) != 3:
        return Unknown()
    for x, other in ((args[2], args[1]), (args[1], args[2])):
        if isinstance(x, Array) and x.by == "max" and other == Const(0.0):
            return x  # a guard against a row of infinities, in logsumexp
    return on.do("jnp", "where", [args[0], args[2], args[1]], {})


@entered("slice")
def _slice(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    if x is None:
        return Unknown()
    keys = [
        slice(None) if a == 0 and b == n else slice(a, b)
        for a, b, n in zip(params["start_indices"], params["limit_indices"], x.shape or (),
                           strict=False)
    ]  # fmt: skip
    return on.index(x, keys)


@entered("gather")
def _gather(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    if x is None:
        return Unknown()
    if x.by == "eye":
        place, text = on.where()
        return Array(Made.ONE_HOT, text, place, -1, kind="float", low=0, high=1)
    sizes, numbers = params["slice_sizes"], params["dimension_numbers"]
    axis = moves.place_of(x.axis, x.rank)
    whole = axis is not None and x.shape is not None and sizes[axis] == x.shape[axis]
    if whole and axis not in numbers.collapsed_slice_dims and x.rank == 2:
        return moves.stepped(x, "slice", None).but(axis=-1)
    return on.do("jnp", "gather", [x], {})


@entered("dynamic_slice")
def _dynamic(on: Bench, args: list[Value], params: dict[str, Any]) -> Value:
    x = _array(args[0])
    if x is None or x.shape is None:
        return Unknown()
    axis = moves.place_of(x.axis, x.rank)
    sizes = params["slice_sizes"]
    if axis is not None and sizes[axis] != x.shape[axis]:
        return on.index(x, [slice(0, n) for n in sizes])
    return moves.stepped(x, "slice", None).but(shape=tuple(sizes))
