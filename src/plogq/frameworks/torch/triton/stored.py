"""Stored scores in Triton: forward reads each score once.

A program has some events and a span of their classes. Each lane keeps the state of the classes it
has met; lanes, spans and programs add up by the one rule of `online.py`. Long rows are split over
several programs, whose states a second kernel joins. Triton compiles no class and takes no
structure: what the kernels share is passed as arguments.
"""

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
def states_of(
    x, row, x_class, dense, d_row, d_class, class_weight, weight, spread, factor, there, begin, end,
    softcap, CAPPED: tl.constexpr, EXACT: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The states of some events in the classes from `begin` to `end`, with their costs."""
    COST: tl.constexpr = dense is not None or factor is not None
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
                dense, d_row, d_class, class_weight, weight, spread, factor, k, there, inside,
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
    return m, r, e, p


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
    m, r, e, p = states_of(
        x, row, x_class, dense, d_row, d_class, class_weight, b_weight, spread,
        factor if factor is None else b_factor, there, begin, end, softcap, CAPPED, EXACT, ROWS,
        BLOCK,
    )  # fmt: skip
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
    if greatest is not None:
        tl.store(greatest + event, top, mask=there)
        tl.store(rest + event, left, mask=there)
    return z, top, left


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
