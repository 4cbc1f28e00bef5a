"""Linear maps: what they give are scores."""

from __future__ import annotations

from ....facts import Array, Length, Made
from ...machine import Machine
from ...values import (
    Args,
    Native,
    Value,
    lengths_of,
)
from .activations import activated
from .registry import is_batched, layer, length_in, made, shape_of


def dense(on: Machine, args: Args, width: Length, activation: Value | None = None) -> Native:
    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        out = Array(Made.SCORES, text, on.place(given.node), -1, width,
                    shape=None if shape is None else (*shape[:-1], width), kind="float",
                    batched=is_batched(x))  # fmt: skip
        return activated(on, out, activation, given.node, text)

    return made(on, args, apply, width=width)


@layer("torch.nn.Linear torch.nn.NonDynamicallyQuantizableLinear equinox.nn.Linear "
       "flax.nnx.Linear flax.nnx.LinearGeneral")  # fmt: skip
def linear(on: Machine, args: Args) -> Value:
    return dense(on, args, length_in(args.get(1, "out_features", "out_size")))


@layer("torch.nn.LazyLinear haiku.Linear flax.linen.DenseGeneral")
def lazy_linear(on: Machine, args: Args) -> Value:
    return dense(on, args, length_in(args.get(0, "out_features", "output_size", "features")))


@layer("torch.nn.Bilinear")
def bilinear(on: Machine, args: Args) -> Value:
    return dense(on, args, length_in(args.get(2, "out_features")))


@layer("flax.linen.Dense")
def flax_dense(on: Machine, args: Args) -> Value:
    return dense(on, args, length_in(args.get(0, "features")))


@layer("keras.layers.Dense keras.layers.EinsumDense")
def keras_dense(on: Machine, args: Args) -> Value:
    return dense(on, args, length_in(args.get(0, "units")), args.get(1, "activation"))


@layer("equinox.nn.MLP")
def equinox_mlp(on: Machine, args: Args) -> Value:
    return dense(on, args, length_in(args.get(1, "out_size")), args.get(5, "final_activation"))


@layer("haiku.nets.MLP")
def haiku_mlp(on: Machine, args: Args) -> Value:
    sizes = lengths_of(args.get(0, "output_sizes"))
    return dense(on, args, sizes[-1] if sizes else None)


@layer("torchvision.ops.MLP")
def torchvision_mlp(on: Machine, args: Args) -> Value:
    sizes = lengths_of(args.get(1, "hidden_channels"))
    return dense(on, args, sizes[-1] if sizes else None)
