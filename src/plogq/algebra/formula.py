"""The one formula, in a framework's own operations: H(P, Q) = mass · log1p(R) + E_P[d].

With scores s, m = max s, a the first place of m, gaps d_j = m - s_j ≥ 0 and
R = Σ_{j≠a} exp(-d_j) ≥ 0, log Z = m + log1p(R) and -log q_j = log1p(R) + d_j. For P ≥ 0 every
term is non-negative, so nothing cancels. Stored probabilities are the same line with log Z = 0 and
d_j = -log q_j; yes/no outcomes are the same line with scores (0, z).

It answers the kernel contract, so it is what runs where every kernel has refused.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from typing import Any, NamedTuple

from . import versus
from .contract import Forward, in_steps
from .limits import finite, least_normal, size, without_junk
from .measure import Measure
from .scores import BinaryScores, Projection, Scores, Versus
from .yes_no import BinaryMeasure

Array = Any


# Of millions of the greatest gaps there are, this share has a sum. A gap so small that its share is
# no normal number has a log1p(R) of 0.69 beside it.
_SHARE = 2.0**-24


class Gaps(NamedTuple):
    """-log q_j = log1p(rest) + part_j / share; classes last, `greatest` with the class axis kept.

    Gaps between finite scores are kept and summed as a share of themselves that never overflows, so
    that a share of a gap that does overflow stays finite (N1).
    """

    greatest: Array
    rest: Array  # R
    part: Array
    share: float
    first: Array | None  # True at a; None for stored probabilities


class Formula:
    """The formula as a kernel that refuses nothing stored."""

    name = "formula"

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if isinstance(scores, (Scores, BinaryScores, Projection, Versus)):
            return None
        return "the formula needs all classes in one place"

    def stored(self, scores: Any) -> Any:
        """Scores that are not computed yet, computed; others as they are."""
        if not isinstance(scores, Projection):
            return scores
        xp, q = self.xp, scores
        with xp.quiet():
            z = xp.matmul(xp.statistics(q.hidden), xp.to_last(xp.statistics(q.weight), 0))
            if q.bias is not None:
                z = z + xp.statistics(q.bias)
        return Scores("logits", z, z.ndim - 1, q.softcap)

    def carried(self, q: Projection, gradient: Array, nothing: Any) -> tuple[Array, ...]:
        """The gradient of the scores, carried to hidden, weight and bias.

        What nothing flows back to may be NaN, and 0 · NaN would be too.
        """
        xp = self.xp
        hidden = xp.cast_like(xp.matmul(gradient, xp.statistics(q.weight)), q.hidden)
        kept = without_junk(xp, xp.expand(nothing), xp.statistics(q.hidden))
        flat, rows = xp.rows(gradient), xp.rows(kept)
        weight = xp.cast_like(xp.matmul(xp.to_last(flat, 0), rows), q.weight)
        bias = None if q.bias is None else xp.cast_like(xp.sum_events(flat), q.bias)
        return hidden, weight, bias

    def stopped(self, measure: Measure, d_loss: Any, d_log_z: Any) -> Array:
        """Which events nothing flows back to."""
        xp = self.xp
        none = xp.full(measure.events, 0.0, measure.mass(xp))
        flowing = xp.times(measure.mass(xp), xp.weights(d_loss) + none)
        return xp.equal(flowing, 0.0) & xp.equal(xp.weights(d_log_z) + none, 0.0)

    def forward(self, measure: Any, scores: Any, log_z: bool = False) -> Forward:
        if isinstance(scores, BinaryScores):
            return self._binary_forward(measure, scores)
        if isinstance(scores, Versus):
            return versus.forward(self, measure, scores)
        scores = self.stored(scores)
        with self.xp.quiet():
            xp, mass = self.xp, measure.mass(self.xp)
            gaps = self.gaps(scores, self.without(measure, mass))
            greatest = gaps.greatest[..., 0]
            offset = self.offset(greatest, gaps.rest)
            loss = xp.times(mass, offset)
            loss = loss + measure.expect(gaps.part, xp) / gaps.share
            like = xp.statistics(scores.array)
            return Forward(
                xp.cast_like(loss, like),
                xp.cast_like(greatest + offset, like),
                (xp.weights(greatest), xp.weights(gaps.rest)),
            )

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        if isinstance(scores, Versus):
            found = versus.backward(self, measure, scores, d_loss, d_log_z)
            return found if out is None else versus.placed(found, out)
        q, scores = scores, self.stored(scores)
        gradient = self.slope(measure, scores, residual, d_loss, d_log_z)
        with self.xp.quiet():
            gradient = self.xp.cast_like(gradient, scores.array)
            if isinstance(q, Projection):
                return self.carried(q, gradient, self.stopped(measure, d_loss, d_log_z))
        if out is not None:
            out[...] = gradient
            gradient = out
        return (gradient,)

    def slope(self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any) -> Array:
        """The gradient of stored scores, as wide as it was computed."""
        with self.xp.quiet():
            if isinstance(scores, BinaryScores):
                return self._binary_backward(measure, scores, d_loss, d_log_z)
            return self._backward(measure, scores, residual, d_loss, d_log_z)

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        return in_steps(self, self.xp, measure, scores, d_loss, z_loss, out)

    def costs(self, scores: Any) -> Any:
        """-log q at every class; for yes/no outcomes the pair (-log q, -log (1 - q)).

        Of two predictions what one unit of mass costs, on a class axis of length one.
        """
        if isinstance(scores, Versus):
            return versus.per_unit(self, scores)
        scores = self.stored(scores)
        with self.xp.quiet():
            if isinstance(scores, BinaryScores):
                return self._binary_costs(scores)[:2]
            gaps = self.gaps(scores)
            offset = self.offset(gaps.greatest[..., 0], gaps.rest)
            return self.xp.expand(offset) + gaps.part / gaps.share

    def offset(self, greatest: Array, rest: Array) -> Array:
        """log1p(R), and NaN where no class has a finite score: log q is -∞ - (-∞)."""
        return self.xp.where(self.xp.equal(greatest, -inf), nan, self.xp.log1p(rest))

    def without(self, measure: Measure, mass: Array) -> Array | None:
        """Which events have no mass at all, where some may not."""
        if measure.total is not None or measure.unit_mass():
            return None
        return self.xp.expand(self.xp.equal(mass, 0.0))

    def weightless(self, measure: Any, scores: Any) -> Array | None:
        """Which events have no mass at all, as lies beside their scores, where some may not."""
        xp = self.xp
        if isinstance(scores, BinaryScores):
            yes, no = measure.masses(xp)
            return xp.equal(yes, 0.0) & xp.equal(no, 0.0)
        nothing = self.without(measure, measure.mass(xp))
        return None if nothing is None else xp.from_last(nothing, scores.axis)

    def as_scores(self, scores: Scores, nothing: Array | None = None) -> Array:
        """What is stored as logits or log-probabilities, classes last.

        Of events on which nothing depends, a number whatever is stored: derivatives of derivatives
        must not meet a NaN there.
        """
        xp = self.xp
        stored = xp.statistics(xp.to_last(scores.array, scores.axis))
        if nothing is not None:
            stored = self._without_junk(stored, scores, nothing)
        if scores.kind == "probs":
            # log 0 is -∞, and its slope is nothing that a class without mass should see.
            nothing = xp.equal(stored, 0.0)
            return xp.where(nothing, -inf, xp.log(xp.where(nothing, 1.0, stored)))
        if scores.softcap is None:
            return stored
        # tanh rounds relative to the cap, not to the gap; float64 keeps the gap exact (N1).
        return scores.softcap * xp.tanh(xp.weights(stored) / scores.softcap)

    def _without_junk(self, stored: Array, scores: Scores, nothing: Array) -> Array:
        """The stored numbers, and 0 for those of weightless events that are none. Of logits those
        are not -∞ of classes that are ruled out beside others, and under a soft cap NaN alone."""
        xp = self.xp
        if scores.kind != "logits":
            return without_junk(xp, nothing, stored)
        if scores.softcap is not None:
            junk = ~((stored >= 0) | (stored < 0))
        else:
            others = xp.expand(xp.sum_classes(xp.where(finite(stored), 1.0, 0.0)) > 0)
            junk = ~finite(stored) & ~(xp.equal(stored, -inf) & others)
        return xp.where(nothing & junk, 0.0, stored)

    def gaps(self, scores: Scores, nothing: Array | None = None) -> Gaps:
        xp, s = self.xp, self.as_scores(scores, nothing)
        if scores.kind != "logits":
            zero = xp.cast_like(xp.full(xp.shape(s)[:-1], 0.0, s), s)
            return Gaps(xp.expand(zero), zero, -0.5 * s, 0.5, None)
        greatest, first = xp.max_first(s)
        # ∞ - ∞ at the first place of +∞ is no gap; elsewhere it is the NaN that N3 asks for.
        part = xp.where(first, 0.0, _SHARE * greatest - _SHARE * s)
        rest = xp.sum_classes(xp.where(first, 0.0, xp.exp(part / -_SHARE)))
        return Gaps(
            greatest, xp.where(xp.equal(greatest[..., 0], -inf), 0.0, rest), part, _SHARE, first
        )

    def _backward(
        self, measure: Measure, scores: Scores, residual: Any, d_loss: Any, d_log_z: Any
    ) -> Array:
        xp = self.xp
        d_loss = xp.expand(xp.weights(d_loss) + xp.full(measure.events, 0.0, scores.array))
        d_log_z = xp.expand(xp.weights(d_log_z) + xp.full(measure.events, 0.0, scores.array))
        sparse, outside = measure.dense_parts(xp)
        if scores.kind != "logits":
            if scores.kind == "probs":
                q = xp.statistics(xp.to_last(scores.array, scores.axis))
                gradient = -self._over(d_loss, sparse + outside, q)
            else:
                gradient = -d_loss * (sparse + outside)
            return xp.from_last(gradient, scores.axis)
        mass = measure.mass(xp)
        nothing = self.without(measure, mass) if residual is None else None
        s = self.as_scores(scores, nothing)
        if residual is None:
            gaps = self.gaps(scores, nothing)
            # Of equal greatest scores only the first is constant, if this is differentiated again.
            greatest, rest, top = gaps.greatest, xp.expand(gaps.rest), gaps.first
        else:
            greatest, rest = (xp.expand(x) for x in residual)
            s = xp.weights(s)
            top = xp.equal(s, greatest)
        # Nothing is left of an event whose scores are all -∞.
        rest = xp.where(xp.equal(greatest, -inf), nan, rest)
        # Not what ∞ - ∞ would be, whose slope is NaN.
        weight = xp.exp(-2.0 * xp.where(top, 0.0, 0.5 * greatest - 0.5 * s))
        total = rest + 1.0
        q = weight / total
        # 1 - q_a is R / (1 + R): never 1 - q_a with q_a ≈ 1 (N2).
        not_q = xp.where(top, rest, total - weight) / total
        mass = xp.expand(mass)
        sparse_mass = xp.expand(xp.sum_classes(sparse))
        # An event without mass stays with the other line, whose derivative by its weight is right.
        hard = xp.where(
            xp.equal(sparse, sparse_mass) & ~xp.equal(sparse, 0.0),
            -xp.times(sparse, not_q),
            xp.times(sparse_mass, q) - sparse,
        )
        gradient = (
            xp.times(d_log_z, q)
            + xp.times(d_loss, hard)
            + xp.times(d_loss, xp.times(mass - sparse_mass, q) - outside)
        )
        return self.through(gradient, scores, nothing)

    def through(self, gradient: Array, scores: Scores, nothing: Array | None = None) -> Array:
        """The gradient of what is stored, from that of what `as_scores` makes of it."""
        xp = self.xp
        if scores.kind == "probs":
            q = xp.statistics(xp.to_last(scores.array, scores.axis))
            q = q if nothing is None else without_junk(xp, nothing, q)
            gradient = self._over(xp.full(xp.shape(q), 1.0, q), gradient, q)
        elif scores.softcap is not None:
            stored = xp.weights(xp.to_last(scores.array, scores.axis))
            if nothing is not None:
                stored = self._without_junk(stored, scores, nothing)
            # d tanh = 4e / (1 + e)², e = exp(-2|x|): 1 - tanh² would cancel near the cap.
            e = xp.exp(-2.0 * size(self.xp, stored) / scores.softcap)
            gradient = xp.times(gradient, 4.0 * e / (1.0 + e) ** 2)
        return xp.from_last(gradient, scores.axis)

    def _over(self, weight: Array, mass: Array, x: Array) -> Array:
        """weight · mass / x, and 0 where the mass is 0 or nothing is asked, with derivatives that
        are numbers there too. A product that is no normal number is no measure of the quotient."""
        xp = self.xp
        weight, mass, x = (xp.weights(a) for a in (weight, mass, x))
        product = weight * mass
        nothing = xp.equal(weight, 0.0) | xp.equal(mass, 0.0)
        x = xp.where(nothing & (xp.equal(x, 0.0) | ~finite(x)), 1.0, x)
        lost = ~nothing & (size(self.xp, product) < least_normal(xp.dtype_name(product)))
        return xp.where(
            lost,
            weight * (xp.where(lost, mass, 0.0) / xp.where(lost, x, 1.0)),
            product / xp.where(lost, 1.0, x),
        )

    def _outcomes(self, masses: tuple[Array, Array], scores: BinaryScores) -> Array:
        """The scores of yes/no outcomes; of those without mass, a number whatever is stored."""
        xp = self.xp
        x = xp.statistics(scores.array)
        yes, no = masses
        return without_junk(xp, xp.equal(yes, 0.0) & xp.equal(no, 0.0), x)

    def _binary_forward(self, measure: BinaryMeasure, scores: BinaryScores) -> Forward:
        xp = self.xp
        with xp.quiet():
            yes, no = measure.masses(xp)
            x = self._outcomes((yes, no), scores)
            cost_yes, cost_no, log_z = self._binary_costs(replace(scores, array=x))
            loss = xp.times(yes, cost_yes) + xp.times(no, cost_no)
            return Forward(xp.cast_like(loss, x), xp.cast_like(log_z, x))

    def _binary_costs(self, scores: BinaryScores) -> tuple[Array, Array, Array]:
        """-log q, -log (1 - q) and log Z."""
        xp = self.xp
        x = xp.statistics(scores.array)
        if scores.kind == "logits":
            # Chosen by the sign, and not by |x| or max, whose derivatives at 0 are no side's.
            offset = xp.log1p(xp.exp(-size(self.xp, x)))
            cost_no = offset + xp.where(x >= 0, x, 0.0)
            return offset + xp.where(x >= 0, 0.0, -x), cost_no, cost_no
        sides = (x, 1.0 - x)
        safe = [xp.where(xp.equal(side, 0.0), 0.5, x) for side in sides]
        yes, no = -xp.log(safe[0]), -xp.log1p(-safe[1])
        yes, no = (
            xp.where(xp.equal(side, 0.0), inf, cost)
            for side, cost in zip(sides, (yes, no), strict=True)
        )
        return yes, no, xp.full(xp.shape(x), 0.0, x)

    def _binary_backward(
        self, measure: BinaryMeasure, scores: BinaryScores, d_loss: Any, d_log_z: Any
    ) -> Array:
        xp = self.xp
        yes, no = measure.masses(xp)
        x = self._outcomes((yes, no), scores)
        if scores.kind == "probs":
            d_loss = xp.weights(d_loss) + xp.weights(xp.full(xp.shape(x), 0.0, x))
            return self._over(d_loss, no, 1.0 - x) - self._over(d_loss, yes, x)
        e = xp.exp(-size(self.xp, x))
        q = xp.where(x >= 0, 1.0, e) / (1.0 + e)
        not_q = xp.where(x >= 0, e, 1.0) / (1.0 + e)
        slope = xp.times(d_loss, xp.times(no, q)) - xp.times(d_loss, xp.times(yes, not_q))
        # Masses may be wider than scores, and TensorFlow adds what is of one width.
        return slope + xp.cast_like(xp.times(d_log_z, q), slope)
