"""The classes a shard at a time: P cut down to a shard, and how what shards find adds up.

In a shard r a kernel finds the greatest score m_r, R_r, and E_r, the expectation of m_r - s over
the part of P that lies in it. With m = max m_r and W the number of shards that reach it

    R = Σ_{m_r = m} R_r + Σ_{m_r < m} e^{m_r - m} (1 + R_r) + (W - 1)
    H = mass · log1p(R) + Σ_r (E_r + mass_r · (m - m_r))

Every term is non-negative, and R never contains the 1 that would swallow it: cut up or whole, a
confident prediction keeps its relative precision.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from typing import Any, NamedTuple

from .contract import Forward
from .measure import Background, Measure

Array = Any


class Found(NamedTuple):
    """m_r, R_r, E_r and the mass of P in a shard, one float64 per event."""

    greatest: Array
    rest: Array
    expected: Array
    mass: Array


def flat(m: Measure, count: int, xp: Any) -> Measure:
    """The same measure with one axis of events."""

    def each(x: Any) -> Any:
        return None if x is None else x.reshape(count)

    def rows(x: Any) -> Any:
        return None if x is None else x.reshape(count, x.shape[-1])

    dense = m.dense
    if dense is not None:
        dense = rows(xp.to_last(dense, m.axis))
    return replace(
        m,
        events=(count,),
        index=rows(m.index),
        value=rows(m.value),
        dense=dense,
        axis=1,
        event=each(m.event),
        sums=each(m.sums),
        total=each(m.total),
        background=tuple(Background(each(b.factor), b.classes) for b in m.background),
    )


def of_events(m: Measure, events: Any, count: int) -> Measure:
    """The part of P of `count` events, of a measure with one axis of them: a slice, or indices."""

    def cut(x: Any) -> Any:
        return None if x is None else x[events]

    return replace(
        m,
        events=(count,),
        index=cut(m.index),
        value=cut(m.value),
        dense=cut(m.dense),
        event=cut(m.event),
        sums=cut(m.sums),
        total=cut(m.total),
        background=tuple(Background(b.factor[events], b.classes) for b in m.background),
    )


def per_event(x: Any, count: int, nothing: Array, xp: Any) -> Array:
    """x, an array or a number, as one number per event; `nothing` is as many zeros."""
    return (xp.weights(x.reshape(count)) if getattr(x, "ndim", 0) else xp.weights(x)) + nothing


def restricted(m: Measure, start: Any, count: int, total: Array, xp: Any) -> Measure:
    """The part of P in `count` classes from `start` on, numbered from 0, with `total` for its mass.

    A kernel that is told the mass 0 gives E_r alone as its loss, and one that is told the whole
    mass gives the gradient of the whole.
    """
    index = value = dense = None
    if m.index is not None:
        inside = (m.index >= start) & (m.index < start + count)
        index = xp.where(inside, m.index - start, 0)
        value = xp.where(inside, m.values(xp), 0.0)
    if m.dense is not None:
        dense = xp.span(m.dense, start, count, m.axis % m.dense.ndim)

    def cut(x: Array | None) -> Array | None:
        return None if x is None else xp.span(x, start, count, 0)

    return replace(
        m,
        classes=count,
        index=index,
        value=value,
        dense=dense,
        class_weight=cut(m.class_weight),
        sums=None,
        background=tuple(Background(b.factor, cut(b.classes)) for b in m.background),
        total=total,
    )


def found(part: Measure, forward: Forward, xp: Any) -> Found:
    """What a kernel has found in a shard, told that the mass of `part` is 0."""
    greatest, rest = forward.residual
    # A shard that is ruled out altogether has no gaps of its own, and a NaN has no place.
    nowhere = (greatest == -inf) | (greatest != greatest)
    return Found(
        xp.where(nowhere, -inf, greatest),
        xp.where(greatest != greatest, nan, rest),
        xp.where(nowhere, 0.0, xp.weights(forward.loss)),
        replace(part, total=None).mass(xp),
    )


def above(shard: Found, greatest: Array, xp: Any) -> tuple[Array, Array, Array]:
    """A shard's share of R, whether it reaches the greatest score, and E_r measured from that."""
    reaches = shard.greatest == greatest
    # Halves of gaps between finite scores do not overflow (N1).
    half = xp.where(reaches, 0.0, 0.5 * greatest - 0.5 * shard.greatest)
    lower = xp.where(shard.greatest == -inf, shard.rest, xp.exp(-2.0 * half) * (1.0 + shard.rest))
    expected = shard.expected + 2.0 * xp.times(shard.mass, half)
    return xp.where(reaches, shard.rest, lower), xp.weights(reaches), expected


def rest_of(greatest: Array, shares: Array, reaching: Array, xp: Any) -> Array:
    """R from the shares of all shards; NaN for certainty in two places (N3)."""
    ruled_out = greatest == -inf
    rest = xp.where(ruled_out, shares, shares + (reaching - 1.0))
    return xp.where((greatest == inf) & (reaching > 1), nan, rest)


def merged(a: Found, b: Found, xp: Any) -> Found:
    """Two shards as one."""
    greatest = xp.where(a.greatest > b.greatest, a.greatest, b.greatest)
    (rest_a, reach_a, cost_a), (rest_b, reach_b, cost_b) = (above(x, greatest, xp) for x in (a, b))
    rest = rest_of(greatest, rest_a + rest_b, reach_a + reach_b, xp)
    return Found(greatest, rest, cost_a + cost_b, a.mass + b.mass)


def losses(whole: Found, mass: Array, xp: Any) -> tuple[Array, Array]:
    """H and log Z per event, from what all shards have found; NaN where no class is left."""
    offset = xp.where(whole.greatest == -inf, nan, xp.log1p(whole.rest))
    return xp.times(mass, offset) + whole.expected, whole.greatest + offset
