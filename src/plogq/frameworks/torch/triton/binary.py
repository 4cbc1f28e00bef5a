"""Independent yes/no outcomes in Triton, element by element: one pass forward, one backward."""

from __future__ import annotations

import triton
import triton.language as tl

from .online import exp_minus, times


@triton.jit
def log1p_unit(x):
    """log(1 + x) for x in [0, 1], as exact as x: 2 · artanh(x / (2 + x)) as its series."""
    # z is 2x / (2 + x), and x itself where that is subnormal: halved it would lose a bit.
    z = x / (1.0 + 0.5 * x)
    w = 0.25 * z * z
    # (1/9)⁸ / 17 is below half a unit of float32.
    t = 1.0 / 15.0
    for i in tl.static_range(6, -1, -1):
        t = t * w + 1.0 / (2 * i + 1)
    return z * t


@triton.jit
def masses(y, event, element, there, yes_1, yes_0, no_1, no_0):
    """The mass on yes and on no; weights of events stay float64 until the last product."""
    y = tl.load(y + element, mask=there, other=0.0).to(tl.float32)
    yes = yes_1 * y + yes_0 * (1.0 - y)
    no = no_1 * y + no_0 * (1.0 - y)
    if event is not None:
        w = tl.load(event + element, mask=there, other=0.0).to(tl.float64)
        yes, no = times(w, yes), times(w, no)
    return yes, no


@triton.jit
def forward(x, y, event, loss, log_z, yes_1, yes_0, no_1, no_0, elements, BLOCK: tl.constexpr):
    """H = yes · log(1 + e^-z) + no · log(1 + e^z), and log Z = log(1 + e^z)."""
    element = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = element < elements
    z = tl.load(x + element, mask=there, other=0.0).to(tl.float32)
    yes, no = masses(y, event, element, there, yes_1, yes_0, no_1, no_0)
    offset = log1p_unit(exp_minus(tl.abs(z), True))
    # A NaN score is neither above 0 nor below.
    cost_yes = offset + tl.where(z < 0.0, -z, 0.0)
    cost_no = offset + tl.where(z > 0.0, z, 0.0)
    found = times(yes, cost_yes) + times(no, cost_no)
    tl.store(loss + element, found.to(tl.float32), mask=there)
    if log_z is not None:
        tl.store(log_z + element, cost_no, mask=there)


@triton.jit
def backward(
    x, y, event, g, d_loss, d_all, loss_step, d_log_z, log_z_step,
    yes_1, yes_0, no_1, no_0, elements, BLOCK: tl.constexpr,
):  # fmt: skip
    """∂H/∂z = no · q - yes · (1 - q), each of q and 1 - q from the side that does not cancel."""
    element = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = element < elements
    z = tl.load(x + element, mask=there, other=0.0).to(tl.float32)
    yes, no = masses(y, event, element, there, yes_1, yes_0, no_1, no_0)
    up = tl.zeros([BLOCK], tl.float32) + d_all
    if d_loss is not None:
        up *= tl.load(d_loss + element * loss_step, mask=there, other=0.0).to(tl.float32)
    e = exp_minus(tl.abs(z), True)
    inverse = 1.0 / (1.0 + e)
    high, low = inverse, e * inverse
    q = tl.where(z >= 0.0, high, low)
    not_q = tl.where(z >= 0.0, low, high)
    found = times(up, times(no, q) - times(yes, not_q))
    if d_log_z is not None:
        d_z = tl.load(d_log_z + element * log_z_step, mask=there, other=0.0).to(tl.float32)
        found += times(d_z, q)
    tl.store(g + element, found.to(tl.float32).to(g.dtype.element_ty), mask=there)
