"""From one loss per event to one loss: none, sum, mean, sum_over_batch_size, normalizer."""

from __future__ import annotations

from collections.abc import Callable
from math import frexp, isinf, isnan
from typing import Any

from . import checks
from .errors import ProbabilityError
from .kernels.sums import total

REDUCTIONS = ("mean", "sum", "none", "sum_over_batch_size")


def check(reduction: str, normalizer: Any) -> None:
    """Refuse a reduction that does not exist, or a normalizer that it has no place for.

    Raises:
        ValueError: with the reductions that exist.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"reduction takes {', '.join(repr(r) for r in REDUCTIONS)}, got {reduction!r}"
        )
    if normalizer is not None and reduction not in ("mean", "sum"):
        raise ValueError(
            f"normalizer divides the sum, so it goes with reduction='sum' or 'mean', "
            f"not {reduction!r}"
        )


def divisor(total_mass: Callable[[], Any], events: Any, reduction: str, normalizer: Any) -> Any:
    """What the sum of the losses is divided by; 1 for "none" and "sum".

    `total_mass` is a function: only the mean needs it.
    """
    if normalizer is not None:
        return normalizer
    if reduction == "mean":
        return total_mass()
    if reduction == "sum_over_batch_size":
        return events
    return 1.0


# Within these bounds float32 carries a divisor, and what it divides.
_LEAST, _MOST = 2.0**-60, 2.0**60


def level(xp: Any, divisor: Any) -> float:
    """A power of two that brings a divisor near 1, where it is beyond what float32 carries; else 1.

    Σ w H / Σ w is the same for weights of any size, but a loss of one event in float32 is not.

    Raises:
        ProbabilityError: weights that sum to ∞.
    """
    number = _known(xp, divisor)
    if number is None or number == 0 or isnan(number):
        return 1.0
    if isinf(number):
        raise ProbabilityError(
            "the weights of the events sum to ∞, so there is no mean: a weight is infinite where "
            "P has mass; give it a finite one, or an event that counts nothing a weight of 0"
        )
    return 1.0 if _LEAST < abs(number) < _MOST else 2.0 ** -frexp(number)[1]


def _known(xp: Any, divisor: Any) -> float | None:
    """A divisor as a number, or None where its value cannot be looked at."""
    if isinstance(divisor, int | float):
        return float(divisor)
    if getattr(divisor, "ndim", 1) != 0 or not checks.known(xp, divisor):
        return None
    return float(xp.host(divisor))


def reduce(xp: Any, losses: Any, divisor: Any, reduction: str) -> Any:
    """The losses as they are for "none", else their sum over the divisor, in their own dtype.

    Where nothing counts (everything ignored, or an empty batch) it is 0 (N6).
    """
    if reduction == "none":
        return losses
    return xp.scalar_like(xp.ratio(total(xp, losses), divisor), losses)
