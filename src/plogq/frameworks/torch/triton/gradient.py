"""Stored scores in Triton: backward reads each score once and writes its gradient once."""

from __future__ import annotations

import triton
import triton.language as tl

from .online import slope, slope_of_cap, times
from .stored import each, entry, outside, place, seen


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
def slopes(
    x, row, x_class, g, to, g_class, dense, d_row, d_class, class_weight, weight, spread, factor,
    m, r, alpha, upstream, y, v, there, begin, end, classes, softcap,
    CAPPED: tl.constexpr, EXACT: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write the gradient of some events in the classes from `begin` to `end`."""
    SOFT: tl.constexpr = dense is not None or factor is not None
    for first in range(begin, end, BLOCK):
        k = first + tl.arange(0, BLOCK)
        inside = k < classes
        both = there[:, None] & inside[None, :]
        wide = k.to(tl.int64)[None, :]
        raw = tl.load(x + row[:, None] + wide * x_class, mask=both, other=0.0)
        w = tl.zeros([ROWS, BLOCK], tl.float32)
        if SOFT:
            w = outside(
                dense, d_row, d_class, class_weight, weight, spread, factor, k, there, inside,
            )  # fmt: skip
        found = carried(
            seen(raw, softcap, CAPPED, True), raw, m[:, None], r[:, None], alpha[:, None],
            upstream[:, None], v.to(tl.float32)[:, None], k[None, :] == y[:, None], v[:, None], w,
            softcap, CAPPED, SOFT, EXACT,
        )  # fmt: skip
        tl.store(g + to[:, None] + wide * g_class, found.to(g.dtype.element_ty), mask=both)


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
    slopes(
        x, row, x_class, g, to, g_class, dense, d_row, d_class, class_weight, b_weight, spread,
        factor if factor is None else b_factor, m, r, alpha, upstream, y, v, there, start,
        tl.minimum(start + BLOCK * TILES, classes), classes, softcap, CAPPED, EXACT, ROWS, BLOCK,
    )  # fmt: skip


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
