"""The oldest version of each framework that plogq takes, and the sentence for an older one.

The extras in pyproject.toml say the same, and a test holds the two together.
"""

from __future__ import annotations

from types import ModuleType

OLDEST = {"torch": "2.5", "jax": "0.4.35", "tensorflow": "2.16", "keras": "3.5"}


def require(module: ModuleType) -> None:
    """Refuse a framework that is older than the oldest that plogq takes.

    Raises:
        ImportError: an older one, and the command that mends it.
    """
    name = module.__name__
    has = str(getattr(module, "__version__", ""))
    if _numbers(has) and _numbers(has) < _numbers(OLDEST[name]):
        raise ImportError(
            f"plogq takes {name} {OLDEST[name]} or newer, and {has} is loaded; write "
            f"pip install -U 'plogq[{name}]'"
        )


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
