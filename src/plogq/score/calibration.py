"""Is the model as sure as it is right? Reliability, Brier score, and what recalibration would gain.

H = uncertainty − discrimination + miscalibration: what the class frequencies leave open, what the
model tells beyond them, and what it would gain if its probabilities were brought to what they
come to. Sums and reliability are those of all events; what has to be fitted is fitted to a sample
that is drawn by row numbers, and so is the same however the rows are cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from .. import Logits, log_normalizer, validation
from .column import Array, InputError
from .events import Events
from .find import Roles
from .recalibration import Answers, Classes

_BINS = 15
_NUMBERS, _MOST = 1 << 22, 1 << 14
_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Bin:
    """Events whose probability lies from `low` to `high`: its mean, how often it was right, and the
    standard error of that."""

    low: float
    high: float
    count: int
    predicted: float
    observed: float
    error: float


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What there is to say of calibration; `events` is how many those parts were fitted to that
    have to be fitted. Of several classes the probability is that of the class predicted."""

    brier: float
    calibration_error: float
    reliability: tuple[Bin, ...]
    temperature: float
    temperature_gain: float
    uncertainty: float
    discrimination: float
    miscalibration: float
    events: int


class Calibration:
    """Running totals, and the sample."""

    def __init__(self, roles: Roles) -> None:
        if find_spec("scipy") is None:
            raise InputError(
                "--calibration needs SciPy, which is not installed: pip install plogq[calibration]"
            )
        if roles.form == "tokens":
            raise InputError("--calibration needs the whole prediction, not log q of what happened")
        self._roles = roles
        self._binary = roles.binary or roles.form == "multi"
        self._weight = self._squares = 0.0
        # Per bin: events, Σ w, Σ w q, Σ w right, Σ w².
        self._bins = np.zeros((5, _BINS))
        width = 1 if self._binary else len(roles.classes)
        self._size = max(1000, min(_MOST, _NUMBERS // width))
        self._sample: tuple[Array, ...] = ()
        count = len(roles.classes)
        self._given, self._of_class = np.zeros(count), np.zeros(count)
        self._doubtful: tuple[Array, ...] = ()

    def add(self, events: Events) -> None:
        """Take in the events of one batch."""
        if not len(events.loss):
            return
        weight = np.ones(len(events.loss)) if events.weight is None else events.weight
        numbers = events.numbers(np.arange(len(events.loss)))
        if self._binary:
            self._add_answers(events, weight, numbers)
        else:
            self._add_classes(events, weight, numbers)

    def _add_answers(self, events: Events, weight: Array, numbers: Array) -> None:
        z = events.prediction.values.astype(np.float64)
        y = events.target.astype(np.float64)
        if z.ndim == 2:
            rows = z.shape[1] if events.prediction.axis == 0 else z.shape[0]
            shape = (1, rows) if events.prediction.axis == 0 else (rows, 1)
            weight = np.broadcast_to(
                weight.reshape(shape) / z.shape[events.prediction.axis or 0], z.shape
            )
            numbers = np.broadcast_to(numbers.reshape(shape), z.shape)
            z, y, weight, numbers = z.ravel(), y.ravel(), weight.ravel(), numbers.ravel()
        if self._roles.content == "probs":
            q = z
            with np.errstate(divide="ignore"):
                z = np.log(q) - np.log1p(-q)
        else:
            q = np.exp(-np.logaddexp(0.0, -z))
        self._weight += float(weight.sum())
        self._squares += float((weight * np.square(q - y)).sum())
        self._count(q, y, weight)
        self._draw(numbers, z, y, weight)
        if self._roles.form == "hard":
            yes = y.astype(np.int64)
            self._doubt(
                numbers,
                yes,
                np.where(yes == 1, q, 1 - q),
                np.maximum(q, 1 - q),
                (q > 0.5).astype(np.int64),
                weight,
            )

    def _add_classes(self, events: Events, weight: Array, numbers: Array) -> None:
        block = events.prediction
        values = block.values if block.axis == 1 else block.values.T
        values = values.astype(np.float64)
        if self._roles.content == "probs":
            with np.errstate(divide="ignore"):
                q, scores = values, np.log(values)
        else:
            scores = values
            q = np.exp(scores - np.asarray(log_normalizer(Logits(scores)))[:, None])
        rows = np.arange(len(q))
        given = q[rows, events.truth]
        if events.soft is None:
            target: Array = events.truth
            squares = np.square(q).sum(axis=1) - 2 * given + 1
        else:
            p = events.soft
            target = p.values if p.axis == 1 else p.values.T
            squares = np.square(q - target).sum(axis=1)
        self._weight += float(weight.sum())
        self._squares += float((weight * squares).sum())
        predicted = q.argmax(axis=1)
        top = q[rows, predicted]
        right = predicted == events.truth if events.soft is None else target[rows, predicted]
        self._count(top, right.astype(np.float64), weight)
        self._draw(numbers, scores, target, weight)
        if events.soft is None:
            self._doubt(numbers, events.truth, given, top, predicted, weight)

    def _count(self, q: Array, right: Array, weight: Array) -> None:
        place = np.minimum((q * _BINS).astype(np.int64), _BINS - 1)
        parts = (None, weight, weight * q, weight * right, weight * weight)
        self._bins += np.stack([np.bincount(place, part, _BINS) for part in parts])

    def _draw(self, numbers: Array, scores: Array, target: Array, weight: Array) -> None:
        """Keep the events whose row numbers come first when they are shuffled."""
        key = _shuffled(numbers)
        found = (key, scores, target, weight)
        if self._sample:
            if len(self._sample[0]) >= self._size:
                keep = key < self._sample[0][-1]
                found = tuple(part[keep] for part in found)
            found = tuple(map(np.concatenate, zip(self._sample, found, strict=True)))
        order = np.argsort(found[0], kind="stable")[: self._size]
        self._sample = tuple(part[order] for part in found)

    def _doubt(
        self,
        numbers: Array,
        truth: Array,
        given: Array,
        top: Array,
        predicted: Array,
        weight: Array,
    ) -> None:
        """Keep the events that contradict their label the most."""
        count = len(self._given)
        self._given += np.bincount(truth, weight * given, count)
        self._of_class += np.bincount(truth, weight, count)
        margin = top - given
        index = np.flatnonzero(margin > (self._doubtful[0][-1] if self._full() else 0.0))
        found: tuple[Array, ...] = tuple(
            part[index] for part in (margin, numbers, truth, given, top, predicted)
        )
        if self._doubtful:
            found = tuple(map(np.concatenate, zip(self._doubtful, found, strict=True)))
        order = np.argsort(-found[0], kind="stable")[:_KEPT]
        self._doubtful = tuple(part[order] for part in found)

    def _full(self) -> bool:
        return bool(self._doubtful) and len(self._doubtful[0]) == _KEPT

    def suspicious(self, most: int) -> list[tuple[int, int, float, int]]:
        """Rows whose label is doubtful: another class gets at least what it gets on average where
        it is the label (Northcutt, Jiang and Chuang, 2021). Row, label, its probability, class."""
        if not self._doubtful:
            return []
        with np.errstate(invalid="ignore", divide="ignore"):
            usual = self._given / self._of_class
        _, numbers, truth, given, top, predicted = self._doubtful
        sure = np.flatnonzero(top >= usual[predicted])[:most]
        parts = (numbers[sure], truth[sure], given[sure], predicted[sure])
        return [(int(n), int(t), float(g), int(p)) for n, t, g, p in zip(*parts, strict=True)]

    def result(self) -> Calibrated:
        """What it all comes to; there is at least one event."""
        _, scores, target, weight = self._sample
        fit = Answers(scores, target, weight) if self._binary else Classes(scores, target, weight)
        with validation("off"), np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            temperature, gain = fit.temperature()
            uncertainty, least = fit.uncertainty(), fit.recalibrated()
        return Calibrated(
            brier=self._squares / self._weight,
            calibration_error=self._error(),
            reliability=tuple(self._reliability()),
            temperature=temperature,
            temperature_gain=gain,
            uncertainty=uncertainty,
            discrimination=uncertainty - least,
            miscalibration=fit.loss - least,
            events=len(weight),
        )

    def _error(self) -> float:
        """Σ |how often it was right − how often it said so|, over bins of equal width."""
        _, _, predicted, right, _ = self._bins
        return float(np.abs(right - predicted).sum()) / self._weight

    def _reliability(self) -> list[Bin]:
        found: list[Bin] = []
        for k in range(_BINS):
            count, weight, predicted, right, squared = self._bins[:, k].tolist()
            if count:
                share = right / weight
                error = (share * (1 - share) * squared) ** 0.5 / weight
                found.append(
                    Bin(k / _BINS, (k + 1) / _BINS, int(count), predicted / weight, share, error)
                )
        return found


def _shuffled(numbers: Array) -> Array:
    """Row numbers in another order, which has nothing to do with theirs (SplitMix64)."""
    x = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
