"""Changes that can be taken back, and branches whose ends are joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .slots import Slots
from .values import join, join_items, same, several

MISSING: Any = object()
Changed = dict[tuple[int, Any], tuple[Slots, Any, Any]]  # by object and slot


class Journal:
    """Every change of a slot, in order, with what stood there before."""

    def __init__(self) -> None:
        self.journal: list[tuple[Slots, Any, Any]] = []

    def write(self, target: Slots, key: Any, value: Any) -> None:
        """Change a slot so that it can be taken back."""
        self.journal.append((target, key, target.slots.get(key, MISSING)))
        target.slots[key] = value

    def rollback(self, mark: int) -> None:
        """Take back what was written since."""
        while len(self.journal) > mark:
            target, key, old = self.journal.pop()
            if old is MISSING:
                target.slots.pop(key, None)
            else:
                target.slots[key] = old

    def _written(self, mark: int) -> Changed:
        """What was written since, with the values that stand now."""
        out: Changed = {}
        for target, key, _ in self.journal[mark:]:
            out[id(target), key] = (target, key, target.slots.get(key, MISSING))
        return out

    def ways(self, runs: Sequence[Callable[[], bool]]) -> bool:
        """Take each way from here and join what they leave; false where none comes out."""
        outcomes: list[Changed] = []
        for run in runs:
            mark = len(self.journal)
            live = run()
            if live:
                outcomes.append(self._written(mark))
            self.rollback(mark)
        if not outcomes:
            return False
        for at in {k: None for out in outcomes for k in out}:
            target, key = next((out[at][0], out[at][1]) for out in outcomes if at in out)
            old = target.slots.get(key, MISSING)
            value = MISSING
            for out in outcomes:
                value = join_slot(value, out[at][2] if at in out else old, key)
            if value is not MISSING:
                self.write(target, key, value)
        return True


def join_slot(a: Any, b: Any, key: Any) -> Any:
    """What a slot may hold where two ways meet."""
    if a is MISSING:
        return b
    if b is MISSING or a is b:
        return a
    if key == "items" and (a is None or b is None or several(a) is not None):
        one, other = several(a), several(b)
        if one is None or other is None:
            return None
        return join_items(tuple(one), tuple(other))
    return a if key == "__global__" else join(a, b)


def same_slot(a: Any, b: Any) -> bool:
    """Whether a slot holds the same for all that is known."""
    one, other = several(a), several(b)
    if one is None or other is None:
        return a is b or same(a, b)
    return len(one) == len(other) and all(same(x, y) for x, y in zip(one, other, strict=True))
