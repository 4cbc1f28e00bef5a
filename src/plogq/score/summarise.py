"""From running totals to the numbers of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, log
from typing import Any, TypeVar

import numpy as np

from ..checks import validation
from ..divergence import entropy
from ..representations.binary import BinaryProbs
from ..representations.targets import Probs
from .calibration import Calibrated
from .column import Array
from .find import Roles
from .interval import uncertain
from .summary import BadRow, Baseline, ClassRow, Summary, WorstRow
from .tally import Tally

_Summary = TypeVar("_Summary", bound=Summary)
_NAN = float("nan")
_NO_CALIBRATION = Calibrated(_NAN, _NAN, (), _NAN, _NAN, _NAN, _NAN, _NAN, 0)


def summarised(
    kind: type[_Summary], file: str, roles: Roles, tally: Tally, rows: int, left_out: int, bad: int,
    first_bad: Sequence[BadRow], number: Callable[[Array], Array],
) -> _Summary:  # fmt: skip
    """The totals as a summary of this kind; there is at least one event. `number` tells the row
    number of a place, see `Batch.place`."""
    loss = float("inf") if tally.infinite else tally.loss.mean
    tokens = roles.form == "tokens"
    error, interval, method = uncertain(tally.loss, tally.clusters, tally.first, tally.infinite)
    c = _NO_CALIBRATION if tally.calibration is None else tally.calibration.result(number)
    classes = [] if tokens else _classes(tally, roles, c)
    there = [line.cross_entropy for line in classes if line.count]
    baselines = [] if tokens else _baselines(tally, roles, loss)
    return kind(
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
