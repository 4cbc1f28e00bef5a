"""Two stored predictions in Triton: the cross-entropy and the divergence, and both gradients.

With v = log(q / p) and exc(v) = e^v - 1 - v, KL is Σ p exc(v) (algebra/versus.py has the why). A
program of forward has some events: it reads both rows for their states, and again, from the cache,
for the terms. A program of backward has some of the classes of its events.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .gradient import coefficients
from .online import exp_minus, log1p, settled, times
from .stored import each, place, states_of

# Numbers per event that forward keeps for backward.
KEPT = tl.constexpr(7)
_INFINITY = tl.constexpr(float("inf"))


@triton.jit
def side(
    x, row, x_class, there, classes, EXACT: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """m, R and log(1 + R) of some events, in float64; NaN where no class is left."""
    m, r, e, _ = states_of(
        x, row, x_class, None, row, 0, None, row, None, None, there, 0, classes, 1.0, False, EXACT,
        ROWS, BLOCK,
    )  # fmt: skip
    none = e.to(tl.float64)
    offset, _, top, rest = settled(m, r, none + 1.0, none)
    return top, tl.where(top == -_INFINITY, float("nan"), rest), offset


@triton.jit
def excess(v):
    """(e^v - 1 - v) / v² for |v| ≤ 1/2: minimax, relative error 0.02 u."""
    c = 0.000024841669337989139795
    c = c * v + 0.00019961956553216853073
    c = c * v + 0.0013889040179363773704
    c = c * v + 0.0083331827574677668172
    c = c * v + 0.041666664310216995967
    c = c * v + 0.16666667135217406039
    return c * v + 0.50000000003910367457


@triton.jit
def of_side(s, m, r, offset, EXACT: tl.constexpr):
    """The probabilities of some classes, and what they cost."""
    top = s == m
    weight = tl.where(top, 1.0, exp_minus(tl.abs(m - s), EXACT))
    return weight * (1.0 / (1.0 + r)), tl.where(top, 0.0, m - s) + offset


@triton.jit
def met(t, z, m_p, r_p, o_p, m_q, r_q, o_q, EXACT: tl.constexpr):
    """p, q, v, p · exc(v), q - p, and what q costs, of [events, classes] in float32."""
    off = (m_q - m_p) + (o_q - o_p)
    high = off.to(tl.float32)
    low = (off - high.to(tl.float64)).to(tl.float32)
    p, cost_p = of_side(t, m_p.to(tl.float32), r_p.to(tl.float32), o_p.to(tl.float32), EXACT)
    q, cost_q = of_side(z, m_q.to(tl.float32), r_q.to(tl.float32), o_q.to(tl.float32), EXACT)
    # The difference of the scores with what it is rounded by; next to infinities that of the costs.
    d = z - t
    back = d - z
    lost = ((z - (d - back)) - (t + back)) - low
    plain = (tl.abs(d) < _INFINITY) & (tl.abs(high) < _INFINITY)
    nothing = (p == 0.0) & (q == 0.0)
    v = tl.where(plain, (d - high) + lost, tl.where(nothing, 0.0, cost_p - cost_q))
    # The series says nothing where v is far from 0, and is not asked there.
    near = tl.abs(v) < 0.5
    u = tl.where(near, v, 0.0)
    e = u * u * excess(u)
    apart = q - p
    far = apart - times(p, tl.where(near, 0.0, v))
    return p, q, v, tl.where(near, p * e, far), tl.where(near, p * (u + e), apart), cost_q


@triton.jit
def both(
    x_p, row_p, p_class, x_q, row_q, q_class, k, there, classes,
):  # fmt: skip
    """The scores of P and of Q at [events, classes k], and which of them there are."""
    inside = there[:, None] & (k < classes)[None, :]
    wide = k.to(tl.int64)[None, :]
    t = tl.load(x_p + row_p[:, None] + wide * p_class, mask=inside, other=-_INFINITY)
    z = tl.load(x_q + row_q[:, None] + wide * q_class, mask=inside, other=-_INFINITY)
    return t.to(tl.float32), z.to(tl.float32), inside


@triton.jit
def forward(
    x_p, p_outer, p_length, p_inner, p_class,
    x_q, q_outer, q_length, q_inner, q_class,
    weight, loss, log_z, known, events, classes,
    KL: tl.constexpr, EXACT: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """What some events cost, and what backward is to know of them: seven numbers each."""
    event = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = event < events
    row_p = place(event, p_outer, p_length, p_inner)
    row_q = place(event, q_outer, q_length, q_inner)
    m_p, r_p, o_p = side(x_p, row_p, p_class, there, classes, EXACT, ROWS, BLOCK)
    m_q, r_q, o_q = side(x_q, row_q, q_class, there, classes, EXACT, ROWS, BLOCK)
    total = tl.zeros([ROWS], tl.float64)
    lost = tl.zeros([ROWS], tl.float64)
    for first in range(0, classes, BLOCK):
        k = first + tl.arange(0, BLOCK)
        t, z, inside = both(x_p, row_p, p_class, x_q, row_q, q_class, k, there, classes)
        p, _, _, beyond, difference, cost = met(
            t, z, m_p[:, None], r_p[:, None], o_p[:, None], m_q[:, None], r_q[:, None],
            o_q[:, None], EXACT,
        )  # fmt: skip
        if KL:
            total += tl.sum(tl.where(inside, beyond, 0.0), 1).to(tl.float64)
            lost += tl.sum(tl.where(inside, difference, 0.0), 1).to(tl.float64)
        else:
            total += tl.sum(tl.where(inside, times(p, cost), 0.0), 1).to(tl.float64)
    if KL:
        # Σ q - Σ p is 0 but for a common error of all v, which this takes off.
        behind = tl.where(
            tl.abs(lost) < 0.00006103515625, lost * lost * (0.5 - lost / 3.0), lost - log1p(lost)
        )
        total -= behind
        total = tl.where(total < 0.0, 0.0, total)
    counts = each(weight, event, there, 1.0)
    tl.store(loss + event, times(counts, total).to(tl.float32), mask=there)
    if log_z is not None:
        tl.store(log_z + event, (m_q + o_q).to(tl.float32), mask=there)
    kept = known + event * KEPT
    tl.store(kept, total, mask=there)
    tl.store(kept + 1, m_p, mask=there)
    tl.store(kept + 2, r_p, mask=there)
    tl.store(kept + 3, o_p, mask=there)
    tl.store(kept + 4, m_q, mask=there)
    tl.store(kept + 5, r_q, mask=there)
    tl.store(kept + 6, o_q, mask=there)


@triton.jit
def number(known, i, event, there):
    """The i-th of what forward has kept of some events, along rows."""
    return tl.load(known + event * KEPT + i, mask=there, other=0.0)[:, None]


@triton.jit
def backward(
    x_p, p_outer, p_length, p_inner, p_class,
    x_q, q_outer, q_length, q_inner, q_class,
    g_p, to_p_outer, to_p_length, to_p_inner, to_p_class,
    g_q, to_q_outer, to_q_length, to_q_inner, to_q_class,
    weight, known, d_loss, d_all, loss_step, d_log_z, log_z_step, events, classes,
    KL: tl.constexpr, EXACT: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
    TILES: tl.constexpr,
):  # fmt: skip
    """The gradients of Q's scores and of P's at some events and classes, of those asked for."""
    event = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = event < events
    row_p = place(event, p_outer, p_length, p_inner)
    row_q = place(event, q_outer, q_length, q_inner)
    # What flows back to the loss of a unit of mass, and to log Z of Q besides.
    counts = each(weight, event, there, 1.0)
    upstream, along = coefficients(
        d_loss, d_all, loss_step, d_log_z, log_z_step, tl.zeros_like(counts), event, there
    )
    d = times(counts, upstream).to(tl.float32)[:, None]
    of_log_z = along.to(tl.float32)[:, None]
    value = number(known, 0, event, there).to(tl.float32)
    m_p, r_p = number(known, 1, event, there), number(known, 2, event, there)
    o_p, m_q = number(known, 3, event, there), number(known, 4, event, there)
    r_q, o_q = number(known, 5, event, there), number(known, 6, event, there)
    start = tl.program_id(1) * (BLOCK * TILES)
    for first in range(start, tl.minimum(start + BLOCK * TILES, classes), BLOCK):
        k = first + tl.arange(0, BLOCK)
        t, z, inside = both(x_p, row_p, p_class, x_q, row_q, q_class, k, there, classes)
        p, q, v, _, difference, cost = met(t, z, m_p, r_p, o_p, m_q, r_q, o_q, EXACT)
        wide = k.to(tl.int64)[None, :]
        if g_q is not None:
            to = place(event, to_q_outer, to_q_length, to_q_inner)[:, None] + wide * to_q_class
            found = times(d, difference) + times(of_log_z, q)
            tl.store(g_q + to, found.to(g_q.dtype.element_ty), mask=inside)
        if g_p is not None:
            to = place(event, to_p_outer, to_p_length, to_p_inner)[:, None] + wide * to_p_class
            if KL:
                cost = -v
            found = times(d, times(p, cost - value))
            tl.store(g_p + to, found.to(g_p.dtype.element_ty), mask=inside)
