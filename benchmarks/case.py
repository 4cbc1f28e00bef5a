"""What a benchmark is: contenders that do the same work, and the figures that ours should reach."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Run = Callable[[], Any]

OURS = "plogq"
READ = "read"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do a case's work.

    `prepare` loads what it needs, makes the inputs ready and returns the function that is timed.
    That function returns a loss, or (loss, gradients), or, where `own_clock` is set, its seconds
    or a `Reading`.
    """

    name: str
    title: str
    prepare: Callable[[], Run]
    needs: tuple[str, ...] = ()
    own_clock: bool = False
    elements: int | None = None  # where it differs from its case
    memory: Callable[[], int] | None = None  # where that is not what this process adds
    warm: Callable[[], Any] | None = None  # before its memory is measured, in place of a first call


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock other than this process's has read: seconds a call, bytes held at the peak
    besides what was there before, and what the call returned."""

    seconds: float
    memory: int | None
    result: Any = None

    def __float__(self) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Work:
    """A case at one size: its contenders and what their numbers are divided by.

    `reference` gives the exact loss, for the error column, and `gradient_error` the error of the
    gradients that a contender returned. `result_bytes` is what the gradients themselves take, which
    is no extra memory. `close` removes what the contenders shared.
    """

    contenders: tuple[Contender, ...]
    elements: int
    reference: Callable[[], float] | None = None
    gradient_error: Callable[[Any], float] | None = None
    result_bytes: int = 0
    input_bytes: int = 0
    score_bytes: int = 0
    close: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Outcome:
    """What was measured of one contender: seconds a call, bytes of extra memory, relative error."""

    name: str
    title: str
    elements: int
    samples: list[float] = field(default_factory=list[float])
    memory: int | None = None
    error: float | None = None
    gradient_error: float | None = None

    @property
    def rate(self) -> float:
        return self.elements / self.median

    @property
    def median(self) -> float:
        ordered = sorted(self.samples)
        middle = len(ordered) // 2
        if len(ordered) % 2:
            return ordered[middle]
        return (ordered[middle - 1] + ordered[middle]) / 2


@dataclass(slots=True)
class Outcomes:
    """One case, measured: the contenders in order, and those left out, with the reason."""

    case: str
    title: str
    rows: dict[str, Outcome]
    left_out: dict[str, str]
    result_bytes: int = 0
    input_bytes: int = 0
    score_bytes: int = 0

    def median(self, name: str) -> float | None:
        row = self.rows.get(name)
        return row.median if row is not None and row.samples else None

    def rate(self, name: str) -> float | None:
        row = self.rows.get(name)
        return row.rate if row is not None and row.samples else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target beside what was measured; `met` is None where it could not be measured."""

    target: str
    measured: str
    met: bool | None


class Target(ABC):
    """A figure to reach."""

    @abstractmethod
    def judge(self, outcomes: Outcomes) -> Verdict:
        """What was measured, beside the figure."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table of cases. `work(quick)` gives it at full or at trying size.

    `absent` says why the case cannot be measured on this machine, or nothing, and `machine` what
    there is to say of the machine besides what holds for every case.
    """

    name: str
    title: str
    work: Callable[[bool], Work]
    targets: Sequence[Target] = ()
    memory: bool = True
    unit: str = "G elements/s"
    scale: float = 1e9  # elements a second in one unit
    held: str = "extra memory"  # what the memory column counts
    over_results: bool = False  # that memory is also given as a multiple of the gradients'
    yardstick: tuple[str, str] | None = None  # whose rate all are held against, and what it is
    absent: Callable[[], str | None] = lambda: None
    machine: Callable[[], dict[str, Any]] = dict[str, Any]
