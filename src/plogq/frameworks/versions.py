"""The versions of each framework that plogq takes, and the sentence for one that does not fit.

The oldest are what the extras in pyproject.toml say, the newest those of constraints.txt; a test
holds them together. A newer one is taken as it is: it is named only where it lacks something.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

Found = TypeVar("Found")

OLDEST = {"torch": "2.5", "jax": "0.8", "tensorflow": "2.17", "keras": "3.5"}
NEWEST = {"torch": "2.13.0", "jax": "0.10.2", "tensorflow": "2.21.0", "keras": "3.15.1"}


def require(module: ModuleType) -> None:
    """Refuse a framework that is older than the oldest that plogq takes.

    Raises:
        ImportError: an older one, and the command that mends it.
    """
    name, has = module.__name__, _version(module)
    if _numbers(has) and _numbers(has) < _numbers(OLDEST[name]):
        raise ImportError(
            f"plogq takes {name} {OLDEST[name]} or newer, and {has} is loaded; write "
            f"pip install -U 'plogq[{name}]'"
        )


def fitting(load: Callable[[], Found], name: str) -> Found:
    """What `load` imports for the framework of this name.

    Raises:
        ImportError: the framework lacks what plogq uses of it, and is older than the oldest that
            plogq takes, or newer than the newest that it is tested with.
    """
    try:
        return load()
    except (ImportError, AttributeError) as error:
        module = sys.modules.get(name)
        if module is None or name not in OLDEST:
            raise
        require(module)
        has = _version(module)
        if _numbers(has) <= _numbers(NEWEST[name]):
            raise
        raise ImportError(
            f"plogq is tested with {name} {OLDEST[name]} to {NEWEST[name]}; {has} is loaded, and "
            f"plogq does not know it ({error}): write pip install '{name}<={NEWEST[name]}', or "
            "pip install -U plogq if that is newer"
        ) from error


def _version(module: ModuleType) -> str:
    return str(getattr(module, "__version__", ""))


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: 2.16.0rc1 gives 2, 16, 0."""
    found: list[int] = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
        if digits != part:
            break
    return tuple(found)
