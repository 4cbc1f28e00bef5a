"""LinearLogits in Triton: scores are made a tile at a time and never all of them.

Forward makes each tile by a matrix product and adds what it finds to the states of its events.
Backward makes the tiles of a chunk of classes again and writes their gradients, in the type of
hidden, into a workspace; two products carry that on to hidden and weight. No sum depends on which
program ran first, so that the same call gives the same bits.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .gradient import carried, coefficients, known
from .online import (
    LOWEST,
    alone_with_cost,
    capped,
    join,
    join_fast,
    join_with_cost,
    rise,
    rise_with_cost,
)
from .stored import each, outside


@triton.jit
def dot(a, b, total, WIDEN: tl.constexpr):
    """total + a · b, with sums in float32. WIDEN is for Triton's interpreter, which multiplies no
    bfloat16 numbers."""
    if WIDEN:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, total, input_precision="ieee")


@triton.jit
def made(
    hidden, weight, bias, event, k, there, inside, features, h_step, w_step,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, STEP: tl.constexpr, EVEN: tl.constexpr,
    WIDEN: tl.constexpr,
):  # fmt: skip
    """hidden · weightᵀ + bias of some events and classes, in float32. EVEN: in whole steps.

    In place of what is not there the first is read: that costs no mask, and nobody looks at it.
    """
    d = tl.arange(0, STEP)
    h_at = hidden + tl.where(there, event, 0)[:, None] * h_step + d[None, :]
    w_at = weight + tl.where(inside, k, 0).to(tl.int64)[None, :] * w_step + d[:, None]
    total = tl.zeros([ROWS, BLOCK], tl.float32)
    for first in range(0, features, STEP):
        if EVEN:
            h = tl.load(h_at + first)
            w = tl.load(w_at + first)
        else:
            left = d < features - first
            h = tl.load(h_at + first, mask=left[None, :], other=0.0)
            w = tl.load(w_at + first, mask=left[:, None], other=0.0)
        total = dot(h, w, total, WIDEN)
    if bias is not None:
        total += tl.load(bias + k, mask=inside, other=0.0).to(tl.float32)[None, :]
    return total


@triton.jit
def sparse_at(index, value, entries, event, k, there, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """The sparse part of P at some events and classes, and its mass in each of these events."""
    found = tl.zeros([ROWS, BLOCK], tl.float32)
    total = tl.zeros([ROWS], tl.float64)
    if index is not None:
        for t in range(entries):
            at = event * entries + t
            y = tl.load(index + at, mask=there, other=-1).to(tl.int32)
            v = each(value, at, there, 1.0)
            found += tl.where(k[None, :] == y[:, None], v.to(tl.float32)[:, None], 0.0)
            total += v
    return found, total


@triton.jit
def kept(order, count, events, ROWS: tl.constexpr):
    """The events of this program: those with mass come first in `order`, `count` of them."""
    at = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = at < events
    if order is not None:
        there = at < tl.load(count)
        at = tl.load(order + at, mask=there, other=0)
    return at, there


@triton.jit
def forward(
    hidden, weight, bias, h_step, w_step, index, value, entries,
    dense, d_step, d_class, event_weight, class_weight, factor, spread,
    states, label_score, order, count,
    events, classes, features, span, softcap,
    CAPPED: tl.constexpr, WIDE: tl.constexpr, COST: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, STEP: tl.constexpr, EVEN: tl.constexpr,
    WIDEN: tl.constexpr,
):  # fmt: skip
    """The states of some events in one span of classes, and the scores of their labels in it."""
    # One condition for the compiler, which knows the first of these beforehand.
    if order is not None:  # noqa: SIM102
        if tl.program_id(0) * ROWS >= tl.load(count):
            return
    event, there = kept(order, count, events, ROWS)
    b_weight = tl.full([ROWS], 1.0, tl.float64)
    b_factor = b_weight
    if COST:
        b_weight = each(event_weight, event, there, 1.0)
        b_factor = each(factor, event, there, 0.0)
    begin = tl.program_id(1) * span
    end = tl.minimum(begin + span, classes)
    KIND: tl.constexpr = tl.float64 if CAPPED and WIDE else tl.float32
    m = tl.full([ROWS], LOWEST, KIND)
    r = tl.full([ROWS], -1.0, tl.float32)
    e = tl.zeros([ROWS], tl.float32)
    p = tl.zeros([ROWS], tl.float32)
    y = tl.full([ROWS], -1, tl.int32)
    if index is not None and not COST:
        y = tl.load(index + event, mask=there, other=-1).to(tl.int32)
    for first in range(begin, end, BLOCK):
        k = first + tl.arange(0, BLOCK)
        inside = k < end
        s = made(
            hidden, weight, bias, event, k, there, inside, features, h_step, w_step, ROWS, BLOCK,
            STEP, EVEN, WIDEN,
        )  # fmt: skip
        if CAPPED:
            s = capped(s, softcap, WIDE)
        both = there[:, None] & inside[None, :]
        if COST:
            w, _ = sparse_at(index, value, entries, event, k, there, ROWS, BLOCK)
            w += outside(
                dense, event * d_step, d_class, class_weight, b_weight, spread,
                factor if factor is None else b_factor, k, there, inside,
            )  # fmt: skip
            s, r_k, e_k, w = alone_with_cost(s, w, both)
            m_k, r_k, e_k, p_k = tl.reduce((s, r_k, e_k, w), 1, join_with_cost)
            m, r, e, p = rise_with_cost(m, r, e, p, m_k, r_k, e_k, p_k, True)
        else:
            if index is not None:
                hit = k[None, :] == y[:, None]
                score = tl.max(tl.where(hit, s, float("-inf")), 1)
                here = there & (y >= first) & (y < first + BLOCK)
                tl.store(label_score + event, score, mask=here)
            # One state an event: what is not there is no class, and so is what is ruled out.
            out = (s == float("-inf")) | (both == 0)
            state = (tl.where(out, LOWEST, s), tl.where(out, -1.0, 0.0))
            if WIDE:
                m_k, r_k = tl.reduce(state, 1, join)
            else:
                m_k, r_k = tl.reduce(state, 1, join_fast)
            m, r, _ = rise(m, r, m_k, r_k, True)
    at = states + tl.program_id(1).to(tl.int64) * events + event
    stride = tl.num_programs(1).to(tl.int64) * events
    tl.store(at, m, mask=there)
    tl.store(at + stride, r, mask=there)
    tl.store(at + 2 * stride, e, mask=there)
    tl.store(at + 3 * stride, p, mask=there)


@triton.jit
def backward(
    hidden, weight, bias, h_step, w_step, g, index, value, entries,
    dense, d_step, d_class, event_weight, class_weight, factor, spread, mass, greatest, rest,
    d_loss, d_all, loss_step, d_log_z, log_z_step, order, count, sums, flags, least,
    events, first_class, width, features, softcap,
    CAPPED: tl.constexpr, WIDE: tl.constexpr, SOFT: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, STEP: tl.constexpr, EVEN: tl.constexpr,
    WIDEN: tl.constexpr,
):  # fmt: skip
    """The gradient of the scores of some events in a block of a chunk of classes.

    `sums` takes its sum over these events, for the bias, and `flags` whether any entry is more than
    `least` of its event's weight.
    """
    # One condition for the compiler, which knows the first of these beforehand.
    if order is not None:  # noqa: SIM102
        if tl.program_id(0) * ROWS >= tl.load(count):
            return
    event, there = kept(order, count, events, ROWS)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    k = first_class + column
    inside = column < width
    raw = made(
        hidden, weight, bias, event, k, there, inside, features, h_step, w_step, ROWS, BLOCK, STEP,
        EVEN, WIDEN,
    )  # fmt: skip
    s = capped(raw, softcap, WIDE) if CAPPED else raw
    m, r = known(greatest, rest, event, there, CAPPED and WIDE)
    upstream, alpha = coefficients(
        d_loss, d_all, loss_step, d_log_z, log_z_step, each(mass, event, there, 1.0), event, there
    )
    sparse, total = sparse_at(index, value, entries, event, k, there, ROWS, BLOCK)
    hit = (sparse == total.to(tl.float32)[:, None]) & (sparse != 0.0)
    soft = sparse
    if SOFT:
        b_weight = each(event_weight, event, there, 1.0)
        b_factor = each(factor, event, there, 0.0)
        soft = tl.where(hit, 0.0, sparse) + outside(
            dense, event * d_step, d_class, class_weight, b_weight, spread,
            factor if factor is None else b_factor, k, there, inside,
        )  # fmt: skip
    found = carried(
        s, raw, m[:, None], r[:, None], alpha[:, None], upstream[:, None], sparse, hit,
        total[:, None], soft, softcap, CAPPED, SOFT, WIDE,
    )  # fmt: skip
    both = there[:, None] & inside[None, :]
    found = tl.where(both, found, 0.0)
    block = tl.program_id(0)
    if sums is not None:
        tl.store(sums + block.to(tl.int64) * width + column, tl.sum(found, 0), mask=inside)
    if flags is not None:
        bound = (tl.abs(alpha) * least).to(tl.float32)
        # An entry that is no number is kept.
        large = tl.where(tl.abs(found) <= bound[:, None], 0, 1)
        tl.store(flags + block * tl.num_programs(1) + tl.program_id(1), tl.max(tl.max(large, 1), 0))
    at = block.to(tl.int64) * ROWS + tl.arange(0, ROWS)
    tl.store(
        g + at[:, None] * width + column[None, :],
        found.to(g.dtype.element_ty),
        mask=(at < events)[:, None] & inside[None, :],
    )


@triton.jit
def product(
    a, a_row, a_inner, b, b_inner, order, out, out_row, flags, flag_row, flag_inner,
    rows, columns, inner, count_rows, count_inner,
    ADD: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr, STEP: tl.constexpr,
    FLAG: tl.constexpr, WIDEN: tl.constexpr,
):  # fmt: skip
    """out = a · b, or out += a · b with ADD, in float32 until it is stored.

    `order` says where the rows of b are. Steps along the inner axis whose flag is 0 are left out,
    and so is what lies past the counts.
    """
    # Programs that run together share the rows of a and some columns of b.
    blocks = tl.cdiv(columns, BLOCK)
    across = 8 * blocks
    group = tl.program_id(0) // across
    tall = tl.minimum(tl.cdiv(rows, ROWS) - group * 8, 8)
    row_block = group * 8 + (tl.program_id(0) % across) % tall
    column_block = (tl.program_id(0) % across) // tall
    if count_rows is not None:
        rows = tl.load(count_rows).to(tl.int32)
        if row_block * ROWS >= rows:
            return
    if count_inner is not None:
        inner = tl.load(count_inner).to(tl.int32)
    i = row_block * ROWS + tl.arange(0, ROWS)
    j = column_block * BLOCK + tl.arange(0, BLOCK)
    x_at = a + i.to(tl.int64)[:, None] * a_row
    y_at = b + j[None, :]
    total = tl.zeros([ROWS, BLOCK], tl.float32)
    for first in range(0, inner, STEP):
        wanted = True
        if flags is not None:
            wanted = tl.load(flags + row_block * flag_row + (first // FLAG) * flag_inner) != 0
        if wanted:
            d = first + tl.arange(0, STEP)
            left = d < inner
            both = (i < rows)[:, None] & left[None, :]
            x = tl.load(x_at + d.to(tl.int64)[None, :] * a_inner, mask=both, other=0.0)
            at = d.to(tl.int64)
            if order is not None:
                at = tl.load(order + d, mask=left, other=0)
            both = left[:, None] & (j < columns)[None, :]
            y = tl.load(y_at + at[:, None] * b_inner, mask=both, other=0.0)
            total = dot(x, y, total, WIDEN)
    to = out + i.to(tl.int64)[:, None] * out_row + j[None, :]
    both = (i < rows)[:, None] & (j < columns)[None, :]
    if ADD:
        total += tl.load(to, mask=both, other=0.0).to(tl.float32)
    tl.store(to, total.to(out.dtype.element_ty), mask=both)
