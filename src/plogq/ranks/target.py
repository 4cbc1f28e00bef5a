"""P cut to one rank's classes: its parts there, and its mass over all of them.

Labels, sparse targets and weights are whole on every rank, so each knows the mass of every event.
Of `Probs` a rank needs its slice only; the sums of whole rows, which masses and smoothing depend
on, come with the one sum over the ranks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from .. import checks
from ..algebra import shards
from ..algebra.limits import without_junk
from ..algebra.measure import Background, Measure
from ..errors import ShapeError
from ..frameworks import Verbs
from ..representations.base import like
from ..representations.targets import Probs, Target, sample_weight
from ..representations.wrappers import Smoothed, Weighted

Array = Any


class Cut(Protocol):
    """What a rank computes expectations of, and how their sums over the ranks make P again.

    `parts` are measures over this rank's classes and `sums` what else is to be summed, per event.
    """

    parts: list[Measure]
    sums: list[Array]

    def finish(self, expected: list[Array], sums: list[Array]) -> tuple[Measure, Array]:
        """This rank's measure with the mass of all, and E_P[gaps], from sums over the ranks."""
        ...


def cut(p: Target, xp: Verbs, classes: int, start: int, own: int) -> Cut:
    """P over `classes` classes, cut to `own` of them from `start` on.

    Raises:
        PlogqError: whatever the target refuses; Probs of another number of classes.
    """
    base = p
    while isinstance(base, Smoothed | Weighted):
        base = base.target
    window = _Window(start, own)
    if isinstance(base, Probs):
        return _Sliced(p, base, xp, classes, window)
    return _Whole(p, xp, classes, window)


@dataclass(slots=True)
class _Window:
    """A rank's classes among all."""

    start: int
    own: int

    def of(self, x: Array | None) -> Array | None:
        """These entries of an array [K]."""
        return None if x is None else x[self.start : self.start + self.own]

    def spread(self, background: tuple[Background, ...]) -> tuple[Background, ...]:
        return tuple(Background(b.factor, self.of(b.classes)) for b in background)


class _Whole:
    """A target that every rank has whole."""

    def __init__(self, p: Target, xp: Verbs, classes: int, window: _Window) -> None:
        whole = p.measure(xp, classes)
        stop = window.start + window.own
        part = shards.restricted(whole, window.start, stop - window.start, whole.mass(xp), xp)
        self.measure = replace(part, classes=classes)
        self.parts, self.sums = [self.measure], []

    def finish(self, expected: list[Array], sums: list[Array]) -> tuple[Measure, Array]:
        return self.measure, expected[0]


@dataclass(slots=True, eq=False, repr=False)
class _Rows:
    """The sums of whole rows, at every level of class weights that masses are asked for.

    Until the ranks have summed them up they are this rank's own, and no mass is right yet.
    """

    own: dict[int, Array] = field(default_factory=dict[int, Array])
    whole: dict[int, Array] | None = None


@dataclass(slots=True, eq=False, repr=False)
class _Slice(Measure):
    """Probabilities of which this rank has a slice of every row; all the rest is whole."""

    rows: Any = None
    window: Any = None
    level: int = 0  # how often classes have been weighted
    nothing: Any = None  # which events weigh nothing all in all

    def class_weighted(self, xp: Any, weight: Array, nothing: Array | None = None) -> Measure:
        weighted = Measure.class_weighted(self, xp, weight)
        return replace(weighted, level=self.level + 1, nothing=nothing)

    def mass(self, xp: Any) -> Array:
        known = self.rows.own if self.rows.whole is None else self.rows.whole
        if self.level not in known:
            weight = self.window.of(self.class_weight)
            known[self.level], _ = xp.row_sums(self.dense, self.axis, weight)
        sums = known[self.level]
        if self.nothing is not None:
            sums = without_junk(xp, self.nothing, sums)
        return Measure.mass(replace(self, sums=sums), xp)


class _Local(Probs):
    """The slice as a target, for the wrappers around it."""

    __slots__ = ("rows", "window")

    def measure(self, xp: Verbs, classes: int, weight: Any = None) -> Measure:
        axis = self.axis % self.probs.ndim
        return _Slice(
            self.events(), classes, dense=self.probs, axis=axis, rows=self.rows, window=self.window
        )


def around(p: Target, base: Target) -> Target:
    """The wrappers of p around another target."""
    if isinstance(p, Smoothed):
        return like(p, (around(p.target, base), p.to))
    if isinstance(p, Weighted):
        return Weighted(
            around(p.target, base), sample_weight=p.sample_weight, class_weight=p.class_weight
        )
    return base


class _Sliced:
    """Probabilities of which this rank has a slice, or takes one."""

    def __init__(self, p: Target, base: Probs, xp: Verbs, classes: int, window: _Window) -> None:
        self.xp, self.classes, self.window, self.rows = xp, classes, window, _Rows()
        local = _Local(_own_slice(base, classes, window), axis=base.axis, tolerance=base.tolerance)
        local.rows, local.window = self.rows, window
        self.local, self.target = local, around(p, local)
        self.rows.own[0], least = xp.row_sums(local.probs, local.axis % local.probs.ndim)
        self.checked = checks.checked(xp, local.probs)
        ones = xp.full(local.events(), 1.0, local.probs)
        self.weight = sample_weight(xp, p)
        if self.checked:
            # What the rows sum to is known once the ranks have met.
            self._check(ones, least)
        measure = self._measure()
        measure.mass(xp)
        dense = replace(self._cut(measure), background=(), sums=self.rows.own[measure.level])
        nothing = Measure(measure.events, classes)
        self.parts = [dense]
        for part in window.spread(measure.background):
            self.parts.append(replace(nothing, background=(Background(ones, part.classes),)))
        self.levels = sorted(self.rows.own)
        self.sums = [self.rows.own[level] for level in self.levels]

    def _check(self, sums: Array, least: Array) -> None:
        p = self.local
        axis = p.axis % p.probs.ndim
        checks.distribution(
            self.xp,
            p.probs,
            axis,
            sums,
            least,
            "Probs (as P)",
            p.tolerance,
            lambda: self.weight,
        )

    def _measure(self) -> _Slice:
        measure: Any = self.target.measure(self.xp, self.classes)
        return measure

    def _cut(self, m: _Slice) -> Measure:
        """What of a measure lies in this rank's classes."""
        return Measure(
            m.events,
            m.classes,
            dense=m.dense,
            axis=m.axis,
            event=m.event,
            class_weight=self.window.of(m.class_weight),
            background=self.window.spread(m.background),
        )

    def finish(self, expected: list[Array], sums: list[Array]) -> tuple[Measure, Array]:
        xp = self.xp
        self.rows.whole = dict(zip(self.levels, sums, strict=True))
        if self.checked:
            self._check(self.rows.whole[0], self.rows.whole[0])
        measure = self._measure()
        total = expected[0]
        for part, share in zip(measure.background, expected[1:], strict=True):
            total = total + xp.times(part.factor, share)
        return replace(self._cut(measure), total=measure.mass(xp)), total


def _own_slice(p: Probs, classes: int, window: _Window) -> Array:
    """The part of the probabilities that lies in this rank's classes."""
    count = p.class_count()
    if count == window.own:
        return p.probs
    if count != classes:
        raise ShapeError(
            f"P has {count} classes ({p.needs()}); over ranks Probs hold all {classes} of them, or "
            f"this rank's {window.own}"
        )
    place = (slice(None),) * (p.axis % p.probs.ndim)
    return p.probs[(*place, slice(window.start, window.start + window.own))]
