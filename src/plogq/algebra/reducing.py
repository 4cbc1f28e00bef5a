"""One loss of one loss per event: what their sum is divided by, and the division."""

from __future__ import annotations

from typing import Any, Protocol

from .open_lengths import count


class Massive(Protocol):
    """What has a mass, over all events."""

    def total_mass(self, xp: Any) -> Any: ...


def divisor(xp: Any, of: Massive, events: tuple[Any, ...], reduction: str) -> Any:
    """What the sum of the losses is divided by; 1 for "none" and "sum"."""
    if reduction == "mean":
        return of.total_mass(xp)
    if reduction == "sum_over_batch_size":
        return count(events)
    return 1.0


def reduce(xp: Any, losses: Any, divisor: Any) -> Any:
    """The sum of the losses over the divisor, in their own dtype.

    Where nothing counts (everything ignored, or an empty batch) it is 0 (N6).
    """
    return xp.scalar_like(xp.ratio(xp.total(losses), divisor), losses)
