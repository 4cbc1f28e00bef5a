"""How far a result may be from the truth: docs/numbers.md, point by point.

N1 and N2 are relative and hold for the compiled kernels. Where the formula runs in a framework's
own operations it has that framework's rounding, and may miss the relative bound for confident
predictions: there 16 units of the event's mass come on top, an absolute error. So do they where
the docs promise no relative one: gradients by P's arrays, second derivatives, products of hidden
states. What a framework documents besides (TensorFlow and XLA take subnormal numbers for 0) is
part of its `Precision`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from .measures import Wide
from .program import Linear, Program, names_of_q
from .reference import Slope, Truth

ABSOLUTE = 16
_NOTHING = np.longdouble("1e-400")


@dataclass(frozen=True)
class Precision:
    """What ran: a kernel or the formula, float64 weights or float32, and the least number."""

    formula: bool = False
    narrow: bool = False  # weights and sums are float32: JAX without jax_enable_x64
    flushed: bool = False  # subnormal numbers are 0


def loss_dtype(program: Program, precision: Precision) -> np.dtype[Any]:
    """float64 for float64 predictions, float32 for all others; entropies are float64."""
    if program.q is None:
        return np.dtype(np.float32 if precision.narrow else np.float64)
    dtype = program.arrays[names_of_q(program.q)[0]].dtype
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def unit(dtype: Any) -> float:
    """u: half the distance from 1 to the next number."""
    return float(ml_dtypes.finfo(dtype).eps) / 2


def least(dtype: Any, precision: Precision) -> float:
    info = ml_dtypes.finfo(dtype)
    flushed = precision.flushed and np.dtype(dtype).itemsize > 2
    # Rounded once as a loss, and once more times a weight.
    return float(info.smallest_normal if flushed else 2 * info.smallest_subnormal)


def _logarithm(x: Wide) -> Wide:
    return np.where(x > 0, abs(np.log(np.where(x > 0, x, 1))), 0)


def losses(program: Program, truth: Truth, precision: Precision, smallest: float) -> Wide:
    """By how much each loss may be off (N1); `smallest` is the spacing of the least numbers."""
    with np.errstate(all="ignore"):
        dtype = loss_dtype(program, precision)
        u = unit(dtype)
        mass = np.where(truth.mass > 0, truth.mass, 1)
        size = abs(truth.terms)
        if program.p is None:
            of_one = np.minimum(size, 1)
            off = (8 + _logarithm(of_one)) * u * size + ABSOLUTE * u * precision.formula
            return off + extra(program, truth, dtype) * u + smallest
        off = (8 + _logarithm(size / mass)) * u * size
        if program.function == "kl_divergence":
            # A difference: a few units in the last place of H(P, Q).
            off = off + ABSOLUTE * (u * size + unit(np.float64) * truth.mass)
            off = np.where(size > float(ml_dtypes.finfo(dtype).max), np.inf, off)
        off = off + extra(program, truth, dtype) * u * truth.mass
        if precision.formula:
            # A framework's sum over an axis that is not the last one need not be pairwise.
            off = off + ABSOLUTE * u * truth.mass + program.classes**0.5 * u * size
        if precision.narrow:
            off = off + ABSOLUTE * unit(np.float32) * size
        if program.z_loss:
            assert truth.costs is not None
            log_z, of = truth.costs.log_z, truth.costs.size
            slope = program.z_loss * truth.mass * 2 * abs(log_z)
            off = off + slope * (8 + extra(program, truth, dtype) * (log_z != 0)) * u * of
            off = off + 8 * u * abs(truth.losses)
        if program.shape is not None:
            gamma = program.shape.amount if program.shape.name == "focal" else 1.0
            share = np.where(size > 0, off / size, 0)
            off = ((1 + gamma) * share + ABSOLUTE * (1 + gamma) * u) * abs(truth.losses)
            if precision.formula:
                off = off + ABSOLUTE * u * np.minimum(1, size) ** min(gamma, 1.0)
            # It is made from a loss in its own type.
            smallest = smallest * (1 + program.shape.amount)
        exact = (truth.losses == 0) & (program.function != "kl_divergence")
        return np.where(exact, off * precision.formula, off + smallest)


def extra(program: Program, truth: Truth, dtype: Any) -> Any:
    """Units of the mass that a soft cap in float64, or products of hidden states, cost."""
    cap = getattr(program.q, "softcap", None)
    found: Any = 4 * cap if cap and dtype == np.float64 else 0.0
    return found + (truth.costs.noise if truth.costs is not None else 0.0)


def value(program: Program, truth: Truth, precision: Precision) -> Wide:
    """By how much what comes back may be off: the losses, or what they are reduced to (N6)."""
    with np.errstate(all="ignore"):
        dtype = loss_dtype(program, precision)
        smallest = least(dtype, precision)
        if program.reduction == "none" or program.p is None:
            return losses(program, truth, precision, smallest).reshape(program.events)
        if truth.divisor == 0:
            return np.longdouble(0)
        # Sums are of float64; what is added is each loss in its own type, which may be too small
        # for it or too large.
        each = losses(program, truth, precision, smallest)
        if (abs(truth.losses) > float(ml_dtypes.finfo(dtype).max)).any():
            return np.longdouble(np.inf)
        finite = np.where(np.isfinite(each), each, 0)
        size = abs(np.where(np.isfinite(truth.losses), truth.losses, 0)).sum()
        roundings = 8 * unit(np.float64) + 2 * unit(dtype)
        if precision.narrow:
            roundings += (8 + np.log2(1 + len(each))) * unit(np.float32)
        return (finite.sum() + roundings * size) / abs(truth.divisor) + smallest


def gradient(
    program: Program,
    truth: Truth,
    slope: Slope,
    dtype: Any,
    precision: Precision,
    absolute: bool = False,
) -> Wide:
    """By how much each component of a gradient may be off (N2); `absolute` for those by P."""
    with np.errstate(all="ignore"):
        u = unit(loss_dtype(program, precision))
        if precision.narrow:
            u = max(u, unit(np.float32))
        narrow = float(ml_dtypes.finfo(loss_dtype(program, precision)).max)
        if absolute and (abs(truth.losses) > narrow).any():
            return np.longdouble(np.inf)
        g, size = abs(slope.value), slope.size
        if absolute and (size > float(ml_dtypes.finfo(dtype).max) / 4).any():
            # It is added up of parts, each of which this type has to hold.
            return np.longdouble(np.inf)
        more = np.max(extra(program, truth, loss_dtype(program, precision)), initial=0.0)
        gamma = program.shape.amount if program.shape and program.shape.name == "focal" else 0.0
        if absolute:
            off = (ABSOLUTE + _logarithm(size)) * u * size
        elif slope.relative:
            off = (8 + _logarithm(g / np.where(size > 0, size, 1))) * u * g + more * u * size
        else:
            off = (8 + slope.roundings + more) * u * size
        if program.shape is not None:
            off = (2 + gamma) * off + ABSOLUTE * (1 + gamma) * u * g
            if absolute:
                # The slope of a function of the loss is of the loss's own type.
                off = off + least(loss_dtype(program, precision), precision)
        if precision.formula or isinstance(program.q, Linear):
            off = off + ABSOLUTE * u * size
        if precision.narrow:
            off = off + ABSOLUTE * u * g
        if unit(dtype) > u:
            # Rounded once more to its own type; by P, each of the parts that are added in it.
            parts = 4 if program.z_loss else 2
            off = off + (parts * unit(dtype) * size if absolute else unit(dtype) * g)
        exact = (slope.value == 0) & (slope.relative | (size == 0)) & (not precision.formula)
        return np.where(exact, 0, off + 4 * least(dtype, precision))


def missed(
    actual: Any, truth: Wide, allowed: Wide, dtype: Any
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Which of the numbers are too far off, and every error as a share of what is allowed."""
    with np.errstate(all="ignore"):
        found = np.asarray(actual)
        found = (found if found.dtype.kind == "f" else found.astype(np.float64)).astype(
            np.longdouble
        )
        largest = float(ml_dtypes.finfo(dtype).max)
        error = abs(found - truth)
        allowed = np.broadcast_to(np.asarray(allowed, np.longdouble), np.shape(truth))
        share = np.where(error == 0, 0, error / np.where(allowed > 0, allowed, _NOTHING))
        # What no number of this type holds is ∞.
        beyond = np.isfinite(truth) & (abs(truth) + allowed > largest)
        over = beyond & (found == np.sign(truth) * np.inf)
        over = over | beyond & np.isinf(found) & (allowed >= abs(truth))
        over = over | np.isinf(allowed)
        same = (found == truth) | (np.isnan(found) & np.isnan(truth)) | over
        share = np.where(same, np.where(np.isfinite(truth) & ~over, share, 0), share)
        bad = ~same & ~(share <= 1)
        return bad, np.where(np.isfinite(share), share, np.where(bad, np.inf, 0))
