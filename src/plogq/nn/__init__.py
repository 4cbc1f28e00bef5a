"""Loss modules for training code, one module per framework, each loads its own."""

from typing import TYPE_CHECKING, Any

# Loaded when they are first named, each with its framework.
_LAZY = ("torch",)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            from importlib import import_module

            return import_module(f"{__name__}.{name}")
        import sys

        obj = sys.modules[__name__]
        raise AttributeError(f"plogq.nn has no attribute {name!r}", name=name, obj=obj)


def __dir__() -> list[str]:
    return list(_LAZY)
