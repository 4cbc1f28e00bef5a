"""The peers' own names, signatures, errors and quirks: one module per peer, each loads its own."""

from typing import TYPE_CHECKING

from ..lazy import names

# Loaded when they are first named, each with its framework.
_LAZY = ("cntk", "keras", "optax", "sklearn", "tensorflow", "theano", "torch")

if not TYPE_CHECKING:
    __getattr__ = names(__name__, _LAZY)


def __dir__() -> list[str]:
    return list(_LAZY)
