"""The table of layers, and what making one gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....facts import Array, Length, Shape
from ...machine import Machine
from ...values import (
    Args,
    Native,
    Unknown,
    Value,
    length_of,
)

Layer = Callable[[Machine, Args], Value]


LAYERS: dict[str, Layer] = {}


def layer(names: str) -> Callable[[Layer], Layer]:
    """Enter what makes a layer under its names in full."""

    def entered(f: Layer) -> Layer:
        for name in names.split():
            LAYERS[name] = f
        return f

    return entered


def made(
    on: Machine, args: Args, apply: Callable[[Machine, Value, Args, str], Value], **facts: Any
) -> Native:
    """A layer: what it does with its input, and where it was written."""
    text, node, module = on.module.text(args.node), args.node, on.module
    written = on.place(node)

    def call(on: Machine, given: Args) -> Value:
        x = given.get(0, "x", "input", "inputs")
        out = apply(on, Unknown() if x is None else x, given, text)
        if isinstance(out, Array) and out.by == text and out.place == on.place(given.node):
            return out.but(place=written)  # where the layer stands, and not where it is called
        return out

    return Native(call, "layer", {"node": node, "module": module, **facts})


def shape_of(x: Value) -> Shape | None:
    return x.shape if isinstance(x, Array) else None


def is_batched(x: Value) -> bool:
    return isinstance(x, Array) and x.batched


def length_in(value: Value | None) -> Length:
    return None if value is None else length_of(value)
