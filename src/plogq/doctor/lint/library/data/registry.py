"""The table of what makes arrays, by the last part of its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ....facts import Array, Made, Shape
from ...machine import Desk
from ...values import (
    Args,
    Const,
    Unknown,
    Value,
    length_of,
    lengths_of,
)

Maker = Callable[[Desk, Args], Value]


MAKERS: dict[str, Maker] = {}  # by the last name, of the modules below


MAKER_MODULES = frozenset(
    [
        "torch",
        "numpy",
        "jax.numpy",
        "jax.random",
        "numpy.random",
        "tensorflow",
        "tensorflow.random",
        "keras.random",
        "keras.ops",
        "random",
        "tensorflow.compat.v1",
        "rng",
        "torch.random",
        "keras.backend",
        "jax.nn",
        "keras.initializers",
        "jax.nn.initializers",
    ]
)


def maker(names: str) -> Callable[[Maker], Maker]:
    """Enter a maker under its names."""

    def entered(f: Maker) -> Maker:
        for name in names.split():
            MAKERS[name] = f
        return f

    return entered


def made_here(
    on: Desk, args: Args, made: Made | None, shape: Shape | None, kind: str, **more: Any
) -> Array:
    return Array(made, on.module.text(args.node), on.place(args.node), shape=shape, kind=kind,
                 **more)  # fmt: skip


def shape_in(args: Args, skip: int = 0, *names: str) -> Shape | None:
    """A shape given as numbers, or as one tuple."""
    given = args.get(None, "size", "shape", *names)
    if given is not None:
        found = lengths_of(given)
        if found is None and isinstance(given, Unknown):
            return None
        return found
    rest = args.pos[skip:]
    if not rest:
        return ()
    if len(rest) == 1 and not isinstance(rest[0], Const | Unknown):
        return lengths_of(rest[0])
    if args.open:
        return None
    return tuple(length_of(v) for v in rest)


def last_name(args: Args) -> str:
    return getattr(getattr(args.node, "func", None), "attr", "")
