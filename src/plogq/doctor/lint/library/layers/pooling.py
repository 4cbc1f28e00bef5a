"""Poolings: of scores they are scores."""

from __future__ import annotations

from collections.abc import Callable

from ....facts import Array, Length, Made
from ...machine import Machine
from ...values import (
    Args,
    Unknown,
    Value,
    several,
)
from .registry import LAYERS, Layer, made


def _pooled(spatial: Callable[[Length], Length], drop: bool, last: bool) -> Layer:
    """A pooling: of scores it is scores, as the mean of linear maps is linear."""

    def pool(on: Machine, args: Args) -> Value:
        def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
            if not isinstance(x, Array):
                return Unknown()
            shape = x.shape
            if shape is not None and len(shape) >= 3:
                middle = shape[1:-1] if last else shape[2:]
                sides = () if drop else tuple(spatial(n) for n in middle)
                shape = (shape[0], *sides, shape[-1]) if last else (shape[0], shape[1], *sides)
            elif drop and last and shape is None:
                shape = None
            out = Array(shape=shape, kind="float", batched=x.batched)
            if x.made is Made.SCORES and x.axis is not None:
                return x.but(shape=shape, axis=-1 if last else 1)
            return out

        return made(on, args, apply)

    return pool


def _to_one(n: Length) -> Length:
    return 1


def _unknown_side(n: Length) -> Length:
    return None


for _n in (1, 2, 3):
    for _kind_name in ("Avg", "Max"):
        LAYERS[f"torch.nn.{_kind_name}Pool{_n}d"] = _pooled(_unknown_side, False, False)
    LAYERS[f"keras.layers.GlobalAveragePooling{_n}D"] = _pooled(_to_one, True, True)
    LAYERS[f"keras.layers.GlobalMaxPooling{_n}D"] = _pooled(_to_one, True, True)
    LAYERS[f"keras.layers.MaxPooling{_n}D"] = _pooled(_unknown_side, False, True)
    LAYERS[f"keras.layers.AveragePooling{_n}D"] = _pooled(_unknown_side, False, True)
    for _kind_name in ("Avg", "Max"):

        def _adaptive(on: Machine, args: Args) -> Value:
            size = args.constant(0, "output_size")
            one = size == 1 or set(several(size) or ()) == {1}
            return _pooled(_to_one if one else _unknown_side, False, False)(on, args)

        LAYERS[f"torch.nn.Adaptive{_kind_name}Pool{_n}d"] = _adaptive
