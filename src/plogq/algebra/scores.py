"""Q as kernels read it: scores as they are stored, what leads to them, or two predictions."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(slots=True, eq=False, repr=False)
class Versus:
    """P and Q both as predictions, and which function of the two every event is to have.

    `of` is "cross_entropy", "kl", "js" (P has the weight `share` in the mixture) or "entropy",
    which is of P alone and has no q. The measure beside it is the weight of every event. `wanted`
    says of which of Q and P a gradient is asked for, where a kernel may leave one out.

    Where these are some of the classes alone, `known` has m and R of all of them for Q and for P,
    and `over` adds up what several sums over these classes are, a list of them at a time.
    """

    of: str
    p: Scores | Projection
    q: Scores | Projection | None
    share: float = 0.5
    wanted: tuple[bool, bool] = (True, True)
    known: tuple[tuple[Array, Array], ...] = ()
    over: Any = None

    @property
    def reads(self) -> str:
        if self.known:
            return "sharded pair"
        linear = isinstance(self.p, Projection) or isinstance(self.q, Projection)
        return "linear pair" if linear else "pair"

    def sides(self) -> tuple[Scores | Projection, ...]:
        """Q, where there is one, and P."""
        return (self.p,) if self.q is None else (self.q, self.p)

    def wanting(self, needs: Sequence[bool]) -> Versus:
        """The same where a gradient is asked for of these of the arrays alone."""
        of_q = 0 if self.q is None else len(self.q.arrays())
        return replace(self, wanted=(any(needs[:of_q]), any(needs[of_q:])))

    def arrays(self) -> tuple[Array | None, ...]:
        return tuple(x for side in self.sides() for x in side.arrays())

    def filled(self, arrays: tuple[Array | None, ...]) -> Versus:
        if self.q is None:
            return replace(self, p=self.p.filled(arrays))
        of_q = len(self.q.arrays())
        return replace(self, q=self.q.filled(arrays[:of_q]), p=self.p.filled(arrays[of_q:]))
