"""What a kernel is given and what it owes: P as a measure, Q as scores, per-event losses.

A kernel returns one loss and one log Z per event, never a reduction, and saves two numbers per
event for the gradient: the greatest score m and R = Σ_{j≠a} exp(s_j - m), a the first place of m.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

Array = Any


@dataclass(slots=True, eq=False, repr=False)
class Forward:
    """What `forward` owes: a loss per event, log Z if it was asked for, what `backward` needs."""

    loss: Array
    log_z: Array = None
    residual: Any = field(default=None)


class Kernel(Protocol):
    """One way to compute a pair.

    `d_loss` and `d_log_z` are per event; with a `d_log_z` goes a forward that was asked for log Z,
    since one that was not may leave out events without mass. `fused` does forward and backward in
    one pass for a loss per event whose gradient weight is known beforehand: d_loss (a number), and
    z_loss · log²Z per unit of mass on top of it.
    """

    name: str

    def refuses(self, measure: Any, scores: Any) -> str | None:
        """A sentence that says why this kernel does not do this pair, or None if it does."""
        ...

    def forward(self, measure: Any, scores: Any, log_z: bool = False) -> Forward: ...

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Any, ...]: ...

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Any, ...]]: ...


def in_steps(
    kernel: Kernel, xp: Any, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
) -> tuple[Forward, tuple[Any, ...]]:
    """`fused` by a forward and then a backward."""
    forward = kernel.forward(measure, scores, log_z=z_loss != 0)
    d_log_z: Any = 0.0
    if z_loss:
        with xp.quiet():
            slope = 2.0 * z_loss * xp.weights(forward.log_z)
            d_log_z = d_loss * xp.times(measure.mass(xp), slope)
    return forward, kernel.backward(measure, scores, forward.residual, d_loss, d_log_z, out)
