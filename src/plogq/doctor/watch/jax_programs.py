"""Programs inside JAX primitives, followed equation by equation: jit, scan, checkpoint."""

from __future__ import annotations

from typing import Any

from ..facts import Array, Made
from ..lint import moves
from ..lint.verbs import VERBS
from .bench import Bench, Const, Terms, Unknown, Value, settled
from .jax_verbs import VERBS_OF, axes_of

_PROGRAMS = frozenset(
    [
        "jit",
        "pjit",
        "closed_call",
        "core_call",
        "remat",
        "remat2",
        "checkpoint",
        "custom_jvp_call",
        "custom_vjp_call",
        "custom_vjp_call_jaxpr",
        "scan",
        "shard_map",
    ]
)


def jaxpr_of(name: str, params: dict[str, Any]) -> Any:
    """The program that a primitive runs, if it runs one as it is."""
    if name in _PROGRAMS:
        for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
            found = params.get(key)
            if found is not None:
                return getattr(found, "jaxpr", found)
    return None


def outputs(on: Bench, name: str, args: list[Value], params: dict[str, Any]) -> list[Value] | None:
    """What is known of a primitive's results."""
    make = VERBS_OF.get(name)
    if make is not None:
        return [make(on, args, params)]
    program = jaxpr_of(name, params)
    if program is None:
        return None
    known = _by_name(on, str(params.get("name", "")).strip("_"), program, args)
    if known is not None:
        return [known]
    if name == "scan":
        return _scanned(on, program, args, params)
    return run(on, program, args)


_WHOLE = {"softmax", "log_softmax", "logsumexp", "sigmoid", "log_sigmoid", "relu", "softplus",
          "relu6", "where", "one_hot", "eye", "mean", "gelu", "silu", "swish", "elu",
          "leaky_relu", "clip", "nanmean"}  # fmt: skip


def _by_name(on: Bench, name: str, program: Any, args: list[Value]) -> Value | None:
    """A function of JAX' own that the verbs know."""
    if name == "multiply" and len(args) == 2:
        return on.operate("mul", *args)  # with the shapes that were written
    if name not in _WHOLE:
        return None
    kw: dict[str, Value] = {}
    if name in ("softmax", "log_softmax", "logsumexp", "mean", "nanmean"):
        axes = next((a for e in program.eqns if (a := axes_of(e.params)) is not None), None)
        if axes is None:
            return None
        x = args[0]
        rank = x.rank if isinstance(x, Array) else x.logs.rank if isinstance(x, Terms) else None
        if len(axes) == 1 and not (rank == 1 and name == "mean"):
            kw["axis"] = Const(axes[0])
        elif len(axes) != rank:
            return Unknown()
    if name == "one_hot":
        return _one_hot(on, program, args)
    if name == "eye":
        return Array(by="eye", kind="float", low=0, high=1)
    if name in VERBS:
        return on.do("jnp", name, args, kw)
    return None


def _one_hot(on: Bench, program: Any, args: list[Value]) -> Value:
    out = program.outvars[0].aval
    place, text = on.where()
    iota = next((e for e in program.eqns if e.primitive.name == "iota"), None)
    axis = iota.params["dimension"] if iota is not None else len(out.shape) - 1
    of = args[0] if args and isinstance(args[0], Array) else None
    return Array(Made.ONE_HOT, text, place, axis, out.shape[axis], shape=tuple(out.shape),
                 kind="float", low=0, high=1, source=of)  # fmt: skip


def _scanned(
    on: Bench, program: Any, args: list[Value], params: dict[str, Any]
) -> list[Value] | None:
    """The results of a scan: what the body stacks has one axis more."""
    consts, carry = params.get("num_consts", 0), params.get("num_carry", 0)
    inner = list(args[: consts + carry])
    inner += [moves.pick(x, 0, None) if isinstance(x, Array) else x for x in args[consts + carry :]]
    out = run(on, program, inner)
    stacked = [moves.expand(x, 0, None) if isinstance(x, Array) else Unknown()
               for x in out[carry:]]  # fmt: skip
    return [*(Unknown() for _ in out[:carry]), *stacked]


def run(on: Bench, program: Any, args: list[Value], depth: int = 0) -> list[Value]:
    """Follow a program equation by equation."""
    known: dict[Any, Value] = dict(zip(program.invars, args, strict=False))
    for eqn in program.eqns:
        name = eqn.primitive.name
        if name not in VERBS_OF and jaxpr_of(name, eqn.params) is None:
            continue
        values = [_read(known, v) for v in eqn.invars]
        found = outputs(on, name, values, eqn.params)
        for var, value in zip(eqn.outvars, found or (), strict=False):
            shape = tuple(n if isinstance(n, int) else None for n in var.aval.shape)
            if isinstance(value, Array):
                value = settled(value, shape, None)
            known[var] = value
    return [_read(known, v) for v in program.outvars]


def _read(known: dict[Any, Value], var: Any) -> Value:
    number = getattr(var, "val", None)
    if number is not None:
        shape = getattr(number, "shape", ())
        return Const(number.item() if hasattr(number, "item") else number) if not shape else (
            Array(shape=tuple(shape))
        )  # fmt: skip
    found = known.get(var)
    if found is not None:
        return found
    kind = {"b": "bool", "i": "int", "u": "int"}.get(getattr(var.aval.dtype, "kind", "f"), "float")
    return Array(shape=tuple(n if isinstance(n, int) else None for n in var.aval.shape), kind=kind)
