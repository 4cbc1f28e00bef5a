"""What every Triton kernel is made of: the online maximum and sum, and the slope of the loss.

The state of some classes is (m, R): their greatest score and Σ exp(s - m) without its first place.
One score alone is (s, 0), and no class is (lowest, -1). The states of two sets of classes add up by
one rule, in any order: the higher keeps its R, and each term of the lower, its greatest one
included, shrinks by exp(-gap). R never contains the 1 that would swallow it. A class that is ruled
out (-∞) leaves a state with a finite m as it is.

With the cost (E, M) it is Σ w · (m - s) and Σ w over the same classes. E is kept as a small share
of itself, so that sums of the greatest gaps there are do not overflow.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOWEST = tl.constexpr(-3.4028234663852886e38)
SHARE = tl.constexpr(2.0**-24)

_LOG2_E = tl.constexpr(1.4426950408889634)
_LN2_HIGH = tl.constexpr(0.693359375)
_LN2_LOW = tl.constexpr(-2.12194440054690583e-4)
_BACK = tl.constexpr(2.0**-64)
_VANISHED = tl.constexpr(110.0)  # exp(-110) is below half the least float32


@triton.jit
def exp_minus(gap, EXACT: tl.constexpr):
    """exp(-gap) for gap ≥ 0, in float32, subnormal results included.

    The product of a gap with log2 e rounds: by up to gap · u, as much as the gap itself did. Where
    the gap is exact (16-bit scores) that is within the contract; else EXACT takes out whole powers
    of two first.
    """
    gap = gap.to(tl.float32)
    if EXACT:
        gap = tl.where(gap > _VANISHED, _VANISHED, gap)
        n = tl.floor(gap * _LOG2_E + 0.5)
        f = gap - n * _LN2_HIGH
        f = f - n * _LN2_LOW
        power = ((191 - n.to(tl.int32)) << 23).to(tl.float32, bitcast=True)  # 2⁶⁴ · 2⁻ⁿ
        found = tl.exp(-f) * power * _BACK
    else:
        found = tl.exp(-gap)
    return found


@triton.jit
def times(weight, x):
    """weight · x, and 0 where the weight is 0, whatever x is."""
    return tl.where(weight == 0.0, 0.0, weight * x)


@triton.jit
def rise(m1, r1, m2, r2, EXACT: tl.constexpr):
    """The state of both; and whether the first is the higher, or as high."""
    first = m1 >= m2
    shrunk = exp_minus(tl.abs(m1 - m2), EXACT) * (1.0 + tl.where(first, r2, r1))
    return tl.maximum(m1, m2), tl.where(first, r1, r2) + shrunk, first


@triton.jit
def rise_with_cost(m1, r1, e1, p1, m2, r2, e2, p2, EXACT: tl.constexpr):
    """The state and the cost of both."""
    m, r, first = rise(m1, r1, m2, r2, EXACT)
    gap = tl.where(m1 == m2, 0.0, tl.abs(m1 * SHARE - m2 * SHARE)).to(tl.float32)
    return m, r, e1 + e2 + times(tl.where(first, p2, p1), gap), p1 + p2


@triton.jit
def join(m1, r1, m2, r2):
    """`rise` for tl.reduce."""
    m, r, _ = rise(m1, r1, m2, r2, True)
    return m, r


@triton.jit
def join_fast(m1, r1, m2, r2):
    """`join` for scores that are no more exact than the product that they come from."""
    m, r, _ = rise(m1, r1, m2, r2, False)
    return m, r


@triton.jit
def join_with_cost(m1, r1, e1, p1, m2, r2, e2, p2):
    """`rise_with_cost` for tl.reduce."""
    return rise_with_cost(m1, r1, e1, p1, m2, r2, e2, p2, True)


@triton.jit
def alone_with_cost(s, w, there):
    """The states and costs of single classes: one that is ruled out costs ∞ where it has mass."""
    out = (s == float("-inf")) | (there == 0)
    m = tl.where(out, LOWEST, s)
    r = tl.where(out, -1.0, 0.0)
    return m, r, tl.where(there & out & (w != 0.0), float("inf"), 0.0), tl.where(out, 0.0, w)


@triton.jit
def log1p(x):
    """log(1 + x) in float64, as exact as x for small x."""
    u = 1.0 + x
    return tl.where(u == 1.0, x, tl.log(u) * (x / tl.where(u == 1.0, 1.0, u - 1.0)))


@triton.jit
def capped(x, softcap, WIDE: tl.constexpr):
    """softcap · tanh(x / softcap); in float64 the cap's rounding does not show in a gap."""
    if WIDE:
        x = x.to(tl.float64)
    e = tl.exp(tl.abs(x) * (-2.0 / softcap))
    t = (1.0 - e) / (1.0 + e)
    return softcap * tl.where(x < 0.0, -t, t)


@triton.jit
def slope_of_cap(x, softcap):
    """d/dx of softcap · tanh(x / softcap): 4e / (1 + e)², since 1 - tanh² would cancel."""
    e = tl.exp(tl.abs(x) * (-2.0 / softcap))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


@triton.jit
def settled(m, r, mass, cost):
    """Loss, log Z, m and R of events in float64, from their states; NaN where no class is left."""
    none = (m == LOWEST) & (r == -1.0)
    m = tl.where(none, float("-inf"), m.to(tl.float64))
    rest = tl.where(none, 0.0, r.to(tl.float64))
    offset = tl.where(none, float("nan"), log1p(rest))
    return times(mass, offset) + cost, m + offset, m, rest


@triton.jit
def cost_of(value, m, s):
    """value · (m - s) in float64, where no gap between float32 scores overflows."""
    return times(value, tl.where(s == m, 0.0, m - s.to(tl.float64)))


@triton.jit
def slope(
    s, m, rest, alpha, hard, upstream, sparse, hit, soft, SOFT: tl.constexpr, EXACT: tl.constexpr
):
    """∂loss/∂s_j = alpha · q_j - upstream · p_j, with alpha = d_loss · mass + d_log_z.

    Where all of the sparse mass lies on j (`hit`) that reads hard · q_j - upstream · sparse_j ·
    (1 - q_j) - upstream · soft_j with hard = alpha - upstream · sparse_j; and 1 - q_a is
    R / (1 + R), never 1 - q_a with q_a ≈ 1. `soft` is the rest of P, and without SOFT there is
    none.
    """
    top = s == m
    weight = tl.where(top, 1.0, exp_minus(tl.abs(m - s), EXACT))
    inverse = 1.0 / (1.0 + rest)
    q = weight * inverse
    not_q = tl.where(top, rest, (1.0 + rest) - weight) * inverse
    sharp = times(hard, q) - times(upstream, sparse * not_q)
    g = tl.where(hit, sharp, times(alpha, q))
    if SOFT:
        g -= times(upstream, soft)
    return g
