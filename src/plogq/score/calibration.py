"""Is the model as sure as it is right? Reliability, Brier score, and what recalibration would gain.

H = uncertainty − discrimination + miscalibration: what the class frequencies leave open, what the
model tells beyond them, and what it would gain if its probabilities were brought to what they
come to. Sums and reliability are those of all events; what has to be fitted is fitted to a sample
that is drawn by row numbers, and so is the same however the rows are cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from ..checks import validation
from ..native import _cpu
from ..native.sums import contiguous
from .block import CODES, Block
from .column import Array, InputError
from .events import Events
from .exact import Sums
from .find import Roles
from .least import Least
from .probabilities import probabilities
from .recalibration import Answers, Classes

_BINS = 15
_NUMBERS, _MOST = 1 << 22, 1 << 14
_KEPT = 1000
_ANY = (1 << 64) - 1


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
    have to be fitted. Of several classes the probability is that of the class predicted, and
    `classes` holds discrimination and miscalibration of each against all others."""

    brier: float
    calibration_error: float
    reliability: tuple[Bin, ...]
    temperature: float
    temperature_gain: float
    uncertainty: float
    discrimination: float
    miscalibration: float
    events: int
    classes: tuple[tuple[float, float], ...] = ()


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
        self._weight, self._squares = Sums(), Sums()
        self._counts = np.zeros(_BINS, np.int64)
        # Of events without weights, which are counted: per bin, those that are right, and the
        # events of each class.
        self._plain, self._right = np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64)
        self._plain_of_class = np.zeros(len(roles.classes), np.int64)
        # Per bin: Σ w, Σ w q, Σ w right, Σ w².
        self._bins = tuple(Sums(_BINS) for _ in range(4))
        width = 1 if self._binary else len(roles.classes)
        # Keys, places, scores, targets, weights.
        self._sample = Least(max(1000, min(_MOST, _NUMBERS // width)))
        count = len(roles.classes)
        self._given, self._of_class = Sums(count), Sums(count)
        # How far the label is contradicted, places, labels, q of it, the most that any class gets,
        # and that class.
        self._doubtful = Least(_KEPT)

    def add(self, events: Events) -> None:
        """Take in the events of one batch."""
        if not len(events.loss):
            return
        if self._binary:
            self._add_answers(events)
        else:
            self._add_classes(events)

    def merge(self, other: Calibration) -> None:
        """Take in what another of the same roles has taken in."""
        for mine, theirs in zip(self._sums, other._sums, strict=True):
            mine.merge(theirs)
        self._counts += other._counts
        self._plain += other._plain
        self._right += other._right
        self._plain_of_class += other._plain_of_class
        self._sample.merge(other._sample)
        self._doubtful.merge(other._doubtful)

    @property
    def _sums(self) -> tuple[Sums, ...]:
        return self._weight, self._squares, *self._bins, self._given, self._of_class

    def _add_answers(self, events: Events) -> None:
        weight = np.ones(len(events.loss)) if events.weight is None else events.weight
        places = events.places(np.arange(len(events.loss)))
        z = events.prediction.values.astype(np.float64)
        y = events.target.astype(np.float64)
        keys = _shuffled(places)
        if z.ndim == 2:
            # Every outcome is an event here, and those of a row are drawn together or not at all.
            axis = events.prediction.axis or 0
            weight = weight / z.shape[axis]
            weight, keys, places = (
                np.broadcast_to(x if axis == 0 else x[:, None], z.shape).reshape(-1)
                for x in (weight, keys, places)
            )
            z, y = z.reshape(-1), y.reshape(-1)
        q = probabilities(z, self._roles.content, None)
        plain = events.weight is None and events.prediction.axis is None
        self._count(q, y, None if plain else weight)
        self._squared(np.square(q - y), None if plain else weight)
        found = self._sample.wanted(keys)
        keys, places, scores, target, drawn = (x[found] for x in (keys, places, z, y, weight))
        if self._roles.content == "probs":
            with np.errstate(divide="ignore"):
                scores = np.log(scores) - np.log1p(-scores)
        self._sample.add(keys, places, scores, target, drawn)
        if self._roles.form == "hard":
            yes = y.astype(np.int64)
            given = np.where(yes == 1, q, 1 - q)
            self._doubt(events, given, np.maximum(q, 1 - q))

    def _add_classes(self, events: Events) -> None:
        block, soft, weight = events.prediction, events.soft, events.weight
        axis = block.axis or 0
        shares, content = block, self._roles.content
        if content != "probs":
            shares = Block(probabilities(block.values.astype(np.float64), content, axis), axis)
        of_truth = events.given if content == "probs" else None
        given = shares.of_class(events.truth) if of_truth is None else of_truth
        top = shares.maxima()
        if soft is None:
            squares = _brier(shares, given)
            right = events.correct
        else:
            q = shares.values
            squares = np.square(q - soft.values.astype(np.float64)).sum(axis=axis)
            right = soft.of_class(q.argmax(axis=axis)).astype(np.float64)
        self._squared(squares, weight)
        self._count(top, right, weight)
        places = events.places(np.arange(len(top)))
        found, keys = self._drawn(places)
        if len(found):
            scores = block.rows(found).values.astype(np.float64)
            if self._roles.content == "probs":
                with np.errstate(divide="ignore"):
                    scores = np.log(scores)
            target = events.truth[found]
            if soft is not None:
                target = soft.rows(found).values
                target = target.T if soft.axis == 0 else target
            drawn = np.ones(len(found)) if weight is None else weight[found]
            scores = scores.T if axis == 0 else scores
            self._sample.add(keys, places[found], scores, target, drawn)
        if soft is None:
            self._doubt(events, given, top)

    def _drawn(self, places: Array) -> tuple[Array, Array]:
        """Which events may be in the sample, and their keys."""
        which, keys = _shuffled_below(places, self._sample.bar)
        found = self._sample.wanted(keys)
        return which[found], keys[found]

    def _squared(self, squares: Array, weight: Array | None) -> None:
        self._squares.add(squares if weight is None else weight * squares)
        if weight is not None:
            self._weight.add(weight)

    def _count(self, q: Array, right: Array, weight: Array | None) -> None:
        bins, counts = np.empty(len(q), np.int64), np.zeros(_BINS, np.int64)
        _cpu.binned(contiguous(q, q.dtype.type), CODES[q.dtype], counts, bins)
        self._counts += counts
        if weight is not None:
            for sums, values in zip(self._bins, (1.0, q, right, weight), strict=True):
                sums.add(weight * values, bins)
            return
        self._plain += counts
        self._bins[1].add(q, bins)
        if self._roles.form == "hard":
            _cpu.marked(bins, right.astype(bool, copy=False), self._right)
        else:
            self._bins[2].add(right, bins)

    def _doubt(self, events: Events, given: Array, top: Array) -> None:
        """Keep the events that contradict their label the most."""
        truth, weight = events.truth, events.weight
        self._given.add(given if weight is None else weight * given, truth)
        if weight is None:
            self._plain_of_class += np.bincount(truth, minlength=self._of_class.size)
        else:
            self._of_class.add(weight, truth)
        off = np.subtract(given, top, dtype=np.float64)
        found = self._doubtful.wanted(off)
        found = found[off[found] < 0]
        predicted = events.predicted(found)
        places = events.places(found)
        given, top = given[found].astype(np.float64), top[found].astype(np.float64)
        self._doubtful.add(off[found], places, truth[found], given, top, predicted)

    def suspicious(self, most: int) -> tuple[Array, ...]:
        """Rows whose label is doubtful: another class gets at least what it gets on average where
        it is the label (Northcutt, Jiang and Chuang, 2021). Places, labels, their probabilities,
        and the other classes."""
        none = np.zeros(0, np.int64)
        if not len(self._doubtful):
            return none, none, np.zeros(0), none
        with np.errstate(invalid="ignore", divide="ignore"):
            usual = self._given.floats() / (self._of_class.floats() + self._plain_of_class)
        _, places, truth, given, top, predicted = self._doubtful.columns
        sure = np.flatnonzero(top >= usual[predicted])[:most]
        return places[sure], truth[sure], given[sure], predicted[sure]

    def result(self, number: Callable[[Array], Array]) -> Calibrated:
        """What it all comes to; there is at least one event. `number` tells the row number of a
        place: where all events are in the sample, their order does not depend on files then."""
        _, places, *parts = self._sample.columns
        order = np.argsort(_shuffled(number(places)), kind="stable")
        scores, target, weight = (part[order] for part in parts)
        fit = Answers(scores, target, weight) if self._binary else Classes(scores, target, weight)
        with validation("off"), np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            temperature, gain = fit.temperature()
            uncertainty, least = fit.uncertainty(), fit.recalibrated()
            classes = tuple(fit.each()) if isinstance(fit, Classes) else ()
        weight = self._weight.total() + int(self._plain.sum())
        return Calibrated(
            brier=self._squares.total() / weight,
            calibration_error=self._error() / weight,
            reliability=tuple(self._reliability()),
            temperature=temperature,
            temperature_gain=gain,
            uncertainty=uncertainty,
            discrimination=uncertainty - least,
            miscalibration=fit.loss - least,
            events=len(scores),
            classes=classes,
        )

    def _error(self) -> float:
        """Σ |how often it was right − how often it said so|, over bins of equal width."""
        _, predicted, right, _ = self._binned()
        return float(np.abs(right - predicted).sum())

    def _binned(self) -> tuple[Array, Array, Array, Array]:
        """Per bin Σ w, Σ w q, Σ w right, Σ w²."""
        weight, predicted, right, squared = (sums.floats() for sums in self._bins)
        return weight + self._plain, predicted, right + self._right, squared + self._plain

    def _reliability(self) -> list[Bin]:
        found: list[Bin] = []
        parts = (self._counts.tolist(), *(part.tolist() for part in self._binned()))
        for k, (count, weight, predicted, right, squared) in enumerate(zip(*parts, strict=True)):
            if count:
                share = right / weight
                error = (share * (1 - share) * squared) ** 0.5 / weight
                low, high = k / _BINS, (k + 1) / _BINS
                found.append(Bin(low, high, count, predicted / weight, share, error))
        return found


def _brier(block: Block, given: Array) -> Array:
    """The sum of squares of every row's prediction less its class; a class after the other, which
    saves a large array."""
    columns, found = block.columns, np.empty(len(block))
    dtype = columns[0].dtype
    _cpu.squares(columns, CODES[dtype], contiguous(given, dtype.type), found)
    return found


def _shuffled(numbers: Array) -> Array:
    """Row numbers in another order, which has nothing to do with theirs."""
    return _shuffled_below(numbers, None)[1]


def _shuffled_below(numbers: Array, most: int | None) -> tuple[Array, Array]:
    """Which of them come to no more than that (None: all), and to what."""
    which, found = np.empty(len(numbers), np.int64), np.empty(len(numbers), np.uint64)
    bar = _ANY if most is None else most
    count = _cpu.drawn(contiguous(numbers, np.int64), bar, which, found)
    return which[:count], found[:count]
