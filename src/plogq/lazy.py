"""Names of a package that are loaded when they are first used: modules, and functions of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any


def names(
    package: str,
    modules: Collection[str],
    functions: Mapping[str, str] = MappingProxyType({}),
) -> Callable[[str], Any]:
    """The `__getattr__` of a package; `functions` says in which module of it each one is.

    Who asks for a loss by a peer's name is told what stands for it.
    """

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name in functions:
            return getattr(import_module(f"{package}.{functions[name]}"), name)
        known = "" if name[0] == "_" else import_module(f"{__package__}.doctor.named").named(name)
        obj = sys.modules[package]
        raise AttributeError(f"{package} has no attribute {name!r}{known}", name=name, obj=obj)

    return get
