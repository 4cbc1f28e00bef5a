"""Losses of single events, as optax and tf.nn give them: is their mean taken, or are some masked?

What is averaged as it came counts every event. Where something else is done with the losses first,
as a product with a mask, padding may be left out, and nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .sightings import Kind
from .store import Store

_MEANS = frozenset({"reduce_sum", "sum", "mean", "reduce_mean"})
_MOVES = frozenset({"reshape", "ravel", "squeeze", "convert_element_type", "cast", "identity"})


class Unreduced:
    """The losses of events that are on their way."""

    def __init__(self) -> None:
        self._kinds = Store()

    def gave(self, out: Any, kind: Kind | None) -> None:
        """A call that was noted gave these losses."""
        if kind is not None:
            self._kinds.set(out, kind)

    def follow(self, name: str, inputs: Sequence[Any], out: Any, with_axes: bool = False) -> None:
        """An operation was done; `with_axes` where the axes are an input of their own."""
        kind = self._kinds.get(inputs[0]) if inputs else None
        if kind is None:
            return
        operation = name.lower().strip("_")
        alone = len(inputs) == 1 or (with_axes and len(inputs) == 2)
        if operation in _MEANS and alone:
            kind.options["reduction"] = "mean"
        elif operation in _MOVES:
            self._kinds.set(out, kind)
