"""Sums over the classes in Triton: the mass of soft targets, in one pass and in float64."""

from __future__ import annotations

import triton
import triton.language as tl

from .online import times
from .stored import place


@triton.jit
def rows(
    x, x_outer, x_length, x_inner, x_class, weight, sums, least, events, classes,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Σ over the classes of x, each times its weight, and the least entry, of some events."""
    event = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    there = event < events
    row = place(event, x_outer, x_length, x_inner)
    total = tl.zeros([ROWS, BLOCK], tl.float64)
    low = tl.full([ROWS, BLOCK], float("inf"), tl.float32)
    for first in range(0, classes, BLOCK):
        k = first + tl.arange(0, BLOCK)
        inside = k < classes
        both = there[:, None] & inside[None, :]
        at = row[:, None] + k.to(tl.int64)[None, :] * x_class
        p = tl.load(x + at, mask=both, other=0.0).to(tl.float32)
        low = tl.minimum(low, tl.where(both, p, float("inf")))
        if weight is not None:
            w = tl.load(weight + k, mask=inside, other=0.0).to(tl.float64)
            total += times(p.to(tl.float64), w[None, :])
        else:
            total += p.to(tl.float64)
    tl.store(sums + event, tl.sum(total, 1), mask=there)
    tl.store(least + event, tl.min(low, 1), mask=there)
