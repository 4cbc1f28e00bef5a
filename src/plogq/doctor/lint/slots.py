"""What changes while a program is read: objects with slots, and scopes of names."""

from __future__ import annotations

from typing import Any


class Slots:
    """An object that can change: every change goes through the interpreter's journal."""

    __slots__ = ("slots",)

    def __init__(self, **slots: Any) -> None:
        self.slots: dict[Any, Any] = slots


class Scope(Slots):
    """Names, and the scope around them."""

    __slots__ = ("parent",)

    def __init__(self, parent: Scope | None) -> None:
        super().__init__()
        self.parent = parent

    def find(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            found = scope.slots.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None
