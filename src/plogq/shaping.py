"""Functions of the loss: focal, poly and z-loss. q_y = exp(-loss) is all that they need."""

from __future__ import annotations

from typing import Any

from .arrays import as_array, verbs


def focal(losses: Any, gamma: float = 2.0) -> Any:
    """The focal loss (1 - e^-L)^gamma · L of every loss L (Lin et al. 2017).

    `losses` are in nats, one per event, as `reduction="none"` gives them for targets of mass 1,
    so that e^-L is the probability given to the label: multiply class weights (alpha) on the
    result, not into P. The result has their shape and dtype.

    Raises:
        ValueError: a negative gamma.

    Examples:
        >>> import plogq
        >>> losses = plogq.cross_entropy(
        ...     plogq.Labels([1]), plogq.Probs([[0.1, 0.8, 0.1]]), reduction="none"
        ... )
        >>> plogq.focal(losses, gamma=2.0).round(6)
        array([0.008926])
    """
    if not gamma >= 0:
        raise ValueError(f"gamma must be ≥ 0, got {gamma!r}")
    losses = as_array(losses, "losses")
    xp = verbs(losses)
    with xp.quiet():
        if not 0.0 < gamma < 1.0:
            return xp.cast_like(xp.times((-xp.expm1(-losses)) ** gamma, losses), losses)
        # A root is infinitely steep at 0, where the loss is 0 and so is its slope.
        nothing = xp.equal(losses, 0.0)
        some = xp.where(nothing, 1.0, losses)
        found = xp.times((-xp.expm1(-some)) ** gamma, some)
        return xp.cast_like(xp.where(nothing, 0.0, found), losses)


def poly(losses: Any, epsilon: float = 1.0) -> Any:
    """The poly-1 loss L + epsilon · (1 - e^-L) of every loss L (Leng et al. 2022).

    `losses` are in nats, one per event, for targets of mass 1; the result has their shape and
    dtype.

    Examples:
        >>> import plogq
        >>> losses = plogq.cross_entropy(
        ...     plogq.Labels([1]), plogq.Probs([[0.1, 0.8, 0.1]]), reduction="none"
        ... )
        >>> plogq.poly(losses, epsilon=1.0).round(6)
        array([0.423144])
    """
    losses = as_array(losses, "losses")
    xp = verbs(losses)
    with xp.quiet():
        return xp.cast_like(losses - epsilon * xp.expm1(-losses), losses)


def add_z_loss(xp: Any, losses: Any, log_z: Any, mass: Any, z_loss: float) -> Any:
    """losses + z_loss · mass · log²Z, the penalty that keeps log Z near 0 (PaLM, 2022)."""
    with xp.quiet():
        # Where nothing weighs, log Z may be no number, and neither would be its slope.
        log_z = xp.where(xp.equal(mass, 0.0), 0.0, xp.weights(log_z))
        return xp.cast_like(xp.weights(losses) + z_loss * xp.times(mass, log_z * log_z), losses)
