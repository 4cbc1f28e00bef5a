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

Array = Any


@dataclass(slots=True, frozen=True)
class Background:
    """Mass spread over all classes: `factor` per event times `classes` [K] (None: all ones)."""

    factor: Array
    classes: Array | None = None


@dataclass(slots=True, frozen=True)
class Measure:
    """P over K exclusive classes: its sparse part, its dense part and its background.

    `events` is the shape of the events. `index` and `value` are [*events, T] (`value` None: ones).
    `dense` has its classes on `axis`; `event` [*events] and `classes` [K] scale it (None: ones).
    """

    events: tuple[int, ...]
    classes: int
    index: Array | None = None
    value: Array | None = None
    dense: Array | None = None
    axis: int = -1
    event: Array | None = None
    class_weight: Array | None = None
    background: tuple[Background, ...] = ()

    def mass(self, xp: Any) -> Array:
        """Σ_j p_j per event."""
        total = xp.full(self.events, 0.0)
        if self.index is not None:
            total = total + xp.sum_classes(self.values(xp))
        if self.dense is not None:
            total = total + self._scaled(xp, xp.sum_classes(self._dense_classes(xp)))
        for part in self.background:
            spread = self.classes if part.classes is None else part.classes.sum()
            total = total + part.factor * spread
        return total

    def values(self, xp: Any) -> Array:
        return xp.full(self.index.shape, 1.0) if self.value is None else self.value  # type: ignore[union-attr]

    def expect(self, costs: Array, xp: Any) -> Array:
        """E_P[costs] for costs [*events, K], with 0 · ∞ = 0."""
        total = xp.full(self.events, 0.0)
        if self.index is not None:
            total = total + xp.sum_classes(
                xp.times(self.values(xp), xp.gather(costs, self.index))
            )
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
            xp.full(shape, 0.0)
            if self.index is None
            else xp.scatter(self.index, self.values(xp), self.classes)
        )
        rest = xp.full(shape, 0.0)
        if self.dense is not None:
            dense = self._dense_classes(xp)
            rest = rest + (dense if self.event is None else xp.expand(self.event) * dense)
        for part in self.background:
            factor = xp.expand(part.factor)
            rest = rest + (factor if part.classes is None else factor * part.classes)
        return sparse, rest

    def scaled(self, xp: Any, factor: Any) -> Measure:
        """The same measure times `factor`: a number, or one number per event."""
        each = xp.expand(factor) if hasattr(factor, "shape") else factor
        return replace(
            self,
            value=None if self.index is None else self.values(xp) * each,
            event=None
            if self.dense is None
            else (xp.full(self.events, 1.0) if self.event is None else self.event) * factor,
            background=tuple(replace(b, factor=b.factor * factor) for b in self.background),
        )

    def class_weighted(self, xp: Any, weight: Array) -> Measure:
        """Every p_j times weight_j."""
        return replace(
            self,
            value=None if self.index is None else self.values(xp) * xp.take(weight, self.index),
            class_weight=weight if self.class_weight is None else self.class_weight * weight,
            background=tuple(
                replace(b, classes=weight if b.classes is None else b.classes * weight)
                for b in self.background
            ),
        )

    def _dense_classes(self, xp: Any) -> Array:
        dense = xp.weights(xp.to_last(self.dense, self.axis))
        return dense if self.class_weight is None else dense * self.class_weight

    def _scaled(self, xp: Any, sums: Array) -> Array:
        return sums if self.event is None else xp.times(self.event, sums)


@dataclass(slots=True, frozen=True)
class Scores:
    """Q over K exclusive classes, as stored: `kind` is "logits", "log_probs" or "probs"."""

    kind: str
    array: Array
    axis: int = -1
    softcap: float | None = None


@dataclass(slots=True, frozen=True)
class Projection:
    """Q as what leads to logits: hidden [*events, D] · weight [K, D]ᵀ + bias [K]."""

    hidden: Array
    weight: Array
    bias: Array | None = None
    softcap: float | None = None


@dataclass(slots=True, frozen=True)
class BinaryMeasure:
    """P over independent yes/no outcomes: mass on yes and mass on no.

    yes = yes_1 · y + yes_0 · (1 - y) and no = no_1 · y + no_0 · (1 - y), times `event` where that is
    given: linear in the stored `target` y and in 1 - y, so that smoothing and weights cost no pass
    over the data, and no coefficient is negative, so that nothing cancels.
    """

    target: Array
    yes: tuple[Any, Any] = (1.0, 0.0)
    no: tuple[Any, Any] = (0.0, 1.0)
    event: Array | None = None

    def masses(self, xp: Any) -> tuple[Array, Array]:
        """The mass on yes and the mass on no, per event."""
        y = xp.weights(self.target)
        yes, no = (c[0] * y + c[1] * (1.0 - y) for c in (self.yes, self.no))
        return (yes, no) if self.event is None else (yes * self.event, no * self.event)


@dataclass(slots=True, frozen=True)
class BinaryScores:
    """Q over independent yes/no outcomes, as stored: `kind` is "logits" or "probs"."""

    kind: str
    array: Array


@dataclass(slots=True)
class Forward:
    """What `forward` owes: one loss and one log Z per event, and what `backward` needs."""

    loss: Array
    log_z: Array
    residual: Any = field(default=None)


class Kernel(Protocol):
    """One way to compute a pair.

    `d_loss` and `d_log_z` are per event. `fused` does forward and backward in one pass for a
    loss per event whose gradient weight is known beforehand: d_loss (a number), and
    z_loss · log²Z per unit of mass on top of it.
    """

    name: str

    def refuses(self, measure: Any, scores: Any) -> str | None:
        """A sentence that says why this kernel does not do this pair, or None if it does."""
        ...

    def forward(self, measure: Any, scores: Any) -> Forward: ...

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]: ...

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]: ...
