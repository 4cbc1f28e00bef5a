"""The one formula, in a framework's own operations: H(P, Q) = mass · log1p(R) + E_P[d].

With scores s, m = max s, a the first place of m, gaps d_j = m - s_j ≥ 0 and
R = Σ_{j≠a} exp(-d_j) ≥ 0, log Z = m + log1p(R) and -log q_j = log1p(R) + d_j. For P ≥ 0 every
term is non-negative, so nothing cancels. Stored probabilities are the same line with log Z = 0 and
d_j = -log q_j; yes/no outcomes are the same line with scores (0, z).

It answers the kernel contract, so it is what runs where every kernel has refused.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any, NamedTuple

from .kernels.contract import (
    BinaryMeasure,
    BinaryScores,
    Forward,
    Measure,
    Projection,
    Scores,
    in_steps,
)

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
        if isinstance(scores, (Scores, BinaryScores, Projection)):
            return None
        return "the formula needs all classes in one place"

    def stored(self, scores: Any) -> Any:
        """Scores that are not computed yet, computed; others as they are."""
        if not isinstance(scores, Projection):
            return scores
        xp, q = self.xp, scores
        z = xp.matmul(xp.statistics(q.hidden), xp.to_last(xp.statistics(q.weight), 0))
        if q.bias is not None:
            z = z + xp.statistics(q.bias)
        return Scores("logits", z, z.ndim - 1, q.softcap)

    def _carried(self, q: Projection, gradient: Array) -> tuple[Array, ...]:
        """The gradient of the scores, carried to hidden, weight and bias."""
        xp = self.xp
        hidden = xp.cast_like(xp.matmul(gradient, xp.statistics(q.weight)), q.hidden)
        flat, rows = xp.rows(gradient), xp.rows(xp.statistics(q.hidden))
        weight = xp.cast_like(xp.matmul(xp.to_last(flat, 0), rows), q.weight)
        bias = None if q.bias is None else xp.cast_like(xp.sum_events(flat), q.bias)
        return hidden, weight, bias

    def forward(self, measure: Any, scores: Any, log_z: bool = False) -> Forward:
        if isinstance(scores, BinaryScores):
            return self._binary_forward(measure, scores)
        scores = self.stored(scores)
        with self.xp.quiet():
            xp, gaps = self.xp, self._gaps(scores)
            greatest = gaps.greatest[..., 0]
            offset = self._offset(greatest, gaps.rest)
            loss = xp.times(measure.mass(xp), offset)
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
        q, scores = scores, self.stored(scores)
        with self.xp.quiet():
            if isinstance(scores, BinaryScores):
                gradient = self._binary_backward(measure, scores, d_loss, d_log_z)
            else:
                gradient = self._backward(measure, scores, residual, d_loss, d_log_z)
            gradient = self.xp.cast_like(gradient, scores.array)
            if isinstance(q, Projection):
                return self._carried(q, gradient)
        if out is not None:
            out[...] = gradient
            gradient = out
        return (gradient,)

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        return in_steps(self, self.xp, measure, scores, d_loss, z_loss, out)

    def costs(self, scores: Any) -> Any:
        """-log q at every class; for yes/no outcomes the pair (-log q, -log (1 - q))."""
        scores = self.stored(scores)
        with self.xp.quiet():
            if isinstance(scores, BinaryScores):
                return self._binary_costs(scores)[:2]
            gaps = self._gaps(scores)
            offset = self._offset(gaps.greatest[..., 0], gaps.rest)
            return self.xp.expand(offset) + gaps.part / gaps.share

    def _offset(self, greatest: Array, rest: Array) -> Array:
        """log1p(R), and NaN where no class has a finite score: log q is -∞ - (-∞)."""
        return self.xp.where(self.xp.equal(greatest, -inf), nan, self.xp.log1p(rest))

    def _scores(self, scores: Scores) -> Array:
        """What is stored as logits or log-probabilities, classes last."""
        xp = self.xp
        stored = xp.statistics(xp.to_last(scores.array, scores.axis))
        if scores.kind == "probs":
            return xp.log(stored)
        if scores.softcap is None:
            return stored
        # tanh rounds relative to the cap, not to the gap; float64 keeps the gap exact (N1).
        return scores.softcap * xp.tanh(xp.weights(stored) / scores.softcap)

    def _gaps(self, scores: Scores) -> Gaps:
        xp, s = self.xp, self._scores(scores)
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
        sparse, outside = measure.spread(xp)
        if scores.kind != "logits":
            gradient = -d_loss * (sparse + outside)
            if scores.kind == "probs":
                stored = xp.statistics(xp.to_last(scores.array, scores.axis))
                gradient = xp.times(gradient, 1.0 / stored)
            return xp.from_last(gradient, scores.axis)
        s = self._scores(scores)
        if residual is None:
            gaps = self._gaps(scores)
            # Of equal greatest scores only the first is constant, if this is differentiated again.
            greatest, rest, top = gaps.greatest, xp.expand(gaps.rest), gaps.first
        else:
            greatest, rest = (xp.expand(x) for x in residual)
            s = xp.weights(s)
            top = xp.equal(s, greatest)
        # Nothing is left of an event whose scores are all -∞.
        rest = xp.where(xp.equal(greatest, -inf), nan, rest)
        weight = xp.where(top, 1.0, xp.exp(-2.0 * (0.5 * greatest - 0.5 * s)))
        total = rest + 1.0
        q = weight / total
        # 1 - q_a is R / (1 + R): never 1 - q_a with q_a ≈ 1 (N2).
        not_q = xp.where(top, rest, total - weight) / total
        mass = xp.expand(measure.mass(xp))
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
        if scores.softcap is not None:
            stored = xp.weights(xp.to_last(scores.array, scores.axis))
            # d tanh = 4e / (1 + e)², e = exp(-2|x|): 1 - tanh² would cancel near the cap.
            e = xp.exp(-2.0 * xp.absolute(stored) / scores.softcap)
            gradient = xp.times(gradient, 4.0 * e / (1.0 + e) ** 2)
        return xp.from_last(gradient, scores.axis)

    def _binary_forward(self, measure: BinaryMeasure, scores: BinaryScores) -> Forward:
        xp = self.xp
        with xp.quiet():
            yes, no = measure.masses(xp)
            x = xp.statistics(scores.array)
            cost_yes, cost_no, log_z = self._binary_costs(scores)
            loss = xp.times(yes, cost_yes) + xp.times(no, cost_no)
            return Forward(xp.cast_like(loss, x), xp.cast_like(log_z, x))

    def _binary_costs(self, scores: BinaryScores) -> tuple[Array, Array, Array]:
        """-log q, -log (1 - q) and log Z."""
        xp = self.xp
        x = xp.statistics(scores.array)
        if scores.kind == "logits":
            offset = xp.log1p(xp.exp(-xp.absolute(x)))
            cost_no = offset + xp.maximum(x, 0.0)
            return offset + xp.maximum(-x, 0.0), cost_no, cost_no
        return -xp.log(x), -xp.log1p(-x), xp.full(xp.shape(x), 0.0, x)

    def _binary_backward(
        self, measure: BinaryMeasure, scores: BinaryScores, d_loss: Any, d_log_z: Any
    ) -> Array:
        xp = self.xp
        yes, no = measure.masses(xp)
        x = xp.statistics(scores.array)
        if scores.kind == "probs":
            return xp.times(d_loss * no, 1.0 / (1.0 - x)) - xp.times(d_loss * yes, 1.0 / x)
        e = xp.exp(-xp.absolute(x))
        q = xp.where(x >= 0, 1.0, e) / (1.0 + e)
        not_q = xp.where(x >= 0, e, 1.0) / (1.0 + e)
        return (
            xp.times(d_log_z, q)
            + xp.times(d_loss, xp.times(no, q))
            - xp.times(d_loss, xp.times(yes, not_q))
        )
