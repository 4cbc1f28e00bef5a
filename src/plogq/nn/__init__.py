"""Loss modules for training code, one module per framework, each loads its own."""

from typing import TYPE_CHECKING

from ..lazy import names

# Loaded when they are first named, each with its framework.
_LAZY = ("torch",)

if not TYPE_CHECKING:
    __getattr__ = names(__name__, _LAZY)


def __dir__() -> list[str]:
    return list(_LAZY)
