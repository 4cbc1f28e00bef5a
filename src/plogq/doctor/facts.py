"""What is known of an array: what made it, over which axis, through what, and where in the code.

Nothing here knows a framework or how the facts were found: reading code gives them, and so may
watching a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeVar

from .contracts import Contract

# A length that is known, a name that stands for one that is not, or nothing at all.
Length = int | str | None
Shape = tuple[Length, ...]


class Made(StrEnum):
    """What made the values of an array."""

    SOFTMAX = "softmax"
    LOG_SOFTMAX = "log_softmax"
    LOG_OF_SOFTMAX = "log of a softmax"
    LOG_OF_SCORES = "log of scores"  # or of log-probabilities: NaN below 0
    SIGMOID = "sigmoid"
    LOG_SIGMOID = "log_sigmoid"
    SCORES = "a linear layer"
    RELU = "relu"
    TANH = "tanh"
    ARGMAX = "argmax"
    ROUND = "round"
    THRESHOLD = "a threshold"
    HARD = "predicted classes"
    PROBABILITIES = "predicted probabilities"
    ONE_HOT = "one-hot rows"
    MULTI_HOT = "rows of independent zeros and ones"
    LABELS = "labels"
    NORMAL = "random normal numbers"
    UNIFORM = "random numbers in [0, 1)"
    COUNTS = "counts of classes"
    PADDED = "padded rows"
    DATA = "data"
    PARAMETER = "a parameter"
    NUMBERS = "numbers in the code"


PROBABILITIES = frozenset({Made.SOFTMAX, Made.SIGMOID, Made.PROBABILITIES})
UNBOUNDED = frozenset({Made.SCORES, Made.RELU})
# What a model puts out, as far as its last operation tells.
OUTPUTS = frozenset(
    {
        Made.SOFTMAX,
        Made.LOG_SOFTMAX,
        Made.LOG_OF_SOFTMAX,
        Made.SIGMOID,
        Made.LOG_SIGMOID,
        Made.SCORES,
        Made.RELU,
        Made.TANH,
        Made.PROBABILITIES,
    }
)
DECIDED = frozenset({Made.ARGMAX, Made.ROUND, Made.THRESHOLD, Made.HARD})


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the code: lines and columns from 1; in a notebook the line counts in its cell."""

    file: str
    line: int
    column: int = 1
    cell: int | None = None

    def __str__(self) -> str:
        where = f"{self.file}:cell {self.cell}" if self.cell is not None else self.file
        return f"{where}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Step:
    """One movement of the data between its maker and the loss."""

    verb: str  # "reshape", "transpose", "squeeze", "slice", "columns", "scale", "clip", "cast", …
    place: Place | None = None


@dataclass(frozen=True)  # of facts in a dictionary, which is copied at once
class Array:
    """What is known of one array.

    `axis` is where the classes lie now, counted as the code counts it: from the front where it is
    not negative, from the back where it is.
    """

    made: Made | None = None
    by: str = ""  # as written: "nn.Softmax(dim=1)"
    place: Place | None = None
    axis: int | None = None
    width: Length = None  # how many classes lie on the axis
    path: tuple[Step, ...] = ()
    shape: Shape | None = None
    kind: str | None = None  # "int", "float" or "bool"
    low: float | None = None
    high: float | None = None
    batched: bool = False  # the first axis counts events
    source: Array | None = None  # what it was made of
    across: int | None = None  # a softmax over this axis, and not over the classes of its source
    scrambled: Step | None = None  # a reshape that tore events and classes apart
    rising: bool | None = None  # of weights from counts: a more frequent class weighs more
    detached: bool = False
    ways: tuple[Array, ...] = ()  # outputs of a model, each on one way of a branch alone

    @property
    def rank(self) -> int | None:
        """How many axes it has, where that is known."""
        return None if self.shape is None else len(self.shape)

    @property
    def scaled(self) -> bool:
        """Whether arithmetic with numbers stands between the maker and here."""
        return any(step.verb in ("scale", "clip", "dropout") for step in self.path)

    @property
    def within_one(self) -> bool:
        """Whether its numbers are known to lie between 0 and 1."""
        return self.low is not None and self.high is not None and 0 <= self.low <= self.high <= 1

    @property
    def classes(self) -> int | None:
        """K, where the code shows it."""
        if isinstance(self.width, int):
            return self.width
        at = place_of(self.axis, self.rank)
        length = self.shape[at] if self.shape is not None and at is not None else None
        return length if isinstance(length, int) else None

    def but(self, **changes: Any) -> Array:
        """The same with some facts changed: `dataclasses.replace`, in a tenth of its time."""
        out = object.__new__(Array)
        facts = out.__dict__
        facts.update(self.__dict__)
        facts.update(changes)
        assert len(facts) == len(self.__dict__), changes
        return out


def place_of(axis: int | None, rank: int | None) -> int | None:
    """An axis counted from the front, or None where that cannot be told."""
    if axis is None or rank is None:
        return axis if axis is not None and axis >= 0 else None
    counted = axis + rank if axis < 0 else axis
    return counted if 0 <= counted < rank else None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One call of a loss: what it takes, and what it got."""

    loss: Contract
    place: Place
    prediction: Array | None  # None: its making was not seen
    target: Array | None
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    weight: Array | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Scores compared with a number, or a metric that does so, beside a loss on the same scores."""

    place: Place
    scores: Array
    threshold: float
    by: str  # as written: "logits > 0.5"


@dataclass(frozen=True, slots=True)
class HandWritten:
    """A loss written out as a sum: −Σ target · log(probabilities)."""

    place: Place
    logs: Array  # the logarithm
    target: Array | None
    mean_over_classes: bool = False
    over_events: bool = False  # summed over the events first, then the mean over the classes
    broadcast: bool = False  # (N, 1) times (N,)


Seen = Sighting | Cut | HandWritten


S = TypeVar("S", bound=Seen)


def ungraded(seen: S) -> S:
    """The same where no gradient is taken of it."""
    if isinstance(seen, HandWritten):
        return replace(seen, logs=seen.logs.but(detached=True))
    if isinstance(seen, Sighting) and seen.prediction is not None:
        return replace(seen, prediction=seen.prediction.but(detached=True))
    return seen
