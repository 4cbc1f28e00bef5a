"""P as a linear functional: its mass, and its expectation of any costs.

Whatever wrappers P has, it comes down to at most three parts, each of them linear in the costs
c_j = -log q_j of one event:

    E_P[c] = Σ_t value_t · c[index_t]                  (sparse: Labels, SparseProbs)
           + event · Σ_j class_j · probs_j · c_j       (dense: Probs)
           + Σ_r factor_r · Σ_j class_rj · c_j         (background: Smoothed)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from .limits import is_array, slope_at, without_junk
from .open_lengths import count

Array = Any


@dataclass(slots=True, eq=False, repr=False)
class Background:
    """Mass spread over all classes: `factor` per event times `classes` [K] (None: all ones)."""

    factor: Array
    classes: Array | None = None


@dataclass(slots=True, eq=False, repr=False)
class Measure:
    """P over K exclusive classes: its sparse part, its dense part and its background.

    `events` is the shape of the events. `index` and `value` are [*events, T] (`value` None: ones).
    `dense` has its classes on `axis`; `event` [*events] and `class_weight` [K] scale it (None:
    ones). `sums` are the sums of `dense` over the classes, where they are known already. `total` is
    the mass where the parts are only those of some of the classes: set once they are cut, a
    constant and not one of the `arrays`.
    """

    reads: ClassVar = "classes"

    events: tuple[int, ...]
    classes: int
    index: Array | None = None
    value: Array | None = None
    dense: Array | None = None
    axis: int = -1
    event: Array | None = None
    class_weight: Array | None = None
    sums: Array | None = None
    background: tuple[Background, ...] = ()
    total: Array | None = None

    def arrays(self) -> tuple[Array | None, ...]:
        """Every array that it holds, None where a part is absent; `filled` takes them back."""
        stored = (self.index, self.value, self.dense, self.event, self.class_weight, self.sums)
        if not self.background:
            return stored
        return (*stored, *(x for b in self.background for x in (b.factor, b.classes)))

    def filled(self, arrays: tuple[Array | None, ...]) -> Measure:
        """The same measure with these arrays in place of its own, in the order of `arrays`."""
        index, value, dense, event, class_weight, sums, *spread = arrays
        return Measure(
            self.events,
            self.classes,
            index,
            value,
            dense,
            self.axis,
            event,
            class_weight,
            sums,
            tuple(map(Background, spread[::2], spread[1::2])) if spread else (),
            self.total,
        )

    def adjoint(self, costs: Array, d_loss: Array, xp: Any) -> tuple[Array | None, ...]:
        """The gradient of Σ d_loss · E_P[costs] with respect to each of `arrays`.

        E_P is linear in every part, so each gets what it is multiplied by; 0 · ∞ = 0 here too.
        """
        value = dense = event = class_weight = None
        if self.index is not None and self.value is not None:
            chosen = slope_at(xp, self.value, xp.gather(costs, self.index))
            value = xp.times(xp.expand(d_loss), chosen)
        if self.dense is not None:
            scale = xp.expand(d_loss if self.event is None else d_loss * self.event)
            own = scale if self.class_weight is None else scale * self.class_weight
            p = xp.weights(xp.to_last(self.dense, self.axis))
            dense = xp.from_last(xp.times(own, slope_at(xp, p, costs)), self.axis)
            if self.class_weight is not None:
                steps = slope_at(xp, self.class_weight, costs)
                class_weight = xp.sum_events(xp.times(xp.times(scale, p), steps))
            if self.event is not None:
                weighted = xp.times(self._dense_classes(xp), costs)
                event = xp.times(d_loss, slope_at(xp, self.event, xp.sum_classes(weighted)))
        spread: list[Any] = []
        for part in self.background:
            each = costs if part.classes is None else xp.times(part.classes, costs)
            spread.append(xp.times(d_loss, slope_at(xp, part.factor, xp.sum_classes(each))))
            scale = xp.expand(xp.times(part.factor, d_loss))
            known = None if part.classes is None else xp.sum_events(xp.times(scale, costs))
            spread.append(known)
        return (None, value, dense, event, class_weight, None, *spread)

    def along(self, costs: Array, tangents: tuple[Array | None, ...], xp: Any) -> Array:
        """The change of E_P[costs] per event as `arrays` change by `tangents`."""
        total = xp.full(self.events, 0.0, self._like())
        _, value, dense, event, class_weight, _, *spread = tangents
        nothing = replace(self, index=None, value=None, dense=None, sums=None, background=())
        if value is not None:
            total = total + replace(nothing, index=self.index, value=value).expect(costs, xp)
        if self.dense is not None:
            own = replace(nothing, dense=self.dense)
            for name, x in (("dense", dense), ("event", event), ("class_weight", class_weight)):
                if x is not None:
                    total = total + replace(own, **{name: x}).expect(costs, xp)
        for part, factor, classes in zip(self.background, spread[::2], spread[1::2], strict=True):
            if factor is not None:
                moved = Background(factor, part.classes)
                total = total + replace(nothing, background=(moved,)).expect(costs, xp)
            if classes is not None:
                moved = Background(part.factor, classes)
                total = total + replace(nothing, background=(moved,)).expect(costs, xp)
        return total

    def _like(self) -> Array:
        """An array that says which device this measure is on."""
        return next(x for x in self.arrays() if x is not None)

    def mass(self, xp: Any) -> Array:
        """Σ_j p_j per event."""
        if self.total is not None:
            return self.total
        total = xp.full(self.events, 0.0, self._like())
        if self.index is not None:
            total = total + (
                self.index.shape[-1] if self.value is None else xp.sum_classes(self.value)
            )
        if self.dense is not None:
            sums = self.sums
            if sums is None:
                sums, _ = xp.row_sums(self.dense, self.axis, self.class_weight)
            total = total + self._scaled(xp, sums)
        for part in self.background:
            spread = self.classes if part.classes is None else xp.sum_classes(part.classes)
            total = total + part.factor * spread
        return total

    def unit_mass(self) -> bool:
        """Whether every event has mass 1 by construction: labels without wrappers."""
        return (
            self.index is not None
            and self.index.shape[-1] == 1
            and self.value is None
            and self.dense is None
            and not self.background
            and self.total is None
        )

    def beyond_one_background(self) -> str | None:
        """Why a kernel for one background does not do this, or None."""
        if len(self.background) > 1:
            return "P is smoothed more than once around class weights; one background is done here"
        return None

    def total_mass(self, xp: Any) -> Any:
        """Σ p over all events."""
        return count(self.events) if self.unit_mass() else xp.total(self.mass(xp))

    def values(self, xp: Any) -> Array:
        index: Any = self.index
        return xp.full(xp.shape(index), 1.0, index) if self.value is None else self.value

    def expect(self, costs: Array, xp: Any) -> Array:
        """E_P[costs] for costs [*events, K], with 0 · ∞ = 0."""
        total = xp.full(self.events, 0.0, self._like())
        if self.index is not None:
            total = total + xp.sum_classes(xp.times(self.values(xp), xp.gather(costs, self.index)))
        if self.dense is not None:
            total = total + self._scaled(
                xp, xp.sum_classes(xp.times(self._dense_classes(xp), costs))
            )
        for part in self.background:
            spread = costs if part.classes is None else xp.times(part.classes, costs)
            total = total + xp.times(part.factor, xp.sum_classes(spread))
        return total

    def dense_parts(self, xp: Any) -> tuple[Array, Array]:
        """P as two [*events, K] arrays: the sparse part, and everything else."""
        shape = (*self.events, self.classes)
        sparse = (
            xp.full(shape, 0.0, self._like())
            if self.index is None
            else xp.scatter(self.index, self.values(xp), self.classes)
        )
        rest = xp.full(shape, 0.0, self._like())
        if self.dense is not None:
            dense = self._dense_classes(xp)
            rest = rest + (dense if self.event is None else xp.times(xp.expand(self.event), dense))
        for part in self.background:
            factor = xp.expand(part.factor)
            rest = rest + (factor if part.classes is None else factor * part.classes)
        return sparse, rest

    def scaled(self, xp: Any, factor: Any) -> Measure:
        """The same measure times `factor`: a number, or one number per event."""
        each = xp.expand(factor) if is_array(factor) else factor
        return replace(
            self,
            value=None if self.index is None else xp.times(each, self.values(xp)),
            event=None if self.dense is None else xp.times(factor, self._event(xp)),
            background=tuple(
                replace(b, factor=xp.times(factor, b.factor)) for b in self.background
            ),
        )

    def smoothed(self, xp: Any, epsilon: float, to: Array | None = None) -> Measure:
        """A share epsilon of the mass of every event spread evenly over the classes, or as `to`
        says: [K], or [*events, K]."""
        if epsilon == 0.0:
            return self
        kept = self.scaled(xp, 1.0 - epsilon)
        if to is not None and to.ndim > 1:
            return kept.beside(xp, self.mass(xp) * epsilon, to)
        if to is not None:
            share = Background(self.mass(xp) * epsilon, xp.weights(to))
            return replace(kept, background=(*kept.background, share))
        share = Background(self.mass(xp) * (epsilon / self.classes))
        if kept.background and kept.background[-1].classes is None:
            share = Background(kept.background[-1].factor + share.factor)
            return replace(kept, background=(*kept.background[:-1], share))
        return replace(kept, background=(*kept.background, share))

    def beside(self, xp: Any, factor: Array, classes: Array) -> Measure:
        """The same measure, and `factor` per event times `classes` [*events, K] on top of it."""
        if self.dense is not None:
            own = xp.times(xp.expand(self._event(xp)), self._dense_classes(xp))
            classes = own + xp.times(xp.expand(factor), xp.weights(classes))
            factor = None
        return replace(
            self, dense=classes, axis=len(self.events), event=factor, class_weight=None, sums=None
        )

    def class_weighted(self, xp: Any, weight: Array, nothing: Array | None = None) -> Measure:
        """Every p_j times weight_j; of events that weigh `nothing` all in all, p may be NaN."""
        weights = weight if self.class_weight is None else self.class_weight * weight
        sums = None
        if self.dense is not None and nothing is not None:
            sums = without_junk(xp, nothing, xp.row_sums(self.dense, self.axis, weights)[0])
        return replace(
            self,
            value=None if self.index is None else self.values(xp) * xp.take(weight, self.index),
            class_weight=weights,
            sums=sums,
            background=tuple(
                replace(b, classes=weight if b.classes is None else b.classes * weight)
                for b in self.background
            ),
        )

    def _event(self, xp: Any) -> Array:
        return xp.full(self.events, 1.0, self._like()) if self.event is None else self.event

    def _dense_classes(self, xp: Any) -> Array:
        dense = xp.weights(xp.to_last(self.dense, self.axis))
        if self.class_weight is not None and self.event is not None:
            # A NaN of an event that weighs nothing is not to meet the slope of a class's weight.
            nothing = xp.expand(xp.equal(self.event, 0.0))
            dense = without_junk(xp, nothing, dense)
        return dense if self.class_weight is None else xp.times(dense, self.class_weight)

    def _scaled(self, xp: Any, sums: Array) -> Array:
        return sums if self.event is None else xp.times(self.event, sums)
