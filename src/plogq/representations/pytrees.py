"""The representations as pytrees: what jax.jit, grad and vmap take apart and put together again.

A class axis is counted from the end, so that it stays where it is when a batch axis goes in front.
"""

# JAX types its own functions only in part.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..frameworks import once_loaded
from .fields import FIELDS

# JAX takes each of them once.
_REGISTERED: set[type] = set()


def offer() -> None:
    """Register the representations with JAX as soon as that is loaded."""
    once_loaded("jax.tree_util", _register)


def _register() -> None:
    from jax.tree_util import GetAttrKey, register_pytree_with_keys

    for kind, (held, static) in FIELDS.items():

        def flatten(
            r: Any, held: tuple[str, ...] = held, static: tuple[str, ...] = static
        ) -> tuple[Iterable[Any], tuple[Any, ...]]:
            children = [getattr(r, name) for name in held]
            options = [
                _from_the_end(getattr(r, name), children[0]) if name == "axis" else getattr(r, name)
                for name in static
            ]
            return children, tuple(options)

        def with_keys(
            r: Any, flatten: Any = flatten, held: tuple[str, ...] = held
        ) -> tuple[Iterable[Any], tuple[Any, ...]]:
            children, options = flatten(r)
            return [(GetAttrKey(n), x) for n, x in zip(held, children, strict=True)], options

        def unflatten(
            options: tuple[Any, ...],
            children: Iterable[Any],
            kind: type = kind,
            names: tuple[str, ...] = (*static, *held),
        ) -> Any:
            made: Any = object.__new__(kind)
            for name, x in zip(names, (*options, *children), strict=True):
                setattr(made, name, x)
            return made

        if kind not in _REGISTERED:
            register_pytree_with_keys(kind, with_keys, unflatten, flatten)
            _REGISTERED.add(kind)


def _from_the_end(axis: int, x: Any) -> int:
    """The same axis as a negative number."""
    return axis - x.ndim if axis >= 0 and hasattr(x, "ndim") else axis
