"""Running totals over batches, in float64, that do not depend on where a batch ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, sqrt

import numpy as np

from .calibration import Calibration
from .column import Array
from .events import Events
from .pictures import Pictures
from .slices import Groups
from .totals import Lengths, Outcomes

# Below so many events a standard error says little of the interval, and these are drawn again.
FEW = 300


@dataclass(slots=True)
class Moments:
    """The weighted mean of a quantity and the standard error of that mean, in one pass.

    mean = Σ w x / Σ w, and its variance, by linearising that ratio, is
    n / (n - 1) · Σ w² (x - mean)² / (Σ w)², which for equal weights is s² / n. Batches are merged
    as by Chan, Golub and LeVeque (1983): no difference of large sums. The squares of the weights
    weigh a second mean, as the first is known at the end only, and
    Σ w² (x - mean)² = Σ w² (x - other)² + Σ w² (other - mean)². Sums are NumPy's, which are
    pairwise: a dot product goes to a BLAS, whose threads then fight with the reader's.
    """

    count: int = 0
    weight: float = 0.0
    mean: float = 0.0
    squared_weight: float = 0.0
    _other: float = 0.0
    _spread: float = 0.0

    def add(self, values: Array, weights: Array | None, total: float | None = None) -> None:
        """Take in more values, with a weight each (None: all 1); `total` is their plain sum, where
        it is known already."""
        if not len(values):
            return
        if weights is None:
            weight = squared = float(len(values))
            mean = other = (float(values.sum()) if total is None else total) / weight
            spread = float(np.square(values - mean).sum())
        else:
            squares = np.square(weights)
            weight, squared = float(weights.sum()), float(squares.sum())
            mean = float((weights * values).sum()) / weight
            # The square of a tiny weight can be 0.
            other = float((squares * values).sum()) / squared if squared else mean
            spread = float((squares * np.square(values - other)).sum())
        self.count += len(values)
        step = other - self._other
        share = squared / ((self.squared_weight + squared) or 1.0)
        self._spread += spread + step * step * self.squared_weight * share
        self._other += step * share
        self.squared_weight += squared
        self.weight += weight
        self.mean += (mean - self.mean) * (weight / self.weight)

    @property
    def standard_error(self) -> float:
        """Of the mean; NaN for fewer than two values."""
        if self.count < 2:
            return float("nan")
        off = self._other - self.mean
        spread = self._spread + self.squared_weight * off * off
        return sqrt(spread * self.count / (self.count - 1)) / self.weight


@dataclass(slots=True)
class Worst:
    """The events of highest loss: of equal ones the first, so that batches do not matter."""

    most: int
    loss: Array = field(default_factory=lambda: np.empty(0))
    rows: Array = field(default_factory=lambda: np.empty(0, np.int64))
    truth: Array = field(default_factory=lambda: np.empty(0, np.int64))
    given: Array = field(default_factory=lambda: np.empty(0))
    predicted: Array = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, events: Events) -> None:
        """Keep what is worse than what is kept."""
        if not self.most or not len(events.loss):
            return
        floor = self.loss[-1] if len(self.loss) == self.most else -np.inf
        index = np.flatnonzero(events.loss > floor)
        if len(index) > self.most:
            losses = events.loss[index]
            bar = np.partition(losses, -self.most)[-self.most]
            index = index[losses >= bar]
        if not len(index):
            return
        index = index[np.argsort(-events.loss[index], kind="stable")][: self.most]
        loss = np.concatenate([self.loss, events.loss[index]])
        order = np.argsort(-loss, kind="stable")[: self.most]
        self.loss = loss[order]
        self.rows = np.concatenate([self.rows, events.numbers(index)])[order]
        self.truth = np.concatenate([self.truth, events.truth[index]])[order]
        self.given = np.concatenate([self.given, events.given_to_truth(index)])[order]
        self.predicted = np.concatenate([self.predicted, events.predicted(index)])[order]


class Tally:
    """All that a report needs, in memory that grows with the classes and not with the rows."""

    def __init__(
        self, classes: int, worst: int, by: Sequence[str] = (), cluster: str | None = None
    ) -> None:
        self.loss = Moments()
        self.slices = [Groups(name) for name in by]
        self.clusters = None if cluster is None else Groups(cluster)
        self.first = np.empty((2, 0))
        self.calibration: Calibration | None = None
        self.pictures: Pictures | None = None
        self.tokens = self.nats = self.bytes = self.characters = 0.0
        self.uncertainty = Moments()
        self.infinite = 0
        self.infinite_weight = 0.0
        self.correct_weight = 0.0
        self.worst = Worst(worst)
        self.class_count = np.zeros(classes, np.int64)
        self.class_weight = np.zeros(classes)
        self.class_loss = np.zeros(classes)
        self.class_correct = np.zeros(classes)
        self.mass = np.zeros(classes)

    @property
    def weight(self) -> float:
        """Of all events, those of infinite loss too."""
        return self.loss.weight + self.infinite_weight

    @property
    def events(self) -> int:
        """How many there were, those of infinite loss too."""
        return self.loss.count + self.infinite

    def add(self, events: Events) -> None:
        """Take in the events of one batch."""
        self._losses(events.loss, events.weight)
        for groups in (*self.slices, *([] if self.clusters is None else [self.clusters])):
            groups.add(events.batch, events.index, events.loss, events.weight)
        if self.first.shape[1] <= FEW:
            weight = np.ones(len(events.loss)) if events.weight is None else events.weight
            more = np.stack([events.loss, weight])[:, : FEW + 1]
            self.first = np.concatenate([self.first, more], axis=1)
        if self.calibration is not None:
            self.calibration.add(events)
        if self.pictures is not None:
            self.pictures.add(events)
        if events.lengths is not None:
            self._lengths(events, events.lengths)
        else:
            self._classes(events)
        if events.uncertainty is not None:
            self.uncertainty.add(events.uncertainty, events.weight)
        self.worst.add(events)

    def _losses(self, loss: Array, weight: Array | None) -> None:
        total = float(loss.sum())
        if isfinite(total):
            self.loss.add(loss, weight, total)
            return
        finite = np.isfinite(loss)
        lost = ~finite
        self.infinite += int(lost.sum())
        self.infinite_weight += float(lost.sum() if weight is None else weight[lost].sum())
        self.loss.add(loss[finite], None if weight is None else weight[finite])

    def _lengths(self, events: Events, found: Lengths) -> None:
        self.tokens += found.tokens
        weight = events.weight
        self.nats += float((events.loss if weight is None else events.loss * weight).sum())
        self.bytes += found.bytes or 0.0
        self.characters += found.characters or 0.0

    def _outcomes(self, events: Events, found: Outcomes) -> None:
        self.class_count += found.count
        self.class_loss += found.loss
        self.class_weight += found.weight
        self.class_correct += found.correct
        self.mass += found.yes
        right = events.correct if events.weight is None else events.correct * events.weight
        self.correct_weight += float(right.sum())

    def _classes(self, events: Events) -> None:
        if events.outcomes is not None:
            self._outcomes(events, events.outcomes)
            return
        truth, weight, count = events.truth, events.weight, len(self.class_count)
        # One pass counts the events of each class and the correct ones among them.
        pairs = np.bincount(truth * 2 + events.correct, minlength=2 * count).reshape(count, 2)
        self.class_count += pairs.sum(axis=1)
        if weight is None:
            weighted, correct = pairs.sum(axis=1), pairs[:, 1]
            loss = events.loss
        else:
            weighted = np.bincount(truth, weight, count)
            correct = np.bincount(truth, weight * events.correct, count)
            loss = events.loss * weight
        self.class_weight += weighted
        self.class_correct += correct
        self.correct_weight += float(correct.sum())
        self.class_loss += np.bincount(truth, loss, count)
        self.mass += weighted if events.mass is None else events.mass
