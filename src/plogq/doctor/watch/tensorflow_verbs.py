"""Which verb a TensorFlow operation is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..facts import PROBABILITIES, Array, Made
from ..lint import moves
from .bench import Const, Terms, Unknown, Value

Verb = Callable[[Any, list[Any], Any, Any], Value]
VERBS_OF: dict[str, Verb] = {}
_FED = ("Placeholder", "PlaceholderWithDefault")
_NO_SCORES = PROBABILITIES | {Made.ONE_HOT}


def _named(name: str, axis: int | None = None) -> Verb:
    kw: dict[str, Value] = {} if axis is None else {"axis": Const(axis)}
    return lambda on, ins, attrs, out: on.bench.do("tf", name, [on.value(ins[0])], kw)


for _op, _verb in (
    ("Sigmoid", "sigmoid"), ("Tanh", "tanh"), ("Relu", "relu"), ("Relu6", "relu"),
    ("Softplus", "softplus"), ("Log", "log"), ("Exp", "exp"), ("Round", "round"), ("Rint", "round"),
    ("Neg", "neg"), ("StopGradient", "detach"), ("Sign", "sign"), ("PreventGradient", "identity"),
    ("Identity", "identity"), ("Floor", "floor"), ("EnsureShape", "identity"),
    ("CheckNumerics", "identity"), ("IdentityN", "identity"),
):  # fmt: skip
    VERBS_OF[_op] = _named(_verb)

VERBS_OF["Softmax"] = _named("softmax", -1)
VERBS_OF["LogSoftmax"] = _named("log_softmax", -1)


def _operator(name: str) -> Verb:
    return lambda on, ins, attrs, out: on.bench.operate(name, on.value(ins[0]), on.value(ins[1]))


for _op, _name in (
    ("AddV2", "add"), ("Add", "add"), ("BiasAdd", "add"), ("Sub", "sub"),
    ("RealDiv", "div"), ("Div", "div"),
):  # fmt: skip
    VERBS_OF[_op] = _operator(_name)


def _compared(name: str) -> Verb:
    return lambda on, ins, attrs, out: on.bench.compare(name, on.value(ins[0]), on.value(ins[1]))


for _op, _name in (
    ("Greater", "gt"), ("GreaterEqual", "ge"), ("Less", "lt"), ("LessEqual", "le"),
):  # fmt: skip
    VERBS_OF[_op] = _compared(_name)


def entered(names: str) -> Callable[[Verb], Verb]:
    """Enter a function for its operations."""

    def enter(verb: Verb) -> Verb:
        for name in names.split():
            VERBS_OF[name] = verb
        return verb

    return enter


@entered("Mul")
def _times(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    pos = on.bench.beside([on.value(x) for x in ins[:2]], ins, on.read)
    return on.bench.operate("mul", *(fed(v, x) for v, x in zip(pos, ins, strict=False)))


def fed(value: Value, x: Any) -> Value:
    """What a graph is fed with is data, where nothing else is known of it."""
    op = None if hasattr(x, "numpy") else getattr(x, "op", None)
    if isinstance(value, Array) and value.made is None and getattr(op, "type", "") in _FED:
        return value.but(made=Made.DATA, by="a placeholder")
    return value


def _array(on: Any, x: Any) -> Array | None:
    found = on.value(x)
    return found if isinstance(found, Array) else None


@entered("MatMul")
def _matmul(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x, w = _array(on, ins[0]), _array(on, ins[1])
    if x is None or w is None or x.made in _NO_SCORES or w.made in _NO_SCORES:
        return Unknown()
    if attrs.get("transpose_a") or attrs.get("grad_a") or attrs.get("grad_b"):
        return Unknown()
    place, text = on.where()
    return Array(Made.SCORES, text, place, -1, kind="float", batched=True)


@entered("Conv1D Conv2D Conv3D")
def _conv(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    place, text = on.where()
    form = str(attrs.get("data_format") or "NHWC")
    return Array(Made.SCORES, text, place, 1 if form.startswith("NC") else -1, kind="float",
                 batched=True)  # fmt: skip


@entered("Reshape")
def _reshape(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x = _array(on, ins[0])
    if x is None or x.shape is None or out.shape.rank is None:
        return Unknown()
    given = on.static(ins[1])
    dims = (
        tuple(out.shape.as_list())
        if None not in tuple(out.shape.as_list()) or given is None
        else tuple(given)
    )
    if None in dims and x.axis is not None and x.width is not None and dims[-1] == x.width:
        return moves.stepped(x, "reshape", on.where()[0]).but(
            axis=-1, shape=tuple(out.shape.as_list())
        )
    return moves.reshape(x, dims, on.where()[0])


@entered("Transpose")
def _transpose(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x, order = _array(on, ins[0]), on.static(ins[1])
    if x is None or order is None:
        return Unknown()
    moved = moves.permute(x, order, on.where()[0])
    return moved if moved.across is None else moved.but(across=moved.axis)


@entered("Squeeze")
def _squeeze(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x = _array(on, ins[0])
    axes = attrs.get("squeeze_dims") or attrs.get("axis") or []
    if x is None:
        return Unknown()
    if not axes:
        return moves.squeeze(x, None, None)
    rank = x.rank or 0
    for axis in sorted((a % rank if rank else a for a in axes), reverse=True):
        x = moves.squeeze(x, axis, None)
    return x


@entered("ExpandDims")
def _expand(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x, axis = _array(on, ins[0]), on.static(ins[1])
    if x is None or not isinstance(axis, int | list):
        return Unknown()
    return moves.expand(x, axis[0] if isinstance(axis, list) else axis, None)


@entered("Cast")
def _cast(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x = on.value(ins[0])
    if isinstance(x, Terms | Const):
        return x
    return on.bench.do("tf", "cast", [x, Const(out.dtype.name)], {})


def _reduced(name: str) -> Verb:
    def reduce(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
        x, axes = on.value(ins[0]), on.static(ins[1])
        if axes is None:
            return Unknown()
        axes = axes if isinstance(axes, list) else [axes]
        rank = x.rank if isinstance(x, Array) else x.logs.rank if isinstance(x, Terms) else None
        kw: dict[str, Value] = {"keepdims": Const(bool(attrs.get("keep_dims")))}
        if len(axes) == 1 and not (rank == 1 and name in ("sum", "mean")):
            kw["axis"] = Const(axes[0])
        elif rank is not None and len(axes) != rank:
            return Unknown()
        return on.bench.do("tf", name, [x], kw)

    return reduce


for _op, _name in (("Sum", "sum"), ("Mean", "mean"), ("Max", "max")):
    VERBS_OF[_op] = _reduced(_name)


@entered("ArgMax ArgMin")
def _argmax(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    axis = on.static(ins[1])
    return on.bench.do("tf", "argmax", [on.value(ins[0])], {"axis": Const(axis)})


@entered("OneHot")
def _one_hot(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    of = on.value(ins[0])
    place, text = on.where()
    axis = attrs.get("axis")
    return Array(Made.ONE_HOT, text, place, axis if isinstance(axis, int) else -1, kind="float",
                 low=0, high=1, source=of if isinstance(of, Array) else None)  # fmt: skip


@entered("SelectV2 Select")
def _where(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    return on.bench.do("tf", "where", [on.value(x) for x in ins[:3]], {})


@entered("Maximum Minimum")
def _extreme(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x, other = on.value(ins[0]), on.value(ins[1])
    if not isinstance(x, Array):
        x, other = other, x
    if not isinstance(x, Array) or not isinstance(other, Const):
        return Unknown()
    return on.bench.do("tf", "clip", [x, other], {})


@entered("ClipByValue")
def _clip(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    return on.bench.do("tf", "clip", [on.value(x) for x in ins[:3]], {})


@entered("StridedSlice")
def _slice(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x = _array(on, ins[0])
    begin, end, strides = (on.static(i) for i in ins[1:4])
    if x is None or begin is None or end is None or strides is None:
        return Unknown()
    masks = {name: int(attrs.get(f"{name}_mask") or 0) for name in (
        "begin", "end", "ellipsis", "new_axis", "shrink_axis")}  # fmt: skip
    keys: list[Any] = []
    for i, (a, b, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << i
        if masks["ellipsis"] & bit:
            keys.append(...)
        elif masks["new_axis"] & bit:
            keys.append(None)
        elif masks["shrink_axis"] & bit:
            keys.append(Const(a))
        else:
            keys.append(slice(None if masks["begin"] & bit else a,
                              None if masks["end"] & bit else b,
                              None if step == 1 else step))  # fmt: skip
    return on.bench.index(x, keys)


@entered("GatherNd GatherV2")
def _gather(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    x = _array(on, ins[0])
    if x is None:
        return Unknown()
    axis = on.static(ins[2]) if len(ins) > 2 else None
    here = moves.place_of(x.axis, x.rank)
    if axis == 0 and here not in (None, 0) and x.rank == out.shape.rank:
        return moves.stepped(x, "slice", None)
    return on.bench.do("tf", "gather", [x], {})


@entered("ReadVariableOp")
def _read(on: Any, ins: list[Any], attrs: Any, out: Any) -> Value:
    return Array(Made.PARAMETER, kind="float")
