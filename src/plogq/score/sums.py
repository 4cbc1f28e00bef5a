"""Which rows sum to 1, as nearly as their values were rounded."""

from __future__ import annotations

import numpy as np

from .column import Array

# What a row may be off by whatever its digits are, unless the user says otherwise.
USUAL = 1e-3
# Digits beyond these leave no more than `USUAL`; and a sum that may be anything tells nothing.
_DIGITS, _MOST = range(1, 6), 0.2
_COARSEST = 0.01
# What a decimal fraction may be off by in float32.
_FLOAT32 = 6e-8


def uneven(values: Array, axis: int, totals: Array, tolerance: float | None) -> Array:
    """The rows whose sums are not 1: by more than `tolerance`, or where that is None by more than
    rounding their values to as many decimals as they have can come to."""
    off = np.abs(totals - 1)
    wrong: Array = ~(off <= (USUAL if tolerance is None else tolerance))
    if tolerance is None and wrong.any():
        rows = np.moveaxis(values, axis, -1)[wrong]
        steps = _steps(rows)
        wrong[wrong] = ~(off[wrong] <= np.minimum(steps * (rows.shape[1] / 2), _MOST))
    return wrong


def uneven_logs(
    logs: Array, axis: int, log_sums: Array, factor: float, tolerance: float | None
) -> Array:
    """The same of logarithms, the numbers of the file times `factor`, and the logarithms of their
    sums: an error of rounding is one of proportion there."""
    off = np.abs(log_sums)
    wrong: Array = ~(off <= (USUAL if tolerance is None else tolerance))
    if tolerance is None and wrong.any():
        rows = np.moveaxis(logs, axis, -1)[wrong] / factor
        steps = _steps(rows)
        # One decimal leaves room for anything to be a logarithm.
        steps[steps > _COARSEST] = 0.0
        wrong[wrong] = ~(off[wrong] <= np.maximum(steps * abs(factor) / 2, USUAL))
    return wrong


def _steps(rows: Array) -> Array:
    """The last decimal that each row's values have, such as 0.01; 0 where they have many."""
    steps = np.zeros(len(rows))
    with np.errstate(invalid="ignore", over="ignore"):
        for digits in reversed(_DIGITS):
            near = np.abs(np.round(rows, digits) - rows) <= _FLOAT32 * np.maximum(np.abs(rows), 1)
            # A tie of rounding is no digit that was lost twice.
            steps[(near | np.isinf(rows)).all(axis=-1)] = 10.0**-digits * (1 - 1e-6)
    return steps
