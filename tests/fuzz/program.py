"""What a program is: P and Q as plain data, the arrays they name, and what is asked of them.

Nothing here knows the library. Representations hold the names of arrays, so that the same program
runs on the arrays of any framework, in any layout, and with other values in some places.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Arrays = dict[str, Array]


@dataclass(frozen=True)
class Labels:
    """One class per event."""

    index: str
    ignore: int | None = None


@dataclass(frozen=True)
class Probs:
    """A distribution per event, with the classes on `axis`."""

    probs: str
    axis: int = -1


@dataclass(frozen=True)
class Sparse:
    """A few classes per event, and their probabilities."""

    index: str
    probs: str


@dataclass(frozen=True)
class YesNo:
    """The probability of yes per event."""

    probs: str


@dataclass(frozen=True)
class Smoothed:
    target: Target
    epsilon: float


@dataclass(frozen=True)
class Weighted:
    """`classes` is the name of [K] weights, or for yes/no a pair of numbers or names."""

    target: Target
    sample: str | None = None
    classes: str | tuple[float | str, float | str] | None = None


Target = Labels | Probs | Sparse | YesNo | Smoothed | Weighted


@dataclass(frozen=True)
class Stored:
    """Stored scores, log-probabilities or probabilities; `kind` is Logits, LogProbs or Probs."""

    kind: str
    array: str
    axis: int = -1
    softcap: float | None = None


@dataclass(frozen=True)
class Linear:
    """Scores that are hidden · weightᵀ + bias."""

    hidden: str
    weight: str
    bias: str | None = None
    softcap: float | None = None


@dataclass(frozen=True)
class YesNoScores:
    """`kind` is BinaryLogits or BinaryProbs."""

    kind: str
    array: str


Prediction = Stored | Linear | YesNoScores


@dataclass(frozen=True)
class Shape:
    """A function of the losses: focal(gamma) or poly(epsilon)."""

    name: str
    amount: float


@dataclass(frozen=True)
class Program:
    """One call. `poison` holds other values for places that have mass 0."""

    function: str
    p: Target | None
    q: Prediction | None
    arrays: Arrays
    events: tuple[int, ...]
    classes: int
    reduction: str = "mean"
    normalizer: float | None = None
    z_loss: float = 0.0
    shape: Shape | None = None
    poison: Arrays = field(default_factory=dict)
    traits: frozenset[str] = frozenset()

    def with_arrays(self, arrays: Arrays) -> Program:
        return replace(self, arrays={**self.arrays, **arrays})

    def poisoned(self) -> Program:
        """The same program with nonsense where nothing counts."""
        return replace(self, arrays={**self.arrays, **self.poison}, poison={})


def base(p: Target) -> Labels | Probs | Sparse | YesNo:
    """What the wrappers are around."""
    while isinstance(p, Smoothed | Weighted):
        p = p.target
    return p


def wrappers(p: Target) -> list[str]:
    """The wrappers, the outermost first."""
    found: list[str] = []
    while isinstance(p, Smoothed | Weighted):
        found.append(type(p).__name__)
        p = p.target
    return found


def names_of_p(p: Target | None) -> list[str]:
    """The arrays that P holds, those of what it wraps first."""
    if p is None:
        return []
    if isinstance(p, Smoothed):
        return names_of_p(p.target)
    if isinstance(p, Weighted):
        sides = p.classes if isinstance(p.classes, tuple) else (p.classes,)
        own = [x for x in (p.sample, *sides) if isinstance(x, str)]
        return [*names_of_p(p.target), *own]
    if isinstance(p, Sparse):
        return [p.index, p.probs]
    return [p.index if isinstance(p, Labels) else p.probs]


def names_of_q(q: Prediction | None) -> list[str]:
    if q is None:
        return []
    if isinstance(q, Linear):
        return [x for x in (q.hidden, q.weight, q.bias) if x is not None]
    return [q.array]


def axis_of(r: Any) -> int:
    return getattr(r, "axis", -1)


def title(program: Program) -> str:
    """What kind of program this is, in a few words: failures are told apart by it."""
    parts: list[str] = []
    if program.p is not None:
        parts.append(type(base(program.p)).__name__)
        parts[0] += "+" * bool(wrappers(program.p))
    if program.q is not None:
        kind = "LinearLogits" if isinstance(program.q, Linear) else program.q.kind
        parts.append(kind + ("(softcap)" if getattr(program.q, "softcap", None) else ""))
    asked = program.shape.name if program.shape else program.function
    penalty = "+z_loss" if program.z_loss else ""
    return f"{asked} {' × '.join(parts)}{penalty}{_widths(program)}"


def _widths(program: Program) -> str:
    """Whether P and Q are stored in numbers of different widths."""
    if program.p is None or program.q is None:
        return ""
    p, q = (
        program.arrays[n[-1]].dtype for n in (names_of_p(base(program.p)), names_of_q(program.q))
    )
    if p.kind in "iub" or p.itemsize == q.itemsize:
        return ""
    return " (P wider)" if p.itemsize > q.itemsize else " (Q wider)"


def text(program: Program) -> str:
    """The program in full, for whoever has to find out what went wrong."""
    with np.printoptions(precision=17, threshold=60, linewidth=100):
        arrays = [
            f"  {name}: {x.dtype.name} {x.shape} = {np.array2string(x)}"
            for name, x in program.arrays.items()
        ]
    options = f"reduction={program.reduction!r}"
    if program.normalizer is not None:
        options += f", normalizer={program.normalizer!r}"
    if program.z_loss:
        options += f", z_loss={program.z_loss!r}"
    if program.shape:
        options += f", then {program.shape.name}({program.shape.amount!r})"
    lines = [f"{program.function}(p, q, {options})", f"  p = {program.p}", f"  q = {program.q}"]
    return "\n".join([*lines, *arrays])
