"""Functions of the loss: focal, poly and z-loss. q_y = exp(-loss) is all that they need."""

from __future__ import annotations

from typing import Any

from . import options
from .algebra.limits import without_junk
from .errors import DtypeError
from .frameworks import as_array, verbs

# exp of less than -745 is 0 in every type.
_UNLIKELY = 1000.0


def focal(losses: Any, gamma: float = 2.0) -> Any:
    """The focal loss (1 - e^-L)^gamma · L of every loss L (Lin et al. 2017).

    `losses` are in nats, one per event, as `reduction="none"` gives them for targets of mass 1,
    so that e^-L is the probability given to the label: multiply class weights (alpha) on the
    result, not into P. The result has their shape and dtype, the
    widest for integers.

    Raises:
        DtypeError: losses or a gamma that are no numbers.
        ValueError: a negative gamma.

    Examples:
        >>> import plogq
        >>> losses = plogq.cross_entropy(
        ...     plogq.Labels([1]), plogq.Probs([[0.1, 0.8, 0.1]]), reduction="none"
        ... )
        >>> plogq.focal(losses, gamma=2.0).round(6)
        array([0.008926])
    """
    gamma = options.not_negative(gamma, "gamma")
    xp, losses = _floats(losses)
    if gamma == 0.0:
        return losses + 0.0
    with xp.quiet():
        # Where e^-L is 0 it is the loss itself, and its slope never L · e^-L. At 0 a root is
        # infinitely steep, and so would be its slope, which is 0 as the loss is.
        unlikely, nothing = losses > _UNLIKELY, xp.equal(losses, 0.0)
        special = unlikely | nothing if gamma < 1.0 else unlikely
        some = xp.where(special, 1.0, losses)
        found = xp.times((-xp.expm1(-some)) ** gamma, some)
        if gamma < 1.0:
            found = xp.where(nothing, 0.0, found)
        return xp.cast_like(xp.where(unlikely, losses, found), losses)


def focal_slopes(xp: Any, losses: Any, gamma: float) -> tuple[Any, Any]:
    """The first derivative of `focal` by the loss, and the second as far as it is not negative.

    With u = 1 - e^-L: f' = u^γ + γ u^(γ-1) e^-L L, and f'' its derivative. Both are 0 for a loss of
    0, where everything that they are multiplied by is.
    """
    with xp.quiet():
        unlikely, nothing = losses > _UNLIKELY, xp.equal(losses, 0.0)
        some = xp.where(unlikely | nothing, 1.0, losses)
        u, e = -xp.expm1(-some), xp.exp(-some)
        steep = gamma * u ** (gamma - 1.0) * e
        first = u**gamma + steep * some
        second = steep * (2.0 - some) + (gamma - 1.0) * (steep / u) * e * some
        first, second = (
            xp.where(nothing, 0.0, xp.where(unlikely, limit, x))
            for x, limit in ((first, 1.0), (second, 0.0))
        )
        return first, xp.where(second > 0, second, 0.0)


def poly(losses: Any, epsilon: float = 1.0) -> Any:
    """The poly-1 loss L + epsilon · (1 - e^-L) of every loss L (Leng et al. 2022).

    `losses` are in nats, one per event, for targets of mass 1; the result has their shape and
    dtype, the widest for integers.

    Raises:
        DtypeError: losses or an epsilon that are no numbers.
        ValueError: an epsilon that is not finite.

    Examples:
        >>> import plogq
        >>> losses = plogq.cross_entropy(
        ...     plogq.Labels([1]), plogq.Probs([[0.1, 0.8, 0.1]]), reduction="none"
        ... )
        >>> plogq.poly(losses, epsilon=1.0).round(6)
        array([0.423144])
    """
    epsilon = options.finite(epsilon, "epsilon")
    xp, losses = _floats(losses)
    with xp.quiet():
        return xp.cast_like(losses - epsilon * xp.expm1(-losses), losses)


def _floats(losses: Any) -> tuple[Any, Any]:
    """The losses as floating-point numbers, which integers become, and their framework."""
    losses = as_array(losses, "losses")
    xp = verbs(losses)
    if xp.is_integer(losses) or xp.is_bool(losses):
        return xp, xp.weights(losses)
    if not xp.is_float(losses):
        raise DtypeError(
            f"losses must be floating point ({', '.join(xp.float_names)}), got "
            f"{xp.dtype_name(losses)}"
        )
    return xp, losses


def add_z_loss(xp: Any, losses: Any, log_z: Any, mass: Any, z_loss: float) -> Any:
    """losses + z_loss · mass · log²Z, the penalty that keeps log Z near 0 (PaLM, 2022)."""
    with xp.quiet():
        # Where nothing weighs, log Z may be no number, and neither would be its slope.
        log_z = xp.weights(log_z)
        log_z = without_junk(xp, xp.equal(mass, 0.0), log_z)
        return xp.cast_like(xp.weights(losses) + z_loss * xp.times(mass, log_z * log_z), losses)
