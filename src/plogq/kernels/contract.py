"""What a kernel is given and what it owes: P as a measure, Q as scores, per-event losses.

P is a linear functional. Whatever wrappers it has, it comes down to at most three parts, each of
them linear in the costs c_j = -log q_j of one event:

    E_P[c] = Σ_t value_t · c[index_t]                  (sparse: Labels, SparseProbs)
           + event · Σ_j class_j · probs_j · c_j       (dense: Probs)
           + Σ_r factor_r · Σ_j class_rj · c_j         (background: Smoothed)

A kernel returns one loss and one log Z per event, never a reduction, and saves two numbers per
event for the gradient: the greatest score m and R = Σ_{j≠a} exp(s_j - m), a the first place of m.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..arrays.lengths import count
from .limits import slope_at, without_junk
from .sums import row_sums, total

Array = Any


def is_array(x: Any) -> bool:
    """Whether x is an array, and no plain number: one that a compiler leaves open included."""
    return not isinstance(x, (int, float)) and hasattr(x, "shape")


def weighed(weight: Any, coefficient: Any) -> Any:
    """weight · coefficient; what is plainly 0 stays so: no slope of the weight meets ∞ there."""
    nothing = not is_array(coefficient) and coefficient == 0.0
    return coefficient if nothing else coefficient * weight


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
                sums, _ = row_sums(xp, self.dense, self.axis, self.class_weight)
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
        return count(self.events) if self.unit_mass() else total(xp, self.mass(xp))

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

    def spread(self, xp: Any) -> tuple[Array, Array]:
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

    def class_weighted(self, xp: Any, weight: Array, nothing: Array | None = None) -> Measure:
        """Every p_j times weight_j; of events that weigh `nothing` all in all, p may be NaN."""
        weights = weight if self.class_weight is None else self.class_weight * weight
        sums = None
        if self.dense is not None and nothing is not None:
            sums = without_junk(xp, nothing, row_sums(xp, self.dense, self.axis, weights)[0])
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


@dataclass(slots=True, eq=False, repr=False)
class Scores:
    """Q over K exclusive classes, as stored: `kind` is "logits", "log_probs" or "probs"."""

    kind: str
    array: Array
    axis: int = -1
    softcap: float | None = None

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.array,)

    def filled(self, arrays: tuple[Array | None, ...]) -> Scores:
        return Scores(self.kind, arrays[0], self.axis, self.softcap)


@dataclass(slots=True, eq=False, repr=False)
class Projection:
    """Q as what leads to logits: hidden [*events, D] · weight [K, D]ᵀ + bias [K].

    Gradients of scores that are at most `filter` of their event's weight may be left out of the
    products that carry them to hidden and weight (None: none of them).
    """

    hidden: Array
    weight: Array
    bias: Array | None = None
    softcap: float | None = None
    filter: float | None = None

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.hidden, self.weight, self.bias)

    def filled(self, arrays: tuple[Array | None, ...]) -> Projection:
        hidden, weight, bias = arrays
        return replace(self, hidden=hidden, weight=weight, bias=bias)


@dataclass(slots=True, eq=False, repr=False)
class BinaryMeasure:
    """P over independent yes/no outcomes: mass on yes and mass on no.

    yes = yes_1 · y + yes_0 · (1 - y) and no = no_1 · y + no_0 · (1 - y), times `event` where that
    is given: linear in the stored `target` y and in 1 - y: smoothing and weights cost no pass
    over the data, and no coefficient is negative, so that nothing cancels.
    """

    target: Array
    yes: tuple[Any, Any] = (1.0, 0.0)
    no: tuple[Any, Any] = (0.0, 1.0)
    event: Array | None = None

    def arrays(self) -> tuple[Array | None, ...]:
        """Every array that it holds, None where a part is absent or a plain number."""
        held = (x if is_array(x) else None for x in (*self.yes, *self.no))
        return (self.target, self.event, *held)

    def filled(self, arrays: tuple[Array | None, ...]) -> BinaryMeasure:
        """The same measure with these arrays in place of its own, in the order of `arrays`."""
        target, event, *held = arrays
        known = (*self.yes, *self.no)
        sides = [old if new is None else new for new, old in zip(held, known, strict=True)]
        return replace(self, target=target, event=event, yes=tuple(sides[:2]), no=tuple(sides[2:]))

    def _costs(self, costs: tuple[Array, Array], xp: Any) -> tuple[Array, ...]:
        """What target, event and the four coefficients are multiplied by."""
        y, (cost_yes, cost_no) = self._outcomes(xp), map(xp.weights, costs)
        costs = cost_yes, cost_no
        at_yes, at_no = slope_at(xp, y, cost_yes), slope_at(xp, 1.0 - y, cost_no)
        slope = xp.times(self.yes[0] - self.yes[1], at_yes) + xp.times(
            self.no[0] - self.no[1], at_no
        )
        yes, no = replace(self, event=None).masses(xp)
        each = (slope, xp.times(yes, cost_yes) + xp.times(no, cost_no))
        if self.event is not None:
            each = (slope, slope_at(xp, self.event, each[1]))
        sides = (xp.times(m, c) for c in costs for m in (y, 1.0 - y))
        if self.event is None:
            return (*each, *sides)
        return tuple(
            x if i == 1 else xp.times(self.event, x) for i, x in enumerate((*each, *sides))
        )

    def adjoint(self, costs: tuple[Array, Array], d_loss: Array, xp: Any) -> tuple[Any, ...]:
        """The gradient of Σ d_loss · (yes · cost_yes + no · cost_no) with respect to `arrays`."""
        return tuple(
            None if x is None else xp.sum_to(xp.times(d_loss, c), xp.shape(x))
            for x, c in zip(self.arrays(), self._costs(costs, xp), strict=True)
        )

    def along(self, costs: tuple[Array, Array], tangents: tuple[Any, ...], xp: Any) -> Array:
        """The change of the loss per event as `arrays` change by `tangents`."""
        total = xp.full(xp.shape(self.target), 0.0, self.target)
        for x, c in zip(tangents, self._costs(costs, xp), strict=True):
            if x is not None:
                total = total + xp.times(xp.weights(x), c)
        return total

    def _outcomes(self, xp: Any) -> Array:
        """y; what is no number of an event that weighs nothing meets no slope of a weight."""
        y = xp.weights(self.target)
        return y if self.event is None else without_junk(xp, xp.equal(self.event, 0.0), y)

    def masses(self, xp: Any) -> tuple[Array, Array]:
        """The mass on yes and the mass on no, per event."""
        y = self._outcomes(xp)
        yes, no = (c[0] * y + c[1] * (1.0 - y) for c in (self.yes, self.no))
        if self.event is None:
            return yes, no
        return xp.times(self.event, yes), xp.times(self.event, no)

    def mass(self, xp: Any) -> Array:
        """The mass on yes and on no together, per event."""
        both = self._constant()
        if both is None:
            yes, no = self.masses(xp)
            return yes + no
        if self.event is None:
            return xp.full(xp.shape(self.target), both, self.target)
        return self.event * both

    def scaled(self, xp: Any, factor: float) -> BinaryMeasure:
        """The same measure times a number."""
        if self.event is not None:
            return replace(self, event=xp.times(factor, self.event))
        yes, no = (tuple(weighed(factor, c) for c in side) for side in (self.yes, self.no))
        return replace(self, yes=yes, no=no)

    def beyond_numbers(self) -> str | None:
        """Why a kernel for class weights that are numbers does not do this, or None."""
        if any(is_array(c) for c in (*self.yes, *self.no)):
            return "the class weights are arrays; numbers are done here"
        return None

    def total_mass(self, xp: Any) -> Any:
        """The mass of all events."""
        both = self._constant()
        if both is None or self.event is not None:
            return total(xp, self.mass(xp))
        return both * count(xp.shape(self.target))

    def _constant(self) -> float | None:
        """The mass that every event has by construction, where yes and no weigh the same."""
        one, zero = (yes + no for yes, no in zip(self.yes, self.no, strict=True))
        alike = isinstance(one, float) and isinstance(zero, float) and one == zero
        return one if alike else None


@dataclass(slots=True, eq=False, repr=False)
class BinaryScores:
    """Q over independent yes/no outcomes, as stored: `kind` is "logits" or "probs"."""

    kind: str
    array: Array

    def arrays(self) -> tuple[Array | None, ...]:
        return (self.array,)

    def filled(self, arrays: tuple[Array | None, ...]) -> BinaryScores:
        return replace(self, array=arrays[0])


@dataclass(slots=True, eq=False, repr=False)
class Forward:
    """What `forward` owes: a loss per event, log Z if it was asked for, what `backward` needs."""

    loss: Array
    log_z: Array = None
    residual: Any = field(default=None)


class Kernel(Protocol):
    """One way to compute a pair.

    `d_loss` and `d_log_z` are per event; with a `d_log_z` goes a forward that was asked for log Z,
    since one that was not may leave out events without mass. `fused` does forward and backward in
    one pass for a loss per event whose gradient weight is known beforehand: d_loss (a number), and
    z_loss · log²Z per unit of mass on top of it.
    """

    name: str

    def refuses(self, measure: Any, scores: Any) -> str | None:
        """A sentence that says why this kernel does not do this pair, or None if it does."""
        ...

    def forward(self, measure: Any, scores: Any, log_z: bool = False) -> Forward: ...

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]: ...

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]: ...


def in_steps(
    kernel: Kernel, xp: Any, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
) -> tuple[Forward, tuple[Any, ...]]:
    """`fused` by a forward and then a backward."""
    forward = kernel.forward(measure, scores, log_z=z_loss != 0)
    d_log_z: Any = 0.0
    if z_loss:
        with xp.quiet():
            slope = 2.0 * z_loss * xp.weights(forward.log_z)
            d_log_z = d_loss * xp.times(measure.mass(xp), slope)
    return forward, kernel.backward(measure, scores, forward.residual, d_loss, d_log_z, out)
