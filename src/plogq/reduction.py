"""From one loss per event to one loss: none, sum, mean, sum_over_batch_size, normalizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def reduce(xp: Any, losses: Any, divisor: Any, reduction: str) -> Any:
    """The losses as they are for "none", else their sum over the divisor, in their own dtype.

    Where nothing counts (everything ignored, or an empty batch) it is 0 (N6).
    """
    if reduction == "none":
        return losses
    return xp.scalar_like(xp.ratio(xp.total(losses), divisor), losses)
