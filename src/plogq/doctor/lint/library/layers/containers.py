"""Layers one after the other, lists of layers, parameters and inputs."""

from __future__ import annotations

from ....facts import Array, Made
from ...machine import Machine
from ...values import (
    Args,
    Chain,
    Const,
    Dict,
    Iter,
    List,
    Many,
    Native,
    Tuple,
    Unknown,
    Value,
    join,
    lengths_of,
)
from .registry import layer


@layer("torch.nn.Sequential")
def sequential(on: Machine, args: Args) -> Value:
    if len(args.pos) == 1 and isinstance(args.pos[0], Dict):
        return Chain(tuple(args.pos[0].slots.values()) if not args.pos[0].open else None)
    if len(args.pos) == 1 and isinstance(args.pos[0], List):  # OrderedDict([("a", layer), …])
        return Chain(args.pos[0].slots["items"])
    if args.open and not args.pos:
        return Chain(None)
    return Chain(tuple(args.pos))


@layer("flax.linen.Sequential flax.nnx.Sequential equinox.nn.Sequential haiku.Sequential")
def listed(on: Machine, args: Args) -> Value:
    given = args.get(0, "layers")
    if isinstance(given, List | Tuple):
        return Chain(given.items if isinstance(given, Tuple) else given.slots["items"])
    return Chain(tuple(args.pos) if not args.open and given is not None else None)


@layer("keras.Sequential keras.models.Sequential keras.engine.sequential.Sequential")
def keras_sequential(on: Machine, args: Args) -> Value:
    given = args.get(0, "layers")
    if given is None:
        return Chain((), keras=True)
    items = given.slots["items"] if isinstance(given, List) else on.items(given)
    return Chain(items, keras=True)


@layer("torch.nn.ModuleList torch.nn.ParameterList")
def module_list(on: Machine, args: Args) -> Value:
    given = args.get(0, "modules")
    if isinstance(given, List):
        return given
    if isinstance(given, Iter):
        return given
    if given is None:
        return List(())
    items = on.items(given)
    return Unknown() if items is None else List(items)


@layer("torch.nn.ModuleDict")
def module_dict(on: Machine, args: Args) -> Value:
    given = args.get(0, "modules")
    return given if isinstance(given, Dict) else Dict({}, open=given is not None)


@layer("torch.nn.Parameter tensorflow.Variable jax.nn.Param flax.nnx.Param")
def parameter(on: Machine, args: Args) -> Value:
    given = args.get(0, "data", "initial_value", "value")
    shape = given.shape if isinstance(given, Array) else None
    return Array(Made.PARAMETER, on.module.text(args.node), on.place(args.node), shape=shape,
                 kind="float", source=given if isinstance(given, Array) else None)  # fmt: skip


@layer("keras.Input keras.layers.Input keras.layers.InputLayer")
def keras_input(on: Machine, args: Args) -> Value:
    dims = lengths_of(args.get(0, "shape", "input_shape"))
    return Array(Made.DATA, on.module.text(args.node), on.place(args.node),
                 shape=None if dims is None else (None, *dims), kind="float",
                 batched=True)  # fmt: skip


def chained(on: Machine, chain: Chain, args: Args) -> Value:
    """One layer after the other."""
    items = chain.slots["items"]
    if items is None:
        return Unknown()
    x: Value = args.pos[0] if args.pos else Unknown()
    for item in items:
        if isinstance(item, Many):
            x = join(x, on.call(item.each, Args([x], {}, args.node)))
            continue
        if isinstance(item, Tuple) and len(item.items) == 2 and isinstance(item.items[0], Const):
            item = item.items[1]  # a name and its layer
        if isinstance(item, Array):  # keras.Input at the head of a Sequential
            if x is args.pos[0] and item.made is Made.DATA:
                x = item if not isinstance(x, Array) or x.shape is None else x
            continue
        node, module = args.node, on.module
        if isinstance(item, Native) and "node" in item.facts:
            node, on.module = item.facts["node"], item.facts["module"]
        try:
            x = on.call(item, Args([x], {}, node))
        finally:
            on.module = module
    return x
