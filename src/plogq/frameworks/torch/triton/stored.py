"""Stored scores in Triton: forward reads each score once, backward reads once and writes once.

A program has some events and a span of their classes. Each lane keeps the state of the classes it
has met; lanes, spans and programs add up by the one rule of `online.py`. Long rows are split over
several programs, whose states a second kernel joins. The file is long as Triton compiles no class
and takes no structure: what the kernels share is passed as arguments.
"""

# Triton's language is typed for its compiler, not for Python's.
# pyright: basic, reportGeneralTypeIssues=false, reportAssignmentType=false
# pyright: reportArgumentType=false, reportOptionalOperand=false, reportOptionalMemberAccess=false

from __future__ import annotations

import triton
import triton.language as tl

from .online import (
    LOWEST,
    SHARE,
    alone_with_cost,
    capped,
    cost_of,
    join,
    join_with_cost,
    rise,
    rise_with_cost,
    settled,
    slope,
    slope_of_cap,
    times,
)


@triton.jit
def place(event, outer, length, inner):
    """Where an event begins in an array whose events lie in runs of `length`."""
    return (event // length) * outer + (event % length) * inner


@triton.jit
def each(x, event, there, otherwise):
    """One number per event, in float64; `otherwise` for all of them where x is None."""
    if x is None:
        found = tl.zeros_like(event).to(tl.float64) + otherwise
    else:
        found = tl.load(x + event, mask=there, other=0.0).to(tl.float64)
    return found


@triton.jit
def entry(index, value, at, there, classes, ignore, RAW: tl.constexpr):
    """An entry of the sparse part: its class and its mass, in float64.

    RAW labels may be out of range, which makes the mass NaN, or ignored, which makes it 0; what is
    read is a class that there is.
    """
    y = tl.load(index + at, mask=there, other=0).to(tl.int64)
    v = each(value, at, there, 1.0)
    if RAW:
        inside = (y >= 0) & (y < classes)
        v = tl.where(inside, v, float("nan"))
        if ignore is not None:
            v = tl.where(y == ignore, 0.0, v)
        y = tl.where(inside, y, 0)
    return y, v


@triton.jit
def seen(raw, softcap, CAPPED: tl.constexpr, WIDE: tl.constexpr):
    """Scores as the formula sees them; float64 are those that have been capped before."""
    s = raw if raw.dtype == tl.float64 else raw.to(tl.float32)
    if CAPPED:
        s = capped(s, softcap, WIDE)
    return s


@triton.jit
def outside(dense, row, stride, class_weight, weight, spread, factor, k, rows, inside):
    """The mass outside the sparse part at [events, classes k], in float32."""
    there = rows[:, None] & inside[None, :]
    w = tl.zeros(there.shape, tl.float32)
    if dense is not None:
        at = row[:, None] + k.to(tl.int64)[None, :] * stride
        w = tl.load(dense + at, mask=there, other=0.0).to(tl.float32)
        if class_weight is not None:
            known = tl.load(class_weight + k, mask=inside, other=0.0).to(tl.float32)
            w = times(w, known[None, :])
        w = times(weight.to(tl.float32)[:, None], w)
    if factor is not None:
        each_class = tl.where(inside, 1.0, 0.0)
        if spread is not None:
            each_class = tl.load(spread + k, mask=inside, other=0.0).to(tl.float32)
        w += times(factor.to(tl.float32)[:, None], each_class[None, :])
    return w


@triton.jit
def forward(
    x, x_outer, x_length, x_inner, x_class,
    index, value, entries,
    dense, d_outer, d_length, d_inner, d_class,
    event_weight, class_weight, factor, spread, mass,
    loss, log_z, greatest, rest, states,
    events, classes, span, softcap, ignore,
    CAPPED: tl.constexpr, EXACT: tl.constexpr, SPLIT: tl.constexpr, RAW: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The loss of some events; or, where rows are split, their state in one span of classes."""
    COST: tl.constexpr = dense is not None or factor is not None
    event = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = event < events
    row = place(event, x_outer, x_length, x_inner)
    d_row, b_weight, b_factor = row, row, row
    if COST:
        d_row = place(event, d_outer, d_length, d_inner)
        b_weight = each(event_weight, event, there, 1.0)
        b_factor = each(factor, event, there, 0.0)
    begin = tl.program_id(1) * span
    end = tl.minimum(begin + span, classes)
    m = tl.full([ROWS, BLOCK], LOWEST, tl.float64 if CAPPED else tl.float32)
    r = tl.full([ROWS, BLOCK], -1.0, tl.float32)
    e = tl.zeros([ROWS, BLOCK], tl.float32)
    p = tl.zeros([ROWS, BLOCK], tl.float32)
    for first in range(begin, end, BLOCK):
        k = first + tl.arange(0, BLOCK)
        inside = k < end
        both = there[:, None] & inside[None, :]
        at = row[:, None] + k.to(tl.int64)[None, :] * x_class
        s = seen(tl.load(x + at, mask=both, other=float("-inf")), softcap, CAPPED, True)
        if COST:
            w = outside(
                dense, d_row, d_class, class_weight, b_weight, spread,
                factor if factor is None else b_factor, k, there, inside,
            )  # fmt: skip
            s, r_k, e_k, w = alone_with_cost(s, w, both)
            m, r, e, p = rise_with_cost(m, r, e, p, s, r_k, e_k, w, EXACT)
        else:
            if CAPPED:
                s = tl.where(both, s, float("-inf"))
            m, r, _ = rise(m, r, s, 0.0, EXACT)
    if COST:
        m, r, e, p = tl.reduce((m, r, e, p), 1, join_with_cost)
    else:
        m, r = tl.reduce((m, r), 1, join)
        e = tl.zeros_like(r)
        p = tl.zeros_like(r)
    if SPLIT:
        at = tl.program_id(1).to(tl.int64) * events + event
        stride = tl.num_programs(1).to(tl.int64) * events
        tl.store(states + at, m, mask=there)
        tl.store(states + stride + at, r, mask=there)
        tl.store(states + 2 * stride + at, e, mask=there)
        tl.store(states + 3 * stride + at, p, mask=there)
    else:
        write(
            m, r, e, x, row, x_class, index, value, entries, mass, loss, log_z, greatest, rest,
            event, there, classes, softcap, ignore, CAPPED, True, RAW,
        )  # fmt: skip


@triton.jit
def write(
    m, r, e, x, row, stride, index, value, entries, mass, loss, log_z, greatest, rest, event,
    there, classes, softcap, ignore, CAPPED: tl.constexpr, WIDE: tl.constexpr, RAW: tl.constexpr,
):  # fmt: skip
    """What forward owes, from the states of the events."""
    b_mass = each(mass, event, there, 1.0)
    if RAW:
        _, b_mass = entry(index, value, event, there, classes, ignore, RAW)
    found, z, top, left = settled(m, r, b_mass, e.to(tl.float64) / SHARE)
    if index is not None:
        for t in range(entries):
            y, v = entry(index, value, event * entries + t, there, classes, ignore, RAW)
            raw = tl.load(x + row + y * stride, mask=there, other=0.0)
            found += cost_of(v, top, seen(raw, softcap, CAPPED, WIDE))
    tl.store(loss + event, found.to(tl.float32), mask=there)
    if log_z is not None:
        tl.store(log_z + event, z.to(tl.float32), mask=there)
    tl.store(greatest + event, top, mask=there)
    tl.store(rest + event, left, mask=there)


@triton.jit
def together(
    x, x_outer, x_length, x_inner, x_class,
    index, value, entries, mass,
    loss, log_z, greatest, rest, states, events, classes, splits, stride, softcap, ignore,
    CAPPED: tl.constexpr, WIDE: tl.constexpr, RAW: tl.constexpr,
    ROWS: tl.constexpr, SPLITS: tl.constexpr,
):  # fmt: skip
    """The loss of events from the states of the spans of their classes."""
    event = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = event < events
    part = tl.arange(0, SPLITS)
    both = there[:, None] & (part < splits)[None, :]
    at = part.to(tl.int64)[None, :] * events + event[:, None]
    m = tl.load(states + at, mask=both, other=LOWEST)
    r = tl.load(states + stride + at, mask=both, other=-1.0).to(tl.float32)
    e = tl.load(states + 2 * stride + at, mask=both, other=0.0).to(tl.float32)
    p = tl.load(states + 3 * stride + at, mask=both, other=0.0).to(tl.float32)
    m, r, e, p = tl.reduce((m, r, e, p), 1, join_with_cost)
    row = place(event, x_outer, x_length, x_inner)
    write(
        m, r, e, x, row, x_class, index, value, entries, mass, loss, log_z, greatest, rest, event,
        there, classes, softcap, ignore, CAPPED, WIDE, RAW,
    )  # fmt: skip


@triton.jit
def coefficients(d_loss, d_all, loss_step, d_log_z, log_z_step, mass, event, there):
    """What flows back to an event, d_loss · d_all, and with `mass` alpha, in float64."""
    upstream = tl.zeros_like(event).to(tl.float64) + d_all
    if d_loss is not None:
        upstream *= tl.load(d_loss + event * loss_step, mask=there, other=0.0).to(tl.float64)
    alpha = times(upstream, mass)
    if d_log_z is not None:
        alpha += tl.load(d_log_z + event * log_z_step, mask=there, other=0.0).to(tl.float64)
    return upstream, alpha


@triton.jit
def carried(
    s, raw, m, rest, alpha, upstream, sparse, hit, all_sparse, soft, softcap,
    CAPPED: tl.constexpr, SOFT: tl.constexpr, EXACT: tl.constexpr,
):  # fmt: skip
    """The gradient of scores, carried through the cap to what is stored."""
    # What is left of alpha where all of the sparse mass lies: taken apart before it is rounded.
    hard = (alpha - times(upstream, all_sparse)).to(tl.float32)
    up = upstream.to(tl.float32)
    g = slope(s, m, rest, alpha.to(tl.float32), hard, up, sparse, hit, soft, SOFT, EXACT)
    if CAPPED:
        g = times(g, slope_of_cap(raw.to(tl.float32), softcap))
    return g


@triton.jit
def known(greatest, rest, event, there, CAPPED: tl.constexpr):
    """m and R of events as backward compares scores with them; NaN where no class is left."""
    m = tl.load(greatest + event, mask=there, other=0.0)
    r = tl.load(rest + event, mask=there, other=0.0)
    r = tl.where(m == float("-inf"), float("nan"), r).to(tl.float32)
    if not CAPPED:
        m = m.to(tl.float32)
    return m, r


@triton.jit
def backward(
    x, x_outer, x_length, x_inner, x_class,
    g, g_outer, g_length, g_inner, g_class,
    index, value,
    dense, d_outer, d_length, d_inner, d_class,
    event_weight, class_weight, factor, spread, mass, greatest, rest,
    d_loss, d_all, loss_step, d_log_z, log_z_step,
    events, classes, softcap, ignore,
    CAPPED: tl.constexpr, EXACT: tl.constexpr, RAW: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr, TILES: tl.constexpr,
):  # fmt: skip
    """The gradient at some events and classes; of the sparse part of P one entry at the most."""
    SOFT: tl.constexpr = dense is not None or factor is not None
    event = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = event < events
    row = place(event, x_outer, x_length, x_inner)
    to = place(event, g_outer, g_length, g_inner)
    m, r = known(greatest, rest, event, there, CAPPED)
    b_mass = each(mass, event, there, 1.0)
    y = tl.full([ROWS], -1, tl.int32)
    v = tl.zeros_like(b_mass)
    if index is not None:
        y, v = entry(index, value, event, there, classes, ignore, RAW)
        y = tl.where(v == 0.0, -1, y).to(tl.int32)
    if RAW:
        b_mass = v
    upstream, alpha = coefficients(
        d_loss, d_all, loss_step, d_log_z, log_z_step, b_mass, event, there
    )
    d_row, b_weight, b_factor = row, alpha, alpha
    if SOFT:
        d_row = place(event, d_outer, d_length, d_inner)
        b_weight = each(event_weight, event, there, 1.0)
        b_factor = each(factor, event, there, 0.0)
    start = tl.program_id(1) * (BLOCK * TILES)
    for first in range(start, tl.minimum(start + BLOCK * TILES, classes), BLOCK):
        k = first + tl.arange(0, BLOCK)
        inside = k < classes
        both = there[:, None] & inside[None, :]
        wide = k.to(tl.int64)[None, :]
        raw = tl.load(x + row[:, None] + wide * x_class, mask=both, other=0.0)
        w = tl.zeros([ROWS, BLOCK], tl.float32)
        if SOFT:
            w = outside(
                dense, d_row, d_class, class_weight, b_weight, spread,
                factor if factor is None else b_factor, k, there, inside,
            )  # fmt: skip
        found = carried(
            seen(raw, softcap, CAPPED, True), raw, m[:, None], r[:, None], alpha[:, None],
            upstream[:, None], v.to(tl.float32)[:, None], k[None, :] == y[:, None], v[:, None], w,
            softcap, CAPPED, SOFT, EXACT,
        )  # fmt: skip
        tl.store(g + to[:, None] + wide * g_class, found.to(g.dtype.element_ty), mask=both)


@triton.jit
def of_run(y1, v1, y2, v2):
    """Sums within runs of one class, for tl.associative_scan."""
    return y2, tl.where(y1 == y2, v1 + v2, v2)


@triton.jit
def entries_of(
    x, x_outer, x_length, x_inner, x_class,
    g, index, value, entries,
    dense, d_outer, d_length, d_inner, d_class,
    event_weight, class_weight, factor, spread, mass, greatest, rest,
    d_loss, d_all, loss_step, d_log_z, log_z_step,
    events, softcap,
    CAPPED: tl.constexpr, EXACT: tl.constexpr, ENTRIES: tl.constexpr,
):  # fmt: skip
    """The gradient [event, entry] at the classes that the sparse part of one event names.

    Entries lie by class; of several with one class the last has the gradient.
    """
    event = tl.program_id(0).to(tl.int64) + tl.arange(0, 1)
    there = event < events
    t = tl.arange(0, ENTRIES)
    some = (t < entries)[None, :]
    at = event[:, None] * entries + t[None, :]
    y = tl.load(index + at, mask=some, other=0).to(tl.int64)
    following = tl.load(index + at + 1, mask=(t + 1 < entries)[None, :], other=-1).to(tl.int64)
    _, sparse = tl.associative_scan((y, each(value, at, some, 1.0)), 1, of_run)
    total = tl.sum(tl.where(some & (y != following), sparse, 0.0), 1)
    m, r = known(greatest, rest, event, there, CAPPED)
    upstream, alpha = coefficients(
        d_loss, d_all, loss_step, d_log_z, log_z_step, each(mass, event, there, 1.0), event, there
    )
    row = place(event, x_outer, x_length, x_inner)
    raw = tl.load(x + row[:, None] + y * x_class, mask=some, other=0.0)
    w = tl.zeros(y.shape, tl.float32)
    if dense is not None:
        d_row = place(event, d_outer, d_length, d_inner)
        p = tl.load(dense + d_row[:, None] + y * d_class, mask=some, other=0.0).to(tl.float32)
        if class_weight is not None:
            p = times(p, tl.load(class_weight + y).to(tl.float32))
        w += times(each(event_weight, event, there, 1.0).to(tl.float32)[:, None], p)
    if factor is not None:
        b = each(factor, event, there, 0.0).to(tl.float32)[:, None]
        if spread is not None:
            b = times(b, tl.load(spread + y).to(tl.float32))
        w += b
    hit = (sparse == total[:, None]) & (sparse != 0.0)
    sparse = sparse.to(tl.float32)
    found = carried(
        seen(raw, softcap, CAPPED, True), raw, m[:, None], r[:, None], alpha[:, None],
        upstream[:, None], sparse, hit, total[:, None], w + tl.where(hit, 0.0, sparse), softcap,
        CAPPED, True, EXACT,
    )  # fmt: skip
    tl.store(g + at, found, mask=some)
