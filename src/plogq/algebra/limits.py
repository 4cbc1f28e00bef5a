"""Where something is 0: 0 · ∞ = 0, in derivatives too.

p log p is 0 at p = 0 and its slope is infinite there. What chains that slope to a p that came from
a softmax multiplies it by 0 again, so the slope at 0 is given as that at the least normal float64.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

Array = Any

# -log of the least normal float64.
_STEEPEST = 708.396418532264


def self_information(xp: Any, p: Array, not_p: Array | None = None) -> Array:
    """-log p, of a p that multiplies it.

    Where 1 - p is known by itself, the logarithm of a p near 1 is taken from that: p has lost it.
    """
    nothing, unknown = xp.equal(p, 0.0), ~((p >= 0.0) & (p < inf))
    cost = -xp.log(xp.where(nothing | unknown, 1.0, p))
    if not_p is not None:
        likely = p > 0.5
        cost = xp.where(likely, -xp.log1p(-xp.where(likely, not_p, 0.0)), cost)
    # A NaN is one by itself, and not through a slope that would meet it where nothing counts.
    return xp.where(unknown, nan, xp.where(nothing, _STEEPEST, cost))


def slope_at(xp: Any, p: Array, costs: Array) -> Array:
    """The costs as slopes of Σ p · cost: numbers where p is 0, as what chains them is times 0.

    Where there is no cost at all there is no slope.
    """
    nothing = xp.equal(p, 0.0)
    costs = xp.where(nothing & xp.equal(costs, inf), _STEEPEST, costs)
    return without_junk(xp, nothing, costs)


def finite(x: Array) -> Array:
    """Where x is a number: neither infinite nor NaN."""
    return (x > -inf) & (x < inf)


def size(xp: Any, x: Array) -> Array:
    """|x|, with a derivative of 1 at 0: what is even in x has one of 0 by itself."""
    return xp.where(x >= 0, x, -x)


def least_normal(dtype: str) -> float:
    """The least number of full precision."""
    return 2.0**-1022 if dtype == "float64" else 2.0**-126


def without_junk(xp: Any, nothing: Array, x: Array) -> Array:
    """x, and 0 for what is no number where nothing depends on it: no slope meets it there."""
    return xp.where(nothing & ~finite(x), 0.0, x)


def is_array(x: Any) -> bool:
    """Whether x is an array, and no plain number: one that a compiler leaves open included."""
    return not isinstance(x, (int, float)) and hasattr(x, "shape")


def weighed(weight: Any, coefficient: Any) -> Any:
    """weight · coefficient; what is plainly 0 stays so: no slope of the weight meets ∞ there."""
    nothing = not is_array(coefficient) and coefficient == 0.0
    return coefficient if nothing else coefficient * weight
