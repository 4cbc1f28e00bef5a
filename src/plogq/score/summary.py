"""What a scored file comes to: plain numbers, in nats, for a program or for a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite, log
from typing import Any, cast

from .calibration import Bin
from .confusion import Confusion
from .histogram import LossBin
from .kept import Kept
from .slices import Slice

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A prediction that is the same for every row, and what the model gains on it."""

    name: str
    cross_entropy: float
    gain: float
    share: float


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: its events, their mean H in nats, and the share of them predicted right. With
    calibration, what the model tells of whether it is this class beyond how often it comes, and
    what isotonic regression would gain on that, in nats; NaN without, and for more than 50
    classes."""

    label: str
    count: int
    cross_entropy: float
    recall: float
    discrimination: float = _NAN
    miscalibration: float = _NAN


@dataclass(frozen=True, slots=True)
class WorstRow:
    """An event of high loss: the probability given to its label, and the class predicted."""

    row: int
    label: str
    probability: float
    predicted: str
    cross_entropy: float


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be scored, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a report holds, as `Report` explains it: numbers alone."""

    file: str
    reasons: tuple[str, ...]
    row_count: int
    events: int
    left_out: int
    bad_rows: int
    first_bad: tuple[BadRow, ...]
    weight: float
    cross_entropy: float
    finite_cross_entropy: float
    standard_error: float
    infinite: int
    interval: tuple[float, float]
    interval_method: str
    target_entropy: float
    perplexity: float
    accuracy: float
    macro_cross_entropy: float
    d2: float
    tokens: float
    bits_per_byte: float
    bits_per_character: float
    slices: tuple[Slice, ...]
    brier: float
    calibration_error: float
    reliability: tuple[Bin, ...]
    temperature: float
    temperature_gain: float
    uncertainty: float
    discrimination: float
    miscalibration: float
    calibration_events: int
    suspicious: tuple[WorstRow, ...]
    baselines: tuple[Baseline, ...]
    classes: tuple[ClassRow, ...]
    worst: tuple[WorstRow, ...]
    histogram: tuple[LossBin, ...] = ()
    confusion: Confusion | None = None
    kept: Kept | None = field(default=None, repr=False, compare=False)

    @property
    def bits(self) -> float:
        """The cross-entropy in bits."""
        return self.cross_entropy / log(2)

    @property
    def bits_standard_error(self) -> float:
        """The standard error in bits."""
        return self.standard_error / log(2)

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON, which knows no ∞ and no NaN: they become None."""
        plain = asdict(replace(self, kept=None))
        del plain["kept"]
        plain = {"rows" if key == "row_count" else key: v for key, v in plain.items()}
        plain["bits"] = self.bits
        plain["bits_standard_error"] = self.bits_standard_error
        return without_infinities(plain)


def without_infinities(value: Any) -> Any:
    """Plain values for JSON, with None for what is no finite number."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {key: without_infinities(item) for key, item in items.items()}
    if isinstance(value, list | tuple):
        return [without_infinities(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
