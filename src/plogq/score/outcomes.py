"""What the events of a batch are where they are more than labels of classes."""

from __future__ import annotations

from dataclasses import dataclass

from .column import Array


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Yes/no outcomes of every event, shape (K, rows) or (rows, K) by `axis` of the classes: their
    losses, what is true, and whether the prediction says so."""

    loss: Array
    yes: Array
    right: Array
    axis: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many tokens every event has, and bytes and letters where that is known."""

    tokens: Array
    bytes: Array | None
    characters: Array | None
