"""Convolutions: scores whose classes are channels, first or last."""

from __future__ import annotations

from typing import Any

from ....facts import Array, Length, Made, Shape
from ...machine import Machine
from ...values import (
    Args,
    Value,
    several,
)
from .activations import activated
from .registry import LAYERS, is_batched, length_in, made, shape_of


def _each(value: Any, n: int, default: int) -> list[int | None]:
    if isinstance(value, int):
        return [value] * n
    items = several(value)
    if items is not None and len(items) == n:
        return [v if isinstance(v, int) else None for v in items]
    return [default] * n if value is None else [None] * n


def _conv(on: Machine, args: Args, n: int) -> Value:
    """A convolution of PyTorch: channels on axis 1."""
    width = length_in(args.get(1, "out_channels"))
    kernel = _each(args.constant(2, "kernel_size"), n, 1)
    stride = _each(args.constant(3, "stride", default=1), n, 1)
    pad = args.constant(4, "padding", default=0)
    dilation = args.constant(5, "dilation", default=1)

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        out: Shape | None = None
        if shape is not None and len(shape) == n + 2:
            sides: list[Length] = []
            pads = _each(pad, n, 0)
            for i, size in enumerate(shape[2:]):
                k, s, p = kernel[i], stride[i], pads[i]
                if pad == "same":
                    sides.append(size)
                elif isinstance(size, int) and k and s and p is not None and dilation == 1:
                    sides.append((size + 2 * p - k) // s + 1)
                else:
                    sides.append(size if k == 1 and s == 1 and p == 0 else None)
            out = (shape[0], width, *sides)
        return Array(Made.SCORES, text, on.place(given.node), 1, width, shape=out, kind="float",
                     batched=is_batched(x))  # fmt: skip

    return made(on, args, apply)


def _conv_transpose(on: Machine, args: Args, n: int) -> Value:
    width = length_in(args.get(1, "out_channels"))

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        out = (shape[0], width, *(None,) * n) if shape is not None and len(shape) == n + 2 else None
        return Array(Made.SCORES, text, on.place(given.node), 1, width, shape=out, kind="float",
                     batched=is_batched(x))  # fmt: skip

    return made(on, args, apply)


for _n in (1, 2, 3):
    LAYERS[f"torch.nn.Conv{_n}d"] = lambda on, args, n=_n: _conv(on, args, n)
    LAYERS[f"torch.nn.ConvTranspose{_n}d"] = lambda on, args, n=_n: _conv_transpose(on, args, n)


def _last_conv(on: Machine, args: Args, n: int, width: Value | None, act: Value | None) -> Value:
    """A convolution with channels last: Keras and flax."""

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        k = length_in(width)
        out = (shape[0], *(None,) * n, k) if shape is not None and len(shape) == n + 2 else None
        scores = Array(Made.SCORES, text, on.place(given.node), -1, k, shape=out, kind="float",
                       batched=is_batched(x))  # fmt: skip
        return activated(on, scores, act, given.node, text)

    return made(on, args, apply)


for _n in (1, 2, 3):
    for _name in (f"Conv{_n}D", f"Conv{_n}DTranspose", f"Convolution{_n}D", f"SeparableConv{_n}D"):
        LAYERS[f"keras.layers.{_name}"] = lambda on, args, n=_n: _last_conv(
            on, args, n, args.get(0, "filters"), args.get(None, "activation")
        )
LAYERS["flax.linen.Conv"] = lambda on, args: _last_conv(on, args, 2, args.get(0, "features"), None)
LAYERS["flax.nnx.Conv"] = lambda on, args: _last_conv(
    on, args, 2, args.get(1, "out_features"), None
)
