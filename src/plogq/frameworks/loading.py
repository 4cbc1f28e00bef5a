"""Which frameworks are imported to the end, and what waits until one of them is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import RLock
from types import ModuleType

# What is to be done as soon as a framework is seen to be loaded.
WAITING: dict[str, Callable[[], None]] = {}
_BEGUN: set[str] = set()
# How many modules there were when nothing was left to do for any of them.
_seen = -1
_LOCK = RLock()


def loaded(name: str) -> ModuleType | None:
    """A framework's module, once it and the package that it is in are imported to the end.

    Both are in `sys.modules` from the beginning of their import on, and other threads see them. A
    file of somebody's own that has the name of a framework is no package.
    """
    package, found = sys.modules.get(name.partition(".")[0]), sys.modules.get(name)
    if package is None or found is None or not hasattr(package, "__path__"):
        return None
    return None if _unfinished(package) or _unfinished(found) else found


def _unfinished(module: ModuleType) -> bool:
    return getattr(getattr(module, "__spec__", None), "_initializing", False)


def once_loaded(framework: str, do: Callable[[], None]) -> None:
    """Have `do` called now if `framework` is imported, else when the next array is taken."""
    WAITING[framework] = do
    meet()


def meet() -> None:
    """Do what waits for a framework that is loaded by now."""
    global _seen
    count = len(sys.modules)
    # A copy: another thread may be through with one of them.
    for framework in list(WAITING):
        if loaded(framework) is not None:
            _begin(framework)
    if not any(name in sys.modules for name in WAITING):
        _seen = count


def unmet() -> bool:
    """Whether `meet` may have something to do: nothing was imported since there was nothing."""
    return len(sys.modules) != _seen


def _begin(framework: str) -> None:
    """Do what waits for `framework`, once, and let every other thread wait until it is done."""
    with _LOCK:
        do = WAITING.get(framework)
        # In the thread that does it already it is not to begin again.
        if do is None or framework in _BEGUN:
            return
        _BEGUN.add(framework)
        try:
            do()
            del WAITING[framework]
        finally:
            _BEGUN.discard(framework)
