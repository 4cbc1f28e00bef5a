"""Running totals of events, the same in whatever order and batches they are taken in."""

from __future__ import annotations

import numpy as np

from ..native import _cpu
from ..native.sums import contiguous
from .calibration import Calibration
from .column import Array
from .events import Events
from .exact import Sums
from .find import Roles
from .least import Least
from .moments import Moments
from .outcomes import Lengths, Outcomes
from .pictures import Pictures
from .slices import Crossed, Groups, Slice

# Below so many events a standard error says little of the interval, and these are drawn again.
FEW = 300


class Tally:
    """All that a report needs of events, in memory that grows with the classes and slices and not
    with the rows."""

    def __init__(
        self, roles: Roles, worst: int, *, calibration: bool, pictures: bool = False
    ) -> None:
        count = len(roles.classes)
        self._form = roles.form
        self._by_class = roles.form in ("hard", "soft")
        self.loss = Moments(count if self._by_class else 1)
        self.slices = [Groups(name) for name in roles.by]
        self.clusters = None if roles.cluster is None else Groups(roles.cluster)
        # Of every column of slices, where there are clusters.
        self._crossed = [Crossed(name) for name in roles.by if roles.cluster is not None]
        self.calibration = Calibration(roles) if calibration else None
        self.pictures = Pictures(roles) if pictures else None
        self.tokens, self.bytes, self.characters = Sums(), Sums(), Sums()
        self.uncertainty = Sums()
        # Of the first events, their losses and weights.
        self._first = Least(FEW + 1)
        # Of the events of highest loss that, their truth, its probability, the class predicted.
        self.worst = Least(worst)
        self._counts = np.zeros(count, np.int64)
        # Correct events without weights, and the weights of others; events of which a share is.
        self._correct_counts = np.zeros(count, np.int64)
        self._correct, self._shares = Sums(count), Sums()
        # What P gives to every class, where that is not the weight of its events; their losses
        # where every event has one of every class.
        self._mass, self._class_loss = Sums(count), Sums(count)

    def add(self, events: Events) -> None:
        """Take in the events of one batch."""
        loss, weight = events.loss, events.weight
        if not len(loss):
            return
        self.loss.add(loss, weight, events.truth if self._by_class else None)
        places = [g.add(events.batch, events.index, loss, weight) for g in self._grouped]
        for crossed, place in zip(self._crossed, places, strict=False):
            crossed.take(place, places[-1], loss, weight)
        self._keep(events)
        if self.calibration is not None:
            self.calibration.add(events)
        if self.pictures is not None:
            self.pictures.add(events)
        if events.uncertainty is not None:
            self.uncertainty.add(_weighted(events.uncertainty, weight))
        if events.lengths is not None:
            self._lengths(events.lengths)
        elif events.outcomes is not None:
            self._outcomes(events, events.outcomes)
        else:
            self._classes(events)

    def merge(self, other: Tally) -> None:
        """Take in the events that another of the same roles has taken in."""
        self.loss.merge(other.loss)
        pairs = zip(self._grouped, other._grouped, strict=True)
        places = [mine.merge(theirs) for mine, theirs in pairs]
        for mine, theirs, place in zip(self._crossed, other._crossed, places, strict=False):
            mine.merge(theirs, place, places[-1])
        for mine, theirs in zip(self._kept, other._kept, strict=True):
            mine.merge(theirs)
        if self.calibration is not None and other.calibration is not None:
            self.calibration.merge(other.calibration)
        if self.pictures is not None and other.pictures is not None:
            self.pictures.merge(other.pictures)
        for mine, theirs in zip(self._sums, other._sums, strict=True):
            mine.merge(theirs)
        self._counts += other._counts
        self._correct_counts += other._correct_counts

    @property
    def _grouped(self) -> list[Groups]:
        return [*self.slices, *([] if self.clusters is None else [self.clusters])]

    def slice_lines(self) -> list[Slice]:
        """The slices of every column."""
        if not self._crossed:
            return [line for groups in self.slices for line in groups.slices()]
        pairs = zip(self.slices, self._crossed, strict=True)
        return [line for groups, crossed in pairs for line in groups.slices(crossed)]

    @property
    def _kept(self) -> tuple[Least, ...]:
        return self._first, self.worst

    @property
    def _sums(self) -> tuple[Sums, ...]:
        return (
            self.tokens, self.bytes, self.characters, self.uncertainty, self._correct,
            self._shares, self._mass, self._class_loss,
        )  # fmt: skip

    @property
    def events(self) -> int:
        """How many there were, those of infinite loss too."""
        return self.loss.count + self.infinite

    @property
    def infinite(self) -> int:
        """How many of them have infinite loss."""
        return int(self.loss.infinite.sum())

    @property
    def weight(self) -> float:
        """Of all events, those of infinite loss too."""
        return self.loss.whole_weight

    @property
    def first(self) -> Array:
        """The losses and weights of the first events, shape (2, n)."""
        return np.stack(self._first.columns[2:])

    @property
    def class_count(self) -> Array:
        """How many events of each class there are, or how often each outcome was yes."""
        return self.loss.counts + self.loss.infinite if self._by_class else self._counts

    def class_means(self) -> Array:
        """The mean loss of every class; NaN where it has no event."""
        if self._form == "multi":
            return self._class_loss.floats() / self.weight
        return self.loss.means()

    def class_recalls(self) -> Array:
        """The share of every class that was predicted right; NaN where it has no event."""
        there = self._mass.floats() if self._form == "multi" else self.loss.whole_weights()
        with np.errstate(invalid="ignore", divide="ignore"):
            return (self._correct.floats() + self._correct_counts) / there

    @property
    def accuracy(self) -> float:
        """The share of all events, by weight, that was predicted right."""
        if self._form == "multi":
            return self._shares.total() / self.weight
        return (self._correct.total() + int(self._correct_counts.sum())) / self.weight

    @property
    def mass(self) -> Array:
        """What P gives to every class in all, by weight."""
        return self.loss.whole_weights() if self._form == "hard" else self._mass.floats()

    @property
    def target_entropy(self) -> float:
        """The mean entropy of the targets."""
        return self.uncertainty.total() / self.weight

    def _keep(self, events: Events) -> None:
        places = events.places(np.arange(min(len(events.loss), self._first.most)))
        found = self._first.wanted(places)
        weight = np.ones(len(found)) if events.weight is None else events.weight[found]
        self._first.add(places[found], places[found], events.loss[found], weight)
        gains = -events.loss
        found = self.worst.wanted(gains)
        self.worst.add(
            gains[found],
            events.places(found),
            events.truth[found],
            events.given_to_truth(found),
            events.predicted(found),
        )

    def _lengths(self, found: Lengths) -> None:
        self.tokens.add(found.tokens)
        for sums, values in ((self.bytes, found.bytes), (self.characters, found.characters)):
            if values is not None:
                sums.add(values)

    def _outcomes(self, events: Events, found: Outcomes) -> None:
        axis, weight = found.axis, events.weight
        yes = found.yes > 0.5
        self._counts += yes.sum(axis=1 - axis)
        self._class_loss.add(*_by_class(found.loss, weight, axis))
        self._mass.add(*_by_class(found.yes, weight, axis))
        self._correct.add(*_by_class(yes & found.right, weight, axis))
        self._shares.add(_weighted(events.correct, weight))

    def _classes(self, events: Events) -> None:
        truth, weight, correct = events.truth, events.weight, events.correct
        if weight is None:
            _cpu.marked(contiguous(truth, np.int64), correct, self._correct_counts)
        else:
            self._correct.add(weight[correct], truth[correct])
        if events.soft is None:
            return
        axis, values = events.soft.axis, events.soft.values
        if axis is None:
            axis, values = 0, np.stack([1 - values.astype(np.float64), values])
        self._mass.add(*_by_class(values, weight, axis))


def _weighted(values: Array, weight: Array | None) -> Array:
    return values if weight is None else values * weight


def _by_class(values: Array, weight: Array | None, axis: int) -> tuple[Array, Array]:
    """Values of every class, which is on `axis`, times the weights of their rows; and the class of
    each."""
    count = int(values.shape[axis])
    classes: Array = np.arange(count).reshape((count, 1) if axis == 0 else (1, count))
    found = values.astype(np.float64)
    if weight is not None:
        found *= weight if axis == 0 else weight[:, None]
    return found.reshape(-1), np.broadcast_to(classes, values.shape).reshape(-1)
