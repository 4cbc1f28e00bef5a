"""Facts beside arrays, kept as long as the array lives, without touching it."""

from __future__ import annotations

import weakref
from typing import Any


class Store:
    """What is known of objects, by who they are."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def get(self, of: Any) -> Any:
        """What is known of an object, or None."""
        found = self._known.get(id(of))
        return found[1] if found is not None and found[0]() is of else None

    def set(self, of: Any, fact: Any) -> None:
        """Keep what is known of an object that can be referred to weakly."""
        at = id(of)
        known = self._known

        def gone(ref: Any) -> None:
            found = known.get(at)
            if found is not None and found[0] is ref:
                del known[at]

        try:
            known[at] = (weakref.ref(of, gone), fact)
        except TypeError:
            return

    def drop(self, of: Any) -> None:
        """Forget an object."""
        self._known.pop(id(of), None)

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()

    def __len__(self) -> int:
        return len(self._known)
