"""Functions of functions: jit, grad, vmap, scan, compile, and wrappers of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..machine import Machine
from ..values import (
    Args,
    Const,
    Dict,
    Function,
    Instance,
    List,
    Method,
    Native,
    Partial,
    Record,
    Tuple,
    Unknown,
    Value,
)
from .data import batches

_CALLABLE = (Function, Method, Native, Partial, Instance)


def _itself(on: Machine, args: Args) -> Value:
    """jit, compile, DataParallel: the same function or model."""
    f = args.get(0, "fun", "func", "model", "module", "f", "fn")
    if f is None:
        return Native(lambda on, given: given.pos[0] if given.pos else Unknown(), "decorator")
    return f


def _grad(value: bool) -> Any:
    def grad(on: Machine, args: Args) -> Value:
        f = args.get(0, "fun", "f")
        if f is None:
            return Native(lambda on, given: grad(on, given), "decorator")
        aux = args.constant(None, "has_aux", default=False)

        def call(on: Machine, given: Args) -> Value:
            out = on.call(f, given)
            if value:
                return Tuple((out, Unknown("grads")))
            if aux is True:
                kept = out.items[1] if isinstance(out, Tuple) and len(out.items) == 2 else Unknown()
                return Tuple((Unknown("grads"), kept))
            return Unknown("grads")

        return Native(call, "grad")

    return grad


def _vmap(on: Machine, args: Args) -> Value:
    f = args.get(0, "fun", "func")
    if f is None:
        return Unknown()
    axes = args.get(1, "in_axes", "in_dims")

    def call(on: Machine, given: Args) -> Value:
        pos: list[Value] = []
        for i, value in enumerate(given.pos):
            axis = axes.items[i] if isinstance(axes, Tuple) and i < len(axes.items) else axes
            kept = isinstance(axis, Const) and axis.value is None
            pos.append(
                value if kept else batches.one(value) if not isinstance(value, Dict) else value
            )
        return batches.batched(on.call(f, Args(pos, given.kw, given.node, given.open)))

    return Native(call, "vmap")


def _scan(on: Machine, args: Args) -> Value:
    f, init, xs = args.get(0, "f"), args.get(1, "init"), args.get(2, "xs")
    if f is None or init is None:
        return Unknown()
    item = batches.one(xs) if xs is not None else Unknown()
    out = on.call(f, Args([init, item], {}, args.node))
    if isinstance(out, Tuple) and len(out.items) == 2:
        return Tuple((Unknown("carry"), batches.batched(out.items[1])))
    return Unknown()


def _fori(on: Machine, args: Args) -> Value:
    f, init = args.get(2, "body_fun"), args.get(3, "init_val")
    if f is not None and init is not None:
        on.call(f, Args([Unknown("i"), init], {}, args.node))
    return Unknown()


def _checkpointed(on: Machine, args: Args) -> Value:
    """torch.utils.checkpoint.checkpoint(f, *args)."""
    if not args.pos:
        return Unknown()
    kw = {k: v for k, v in args.kw.items() if k not in ("use_reentrant", "preserve_rng_state")}
    return on.call(args.pos[0], Args(args.pos[1:], kw, args.node, args.open))


def _train_state(on: Machine, args: Args) -> Value:
    """flax' TrainState.create(apply_fn=…, params=…, tx=…)."""
    return Record("state", **args.kw)


def _prepared(on: Machine, args: Args) -> Value:
    """accelerator.prepare(model, optimizer, loader)."""
    return args.pos[0] if len(args.pos) == 1 else Tuple(tuple(args.pos))


def _tree_map(on: Machine, args: Args) -> Value:
    return Unknown()


def _functional_call(on: Machine, args: Args) -> Value:
    """torch.func.functional_call(model, params, x)."""
    if len(args.pos) < 3:
        return Unknown()
    x = args.pos[2]
    pos: list[Value] = [x]
    if isinstance(x, Tuple):
        pos = list(x.items)
    return on.call(args.pos[0], Args(pos, {}, args.node))


def _transformed(on: Machine, args: Args) -> Value:
    """hk.transform(f): init and apply."""
    f = args.get(0, "f")
    if f is None:
        return Unknown()

    def apply(on: Machine, given: Args) -> Value:
        drop = 2 if len(given.pos) >= 3 else 1
        return on.call(f, given.rest(drop))

    return Record("transformed", apply=Native(apply, "apply"))


CALLS: dict[str, Callable[[Machine, Args], Any]] = {
    **dict.fromkeys(
        [
            "jax.jit",
            "jax.checkpoint",
            "jax.remat",
            "torch.compile",
            "torch.jit.script",
            "torch.nn.DataParallel",
            "torch.nn.parallel.DistributedDataParallel",
            "torch.nn.parallel.DataParallel",
            "tensorflow.function",
            "tensorflow.autograph.experimental.do_not_convert",
            "flax.nnx.jit",
            "flax.linen.jit",
            "flax.linen.remat",
            "equinox.filter_jit",
            "torch.no_grad",
            "torch.inference_mode",
            "torch.enable_grad",
            "functools.wraps",
            "torch.jit.ignore",
            "jax.named_call",
            "tensorflow.recompute_grad",
            "torch.distributed.fsdp.FullyShardedDataParallel",
            "torch.ao.quantization.prepare_qat",
            "torch.nn.utils.parametrizations.weight_norm",
            "torch.nn.utils.weight_norm",
            "torch.nn.utils.spectral_norm",
            "torch.nn.utils.parametrizations.spectral_norm",
            "functools.lru_cache",
            "functools.cache",
            "peft.get_peft_model",
            "torch.jit.export",
        ],
        _itself,
    ),
    "jax.grad": _grad(False),
    "flax.nnx.grad": _grad(False),
    "equinox.filter_grad": _grad(False),
    "jax.value_and_grad": _grad(True),
    "flax.nnx.value_and_grad": _grad(True),
    "equinox.filter_value_and_grad": _grad(True),
    "torch.func.grad": _grad(False),
    "torch.func.grad_and_value": _grad(True),
    "jax.vmap": _vmap,
    "flax.nnx.vmap": _vmap,
    "equinox.filter_vmap": _vmap,
    "torch.vmap": _vmap,
    "torch.func.vmap": _vmap,
    "jax.pmap": _vmap,
    "jax.lax.scan": _scan,
    "jax.lax.fori_loop": _fori,
    "torch.utils.checkpoint.checkpoint": _checkpointed,
    "flax.training.train_state.TrainState.create": _train_state,
    "haiku.transform": _transformed,
    "haiku.transform_with_state": _transformed,
    "haiku.without_apply_rng": lambda on, args: args.pos[0] if args.pos else Unknown(),
    "torch.func.functional_call": _functional_call,
    "jax.tree.map": _tree_map,
    "jax.tree_util.tree_map": _tree_map,
    "prepare": _prepared,
}

__all__ = ["CALLS", "List"]
