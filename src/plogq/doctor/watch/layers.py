"""Which Keras layer is being called, and where it was made: set by Keras' watcher, read by all."""

from __future__ import annotations

import threading

from ..facts import Place

_local = threading.local()


def current() -> tuple[Place, str] | None:
    """The innermost layer's place and text."""
    stack: list[tuple[Place, str] | None] | None = getattr(_local, "stack", None)
    return stack[-1] if stack else None


def enter(known: tuple[Place, str] | None) -> None:
    """A layer is called; None: one of the user's own, in whose code the places are."""
    stack: list[tuple[Place, str] | None] | None = getattr(_local, "stack", None)
    if stack is None:
        stack = _local.stack = []
    stack.append(known)


def leave() -> None:
    """The layer is done."""
    _local.stack.pop()
