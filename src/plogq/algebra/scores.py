"""Q as kernels read it: scores as they are stored, or what leads to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

Array = Any


@dataclass(slots=True, eq=False, repr=False)
class Scores:
    """Q over K exclusive classes, as stored: `kind` is "logits", "log_probs" or "probs"."""

    reads: ClassVar = "stored"

    kind: str
    array: Array
    axis: int = -1
    softcap: float | None = None

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.array,)

    def filled(self, arrays: tuple[Array | None, ...]) -> Scores:
        return Scores(self.kind, arrays[0], self.axis, self.softcap)


@dataclass(slots=True, eq=False, repr=False)
class Projection:
    """Q as what leads to logits: hidden [*events, D] · weight [K, D]ᵀ + bias [K].

    Gradients of scores that are at most `filter` of their event's weight may be left out of the
    products that carry them to hidden and weight (None: none of them). `workspace` is how many
    bytes the scores that are there at a time may take (None: as the kernel has it).
    """

    reads: ClassVar = "linear"

    hidden: Array
    weight: Array
    bias: Array | None = None
    softcap: float | None = None
    filter: float | None = None
    workspace: int | None = None

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.hidden, self.weight, self.bias)

    def filled(self, arrays: tuple[Array | None, ...]) -> Projection:
        hidden, weight, bias = arrays
        return replace(self, hidden=hidden, weight=weight, bias=bias)


@dataclass(slots=True, eq=False, repr=False)
class BinaryScores:
    """Q over independent yes/no outcomes, as stored: `kind` is "logits" or "probs"."""

    reads: ClassVar = "stored"

    kind: str
    array: Array

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.array,)

    def filled(self, arrays: tuple[Array | None, ...]) -> BinaryScores:
        return replace(self, array=arrays[0])
