"""What a batch of events comes to where they are more than labels of classes."""

from __future__ import annotations

from dataclasses import dataclass

from .column import Array


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Totals of the yes/no outcomes of a batch, one of each kind for every column: how often yes
    came, the (weighted) loss, and the weights of yes, of all and of yes that was predicted."""

    count: Array
    loss: Array
    yes: Array
    weight: Array
    correct: Array


@dataclass(frozen=True, slots=True)
class Lengths:
    """How many tokens the events of a batch have, and bytes and letters where that is known."""

    tokens: float
    bytes: float | None
    characters: float | None
