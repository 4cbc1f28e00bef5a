"""P over independent yes/no outcomes, as kernels read it: a mass on yes and a mass on no."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from .limits import is_array, slope_at, weighed, without_junk
from .open_lengths import count

Array = Any


@dataclass(slots=True, eq=False, repr=False)
class BinaryMeasure:
    """P over independent yes/no outcomes: mass on yes and mass on no.

    yes = yes_1 · y + yes_0 · (1 - y) and no = no_1 · y + no_0 · (1 - y), times `event` where that
    is given: linear in the stored `target` y and in 1 - y: smoothing and weights cost no pass
    over the data, and no coefficient is negative, so that nothing cancels.
    """

    reads: ClassVar = "yes/no"

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
            return xp.total(self.mass(xp))
        return both * count(xp.shape(self.target))

    def _constant(self) -> float | None:
        """The mass that every event has by construction, where yes and no weigh the same."""
        one, zero = (yes + no for yes, no in zip(self.yes, self.no, strict=True))
        alike = isinstance(one, float) and isinstance(zero, float) and one == zero
        return one if alike else None
