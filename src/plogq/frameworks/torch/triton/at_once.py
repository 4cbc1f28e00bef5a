"""Stored scores in Triton where what flows back is known: one kernel, from scores to gradient.

A program has all classes of its events. It reads their scores from memory once; to write their
gradient, which may take their place, it reads them again, from the cache.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .gradient import coefficients, slopes
from .online import times
from .stored import each, entry, place, states_of, write


@triton.jit
def fused(
    x, x_outer, x_length, x_inner, x_class,
    g, g_outer, g_length, g_inner, g_class,
    index, value, entries,
    dense, d_outer, d_length, d_inner, d_class,
    event_weight, class_weight, factor, spread, mass,
    loss, log_z, greatest, rest,
    d_loss, d_all, loss_step, z_loss,
    events, classes, softcap, ignore,
    CAPPED: tl.constexpr, EXACT: tl.constexpr, RAW: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The loss of some events and the gradient of their scores, which `g`, or x, takes.

    Of the sparse part of P there is one entry at the most.
    """
    SOFT: tl.constexpr = dense is not None or factor is not None
    event = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = event < events
    row = place(event, x_outer, x_length, x_inner)
    to = place(event, g_outer, g_length, g_inner)
    d_row, b_weight, b_factor = row, row, row
    if SOFT:
        d_row = place(event, d_outer, d_length, d_inner)
        b_weight = each(event_weight, event, there, 1.0)
        b_factor = each(factor, event, there, 0.0)
    m, r, e, _ = states_of(
        x, row, x_class, dense, d_row, d_class, class_weight, b_weight, spread,
        factor if factor is None else b_factor, there, 0, classes, softcap, CAPPED, EXACT, ROWS,
        BLOCK,
    )  # fmt: skip
    z, top, left = write(
        m, r, e, x, row, x_class, index, value, entries, mass, loss, log_z, greatest, rest, event,
        there, classes, softcap, ignore, CAPPED, True, RAW,
    )  # fmt: skip
    b_mass = each(mass, event, there, 1.0)
    y = tl.full([ROWS], -1, tl.int32)
    v = tl.zeros_like(b_mass)
    if index is not None:
        y, v = entry(index, value, event, there, classes, ignore, RAW)
        y = tl.where(v == 0.0, -1, y).to(tl.int32)
    if RAW:
        b_mass = v
    upstream, alpha = coefficients(d_loss, d_all, loss_step, None, 0, b_mass, event, there)
    if log_z is not None:
        alpha += times(upstream, times(b_mass, 2.0 * z_loss * z))
    left = tl.where(top == float("-inf"), float("nan"), left).to(tl.float32)
    if not CAPPED:
        top = top.to(tl.float32)
    # No warp writes before all have read the scores of labels.
    tl.debug_barrier()
    slopes(
        x, row, x_class, g, to, g_class, dense, d_row, d_class, class_weight, b_weight, spread,
        factor if factor is None else b_factor, top, left, alpha, upstream, y, v, there, 0,
        classes, classes, softcap, CAPPED, EXACT, ROWS, BLOCK,
    )  # fmt: skip
