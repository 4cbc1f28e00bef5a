"""What a scored file comes to: plain numbers, in nats, for a program or for a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import exp, isfinite, log
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import BinaryProbs, Probs, entropy, validation
from .calibration import Bin, Calibrated
from .column import Array, InputError, in_python
from .confusion import Confusion
from .find import Roles
from .histogram import LossBin
from .interval import uncertain
from .kept import Kept
from .notebook import html
from .slices import Slice
from .tally import Tally

if TYPE_CHECKING:
    from .comparison import Comparison

_NAN = float("nan")
_NO_CALIBRATION = Calibrated(_NAN, _NAN, (), _NAN, _NAN, _NAN, _NAN, _NAN, 0)


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
class Report:
    """A prediction's cross-entropy and what surrounds it. Losses are in nats, rows count from 0.

    `cross_entropy` is Σ w H / Σ w; it is ∞ as soon as one event's is, and then
    `finite_cross_entropy` and `standard_error` are those of the other events. `target_entropy` is
    the least that any prediction can reach, above 0 for soft targets alone. Recall and accuracy
    are weighted like the loss. `interval` holds the mean at 95%, and `interval_method` says how it
    was found. `macro_cross_entropy` is the mean over the classes that occur, and `d2` the share of
    the class frequencies' H that the model takes away, as scikit-learn's d2_log_loss_score. Where a
    column holds log q of tokens, H is that of a token, and `bits_per_byte` and `bits_per_character`
    are NaN unless their lengths are known. With calibration, H of the `calibration_events` that
    were drawn is `uncertainty` - `discrimination` + `miscalibration`, scores would best be divided
    by `temperature`, which takes `temperature_gain` off H, and the labels of `suspicious` rows are
    likely wrong; without it these are NaN and empty. `histogram` and `confusion` are there where
    `pictures` were asked for.
    """

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

    def as_dict(self) -> dict[str, Any]:
        """The same as `to_dict`."""
        return self.to_dict()

    def rows(self) -> dict[str, Array]:
        """Of every scored row `row`, `cross_entropy`, and `probability` and `rank` of the truth.

        Raises:
            InputError: the rows were not kept, as `plogq score` keeps none.
        """
        return dict(self._kept("rows").columns)

    def compare(self, other: Report, *, worst: int = 10) -> Comparison:
        """How far `other` is from this prediction of the same rows; see `plogq.score.Difference`.

        Raises:
            InputError: the rows, truths, weights or tasks are not the same, or were not kept.
        """
        from .comparison import compared

        one, two = self._kept("compare").losses, other._kept("compare").losses
        if one.name == two.name:
            one, two = (replace(x, name=f"{x.name} ({i})") for i, x in ((1, one), (2, two)))
        with in_python():
            return compared([(self, one), (other, two)], worst)

    def plot(self, ax: Any = None) -> Any:
        """The reliability curve, drawn by matplotlib on `ax` or on a new figure; the axes.

        Raises:
            ModuleNotFoundError: matplotlib is not installed.
            InputError: the report has no calibration.
        """
        from .plots import reliability

        return reliability(self, ax)

    def to_html(self) -> str:
        """The report as one page of HTML, as `plogq report` writes it; the distribution of losses,
        the confusion and the calibration are there where `pictures=True` asked for them.

        Raises:
            ModuleNotFoundError: Jinja2 or matplotlib is not installed.
        """
        from .web import page

        return page([(self.file, self)])

    def save_html(self, path: str | PathLike[str]) -> None:
        """Write the same to a file.

        Raises:
            ModuleNotFoundError: Jinja2 or matplotlib is not installed.
            InputError: it cannot be written.
        """
        from .web import write_page

        write_page(self.to_html(), Path(path))

    def _repr_html_(self) -> str:
        from .show import show

        return html(lambda console: show(self, console, 20))

    def _kept(self, what: str) -> Kept:
        if self.kept is None:
            raise InputError(
                f"{what}() needs the loss of every row, which this report does not hold: make it "
                "with plogq.evaluate"
            )
        return self.kept


def make_report(
    file: str, roles: Roles, tally: Tally, rows: int, left_out: int, bad: int,
    first_bad: Sequence[BadRow], number: Callable[[Array], Array],
) -> Report:  # fmt: skip
    """The totals as a report; there is at least one event. `number` tells the row number of a
    place, see `Batch.place`."""
    loss = float("inf") if tally.infinite else tally.loss.mean
    tokens = roles.form == "tokens"
    error, interval, method = uncertain(tally.loss, tally.clusters, tally.first, tally.infinite)
    c = _NO_CALIBRATION if tally.calibration is None else tally.calibration.result(number)
    classes = [] if tokens else _classes(tally, roles, c)
    there = [line.cross_entropy for line in classes if line.count]
    baselines = [] if tokens else _baselines(tally, roles, loss)
    return Report(
        file=file,
        reasons=roles.reasons,
        row_count=rows,
        events=tally.events,
        left_out=left_out,
        bad_rows=bad,
        first_bad=tuple(first_bad),
        weight=tally.weight,
        cross_entropy=loss,
        finite_cross_entropy=tally.loss.mean if tally.loss.count else float("nan"),
        standard_error=error,
        infinite=tally.infinite,
        interval=interval,
        interval_method=method,
        target_entropy=tally.target_entropy,
        perplexity=_exp(loss),
        accuracy=float("nan") if tokens else tally.accuracy,
        macro_cross_entropy=sum(there) / len(there) if there else float("nan"),
        d2=baselines[-1].share if baselines else float("nan"),
        tokens=tally.tokens.total(),
        bits_per_byte=_ratio(tally.loss.total / log(2), tally.bytes.total()),
        bits_per_character=_ratio(tally.loss.total / log(2), tally.characters.total()),
        slices=tuple(tally.slice_lines()),
        brier=c.brier,
        calibration_error=c.calibration_error,
        reliability=c.reliability,
        temperature=c.temperature,
        temperature_gain=c.temperature_gain,
        uncertainty=c.uncertainty,
        discrimination=c.discrimination,
        miscalibration=c.miscalibration,
        calibration_events=c.events,
        suspicious=tuple(_suspicious(tally, roles, number)),
        baselines=tuple(baselines),
        classes=tuple(classes),
        worst=tuple(_worst(tally, roles, number)),
        histogram=() if tally.pictures is None else tally.pictures.histogram.result(),
        confusion=None if tally.pictures is None else tally.pictures.mass.result(),
    )


def _baselines(tally: Tally, roles: Roles, loss: float) -> list[Baseline]:
    """A prediction of Q for every row has H = H(mean P, Q), and so its least value, at
    Q = mean P, is the entropy of the class frequencies."""
    count = len(roles.classes)
    if roles.form == "multi":
        shares = BinaryProbs(tally.mass / tally.weight)
        uniform, constant = log(2), float(entropy(shares))
        pairs = (("uniform", uniform), ("class frequencies", constant))
        return [_baseline(name, h, loss) for name, h in pairs]
    with validation("off"):
        uniform = float(entropy(Probs(np.full(count, 1 / count))))
        frequencies = tally.mass / tally.mass.sum()
        target = BinaryProbs(frequencies[1:]) if roles.binary else Probs(frequencies)
        constant = float(entropy(target))
    pairs = (("uniform", uniform), ("class frequencies", constant))
    return [_baseline(name, h, loss) for name, h in pairs]


def _baseline(name: str, h: float, loss: float) -> Baseline:
    return Baseline(name, h, h - loss, (h - loss) / h if h > 0 else float("nan"))


def _classes(tally: Tally, roles: Roles, calibrated: Calibrated) -> list[ClassRow]:
    fitted = calibrated.classes or [(_NAN, _NAN)] * len(roles.classes)
    means, recalls = tally.class_means().tolist(), tally.class_recalls().tolist()
    parts = zip(roles.classes, tally.class_count.tolist(), means, recalls, fitted, strict=True)
    return [ClassRow(name, n, h, right, *both) for name, n, h, right, both in parts]


def _worst(tally: Tally, roles: Roles, number: Callable[[Array], Array]) -> list[WorstRow]:
    if not len(tally.worst):
        return []
    key, places, *others = tally.worst.columns
    parts: list[list[Any]] = [x.tolist() for x in (number(places), *others, -key)]
    if roles.form == "tokens":
        return [WorstRow(row, "", q, "", h) for row, _, q, _, h in zip(*parts, strict=True)]
    labels = roles.classes
    answers = ("no", "yes") if roles.form == "multi" else labels
    lines = zip(*parts, strict=True)
    return [WorstRow(row, labels[int(y)], q, answers[int(k)], h) for row, y, q, k, h in lines]


def _suspicious(tally: Tally, roles: Roles, number: Callable[[Array], Array]) -> list[WorstRow]:
    if tally.calibration is None:
        return []
    places, *others = tally.calibration.suspicious(max(tally.worst.most, 1))
    names = roles.classes
    parts: list[list[Any]] = [x.tolist() for x in (number(places), *others)]
    lines = zip(*parts, strict=True)
    return [WorstRow(row, names[int(y)], q, names[int(k)], _minus_log(q)) for row, y, q, k in lines]


def _minus_log(q: float) -> float:
    return -log(q) if q > 0 else float("inf")


def _ratio(total: float, weight: float) -> float:
    return float(total / weight) if weight > 0 else float("nan")


def _exp(loss: float) -> float:
    # math.exp raises where the result is too large, and a mean of huge losses is no error.
    return exp(loss) if loss < 709 else float("inf")


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
