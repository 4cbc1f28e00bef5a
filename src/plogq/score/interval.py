"""How sure a mean is: its standard error, and the interval that holds it at 95%."""

from __future__ import annotations

import numpy as np

from .column import Array
from .moments import Moments
from .slices import Groups
from .tally import FEW

# Of a normal distribution, what lies further away on either side in 5% of all cases.
NORMAL = 1.959963984540054
_DRAWS = 4000

Interval = tuple[float, float]


def uncertain(
    values: Moments, clusters: Groups | None, first: Array, infinite: int
) -> tuple[float, Interval, str]:
    """The standard error of a mean, its interval at 95%, and how they were found.

    `clusters` hold the same values by what belongs together, `first` some of them with their
    weights, shape (2, n): all where they are few. `infinite` is how many more there are, of ∞.
    """
    mean, error = values.mean, values.standard_error
    method = "central limit theorem"
    if clusters is not None:
        error = clusters.standard_error()
        method = f"{len(clusters):,} clusters"
    elif 1 < values.count + infinite <= FEW and not infinite:
        # Few losses, and skew ones: their mean is drawn again from themselves.
        losses, weights = first
        drawn = np.random.default_rng(0).integers(0, len(losses), (_DRAWS, len(losses)))
        means = (losses * weights)[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
        low, high = np.quantile(means[np.isfinite(means)], (0.025, 0.975)).tolist()
        return error, (low, high), "bootstrap"
    return error, around(mean, error), method


def around(mean: float, error: float) -> Interval:
    """The interval at 95% of a mean that is distributed normally."""
    return mean - NORMAL * error, mean + NORMAL * error
