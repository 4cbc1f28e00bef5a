"""Two predictions: what one event costs where P is one too, and the slopes on both sides.

With v_j = log(q_j / p_j), and exc(v) = e^v - 1 - v ≥ 0,

    KL(P ‖ Q)  = Σ_j p_j exc(v_j)          for Σ p = Σ q
    JS(P, Q)   = Σ_j share · p_j exc(l_j) + (1 - share) · q_j exc(l_j - v_j),
                 l_j = log(m_j / p_j) = log(share + (1 - share) e^{v_j})

Every term is non-negative, and where P is near Q each keeps its relative precision: v is the
difference of the scores, less that of the two log Z. A common error ε of all v moves the first sum
by ε²/2 alone, and Σ p (e^v - 1), which is 0 but for it, takes that off too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import factorial
from typing import Any, NamedTuple, cast

from .contract import Forward
from .limits import finite
from .scores import Projection, Scores, Versus

Array = Any

# Up to here e^v - 1 - v is summed as a series, of as many terms as float64 can tell.
_NEAR = 0.5
_SERIES = tuple(1.0 / factorial(k) for k in range(17, 1, -1))


class Side(NamedTuple):
    """One prediction, classes last and as wide as can be: log p = -(gap + offset)."""

    scores: Array
    greatest: Array  # with the class axis kept, as `offset`
    gap: Array
    offset: Array
    p: Array
    normalised: bool  # whether the scores are logits; log-probabilities are taken as they are

    @property
    def cost(self) -> Array:
        return self.gap + self.offset


class Met(NamedTuple):
    """P and Q beside one another."""

    p: Side
    q: Side
    v: Array  # log(q / p), 0 where both are 0
    excess: Array  # p · exc(v), e^v read as q / p
    difference: Array  # q - p


def exc(xp: Any, v: Array) -> Array:
    """e^v - 1 - v for |v| up to _NEAR, to the last digits of itself."""
    found: Any = _SERIES[0]
    for c in _SERIES[1:]:
        found = found * v + c
    return v * v * found


def times_exc(xp: Any, p: Array, r: Array, v: Array) -> tuple[Array, Array]:
    """p · exc(v) and r - p, where r = p · e^v."""
    near = (v < _NEAR) & (v > -_NEAR)
    u = xp.where(near, v, 0.0)
    e = exc(xp, u)
    far = (r - p) - xp.times(p, xp.where(near, 0.0, v))
    return xp.where(near, p * e, far), xp.where(near, p * (u + e), r - p)


def forward(formula: Any, measure: Any, pair: Versus) -> Forward:
    """What every event costs, and log Z of Q."""
    xp = formula.xp
    with xp.quiet():
        mass = measure.mass(xp)
        value, log_z = _value(formula, pair, formula.without(measure, mass))[:2]
        like = xp.statistics(pair.arrays()[0])
        return Forward(xp.cast_like(xp.times(mass, value), like), xp.cast_like(log_z, like))


def per_unit(formula: Any, pair: Versus) -> Array:
    """What one unit of mass costs, on a class axis of length one."""
    with formula.xp.quiet():
        return formula.xp.expand(_value(formula, pair, None)[0])


def backward(
    formula: Any, measure: Any, pair: Versus, d_loss: Any, d_log_z: Any
) -> tuple[Array | None, ...]:
    """The gradients of Q's arrays, and then of P's."""
    xp = formula.xp
    found: list[Any] = []
    slopes = slopes_of(formula, measure, pair, d_loss, d_log_z)
    with xp.quiet():
        for side, slope in zip(pair.sides(), slopes, strict=True):
            if isinstance(side, Projection):
                stopped = formula.stopped(measure, d_loss, d_log_z)
                found += formula.carried(
                    side, xp.cast_like(slope, xp.statistics(side.hidden)), stopped
                )
            else:
                found.append(xp.cast_like(slope, side.array))
    return tuple(found)


def placed(found: tuple[Array | None, ...], out: Any) -> tuple[Array | None, ...]:
    """Gradients written where they are to be: `out` is for Q's, or several for those of both."""
    given = cast("tuple[Any, ...]", out) if isinstance(out, tuple) else (out,)
    outs = (*given, *found[len(given) :])
    for into, g in zip(outs, found, strict=True):
        if into is not None and into is not g:
            into[...] = g
    return outs


def room(
    pair: Versus, out: Any, like: Callable[[Array], Array]
) -> tuple[Array | None, Array | None]:
    """Where kernels write the gradients that are asked for, Q's and P's: `out`, or new arrays."""
    given = cast("tuple[Any, ...]", out) if isinstance(out, tuple) else (out, None)
    of_q, of_p = (
        (like(side.arrays()[0]) if into is None else into) if wanted else None
        for side, into, wanted in zip(pair.sides(), given, pair.wanted, strict=True)
    )
    return of_q, of_p


def slopes_of(
    formula: Any, measure: Any, pair: Versus, d_loss: Any, d_log_z: Any
) -> tuple[Array, ...]:
    """The gradients of the scores of Q and of P, laid out as those are."""
    xp = formula.xp
    with xp.quiet():
        mass = measure.mass(xp)
        nothing = formula.without(measure, mass)
        none = xp.full(measure.events, 0.0, mass)
        d = xp.expand(xp.times(mass, xp.weights(d_loss) + none))
        value, _, p, met = _value(formula, pair, nothing)
        value = xp.expand(value)
        if met is None:
            of_p = p.cost - (value if p.normalised else 1.0)
            each = [xp.times(p.p, of_p)]
        elif pair.of == "js":
            each = _of_js(xp, met, pair.share, pair.over or _alone)
        else:
            cost = -met.v if pair.of == "kl" else met.q.cost
            level = value if p.normalised else -1.0 if pair.of == "kl" else 0.0
            each = [_of_q(xp, met), xp.times(p.p, cost - level)]
        each = [xp.times(d, g) for g in each]
        if met is not None and met.q.normalised:
            each[0] = each[0] + xp.times(xp.expand(xp.weights(d_log_z) + none), met.q.p)
        stored = (formula.stored(side) for side in pair.sides())
        return tuple(formula.through(g, s, nothing) for g, s in zip(each, stored, strict=True))


def _of_q(xp: Any, met: Met) -> Array:
    """The slopes of H(P, Q) and of the divergence with respect to the scores of Q."""
    if not met.q.normalised:
        return -met.p.p
    if met.p.normalised:
        return met.difference
    return met.q.p * xp.expand(xp.sum_classes(met.p.p)) - met.p.p


def _of_js(xp: Any, met: Met, share: float, over: Any) -> list[Array]:
    log_m, behind = _mixture(xp, met.v, share)
    sides = ((met.q, 1.0 - share, behind), (met.p, share, log_m))
    found = [weight * xp.times(side.p, -cost) for side, weight, cost in sides]
    sums = over([xp.sum_classes(slope) for slope in found])
    return [
        slope - side.p * xp.expand(total) if side.normalised else slope
        for (side, _, _), slope, total in zip(sides, found, sums, strict=True)
    ]


def _alone(sums: list[Array]) -> list[Array]:
    """What sums over all classes add up to."""
    return sums


def _mixture(xp: Any, v: Array, share: float) -> tuple[Array, Array]:
    """log(m / p) and log(m / q) of the mixture m = share · p + (1 - share) · q."""
    down = v <= 0.0
    low = xp.log1p((1.0 - share) * xp.expm1(xp.where(down, v, 0.0)))
    high = xp.log1p(share * xp.expm1(xp.where(down, 0.0, -v)))
    return xp.where(down, low, high + v), xp.where(down, low - v, high)


def _value(
    formula: Any, pair: Versus, nothing: Array | None
) -> tuple[Array, Array, Side, Met | None]:
    """What one unit of mass costs, log Z of Q, P, and P beside Q where there are two."""
    xp, over = formula.xp, pair.over or _alone
    known = pair.known or (None, None)
    p = _side(formula, formula.stored(pair.p), nothing, known[-1])
    if pair.q is None:
        (value,) = over([xp.sum_classes(xp.times(p.p, p.cost))])
        return value, (p.greatest + p.offset)[..., 0], p, None
    q = _side(formula, formula.stored(pair.q), nothing, known[0])
    met = _met(xp, p, q)
    log_z = (q.greatest + q.offset)[..., 0]
    if pair.of == "cross_entropy":
        (value,) = over([xp.sum_classes(xp.times(p.p, q.cost))])
    elif pair.of == "kl":
        whole, lost = over([xp.sum_classes(x) for x in (met.excess, met.difference)])
        if p.normalised and q.normalised:
            lost = exc(xp, xp.log1p(lost))
        value = whole - lost
    else:
        if p.normalised and q.normalised:
            (lost,) = over([xp.sum_classes(met.difference)])
            met = met._replace(v=met.v - xp.expand(xp.log1p(lost)))
        log_m, behind = _mixture(xp, met.v, pair.share)
        m = pair.share * p.p + (1.0 - pair.share) * q.p
        value = pair.share * times_exc(xp, p.p, m, log_m)[0]
        value = value + (1.0 - pair.share) * times_exc(xp, q.p, m, behind)[0]
        (value,) = over([xp.sum_classes(value)])
    return value, log_z, p, met


def _side(
    formula: Any, stored: Scores, nothing: Array | None, known: tuple[Array, Array] | None
) -> Side:
    xp = formula.xp
    wide = replace(stored, array=xp.weights(stored.array))
    scores, normalised = formula.as_scores(wide, nothing), stored.kind == "logits"
    if known is None:
        gaps = formula.gaps(wide, nothing)
        greatest, rest, gap = gaps.greatest, gaps.rest, gaps.part / gaps.share
    else:
        greatest, rest = xp.expand(known[0]), known[1]
        gap = xp.where(xp.equal(scores, greatest), 0.0, greatest - scores)
    offset = 0.0 * rest if not normalised else formula.offset(greatest[..., 0], rest)
    offset = xp.expand(offset)
    return Side(
        scores,
        greatest,
        gap,
        offset,
        xp.exp(-(gap + offset)),
        normalised,
    )


def _met(xp: Any, p: Side, q: Side) -> Met:
    """P beside Q: log(q / p) is a difference of scores, or, next to infinities, of gaps."""
    off = (q.greatest - p.greatest) + (q.offset - p.offset)
    plain = finite(p.scores) & finite(q.scores) & finite(off)
    direct = xp.where(plain, q.scores, 0.0) - xp.where(plain, p.scores, 0.0)
    direct = direct - xp.where(finite(off), off, 0.0)
    plain = plain & finite(direct)
    away = ~plain & ~(xp.equal(p.p, 0.0) & xp.equal(q.p, 0.0))
    gaps = xp.where(away, p.cost, 0.0) - xp.where(away, q.cost, 0.0)
    v = xp.where(plain, direct, gaps)
    excess, difference = times_exc(xp, p.p, q.p, v)
    return Met(p, q, v, excess, difference)
