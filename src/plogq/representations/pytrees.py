"""The representations as pytrees: what jax.jit, grad and vmap take apart and put together again.

A class axis is counted from the end, so that it stays where it is when a batch axis goes in front.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from ..frameworks import once_loaded
from .base import KINDS, TOLD, Representation

# JAX takes each of them once.
_REGISTERED: set[type] = set()


def offer() -> None:
    """Register the representations with JAX as soon as that is loaded."""
    once_loaded("jax.tree_util", _register)


def _register() -> None:
    for kind in KINDS:
        _register_one(kind)
    if _register_one not in TOLD:
        TOLD.append(_register_one)


def _register_one(kind: type[Representation]) -> None:
    from jax import tree_util

    if kind in _REGISTERED:
        return
    _REGISTERED.add(kind)
    held, static = kind.holds, kind.settings

    def flatten(r: Any) -> tuple[Iterable[Any], tuple[Any, ...]]:
        children = [getattr(r, name) for name in held]
        options = [
            _from_the_end(getattr(r, name), children[0]) if name == "axis" else getattr(r, name)
            for name in static
        ]
        return children, tuple(options)

    def with_keys(r: Any) -> tuple[Iterable[Any], tuple[Any, ...]]:
        children, options = flatten(r)
        return [(tree_util.GetAttrKey(n), x) for n, x in zip(held, children, strict=True)], options

    def unflatten(
        options: tuple[Any, ...],
        children: Iterable[Any],
    ) -> Any:
        made: Any = object.__new__(kind)
        for name, x in zip((*static, *held), (*options, *children), strict=True):
            setattr(made, name, x)
        return made

    cast("Any", tree_util).register_pytree_with_keys(kind, with_keys, unflatten, flatten)


def _from_the_end(axis: int, x: Any) -> int:
    """The same axis as a negative number."""
    return axis - x.ndim if axis >= 0 and hasattr(x, "ndim") else axis
