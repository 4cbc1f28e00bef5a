"""Softmax outputs that are handed on as scores: told once for each line that does it.

A softmax of probabilities runs, and holds the loss of K classes above log(1 + (K - 1) / e): 1.461
for ten of them. Only a few rows are looked at, and at one line not on every call, so that the
check costs a training loop nothing; a program that is recorded or compiled is never looked at.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

from . import checks
from .errors import SoftmaxTwiceWarning
from .native import _cpu

# Fewer rows than this may sum to 1 by chance, and no more along one axis are looked at.
ROWS = 8
# How far from 1 a row may sum, in float32 and wider, and in types of fewer bits.
_TOLERANCE = 1e-3, 0.02
# How often each call in a program has made scores, and which has been told.
_CALLS = _cpu.Places(4096, sys._getframe)
# Whether the turn of the line outside plogq has come: on its first call, the second, the fourth, …
due = _CALLS.due


def look(xp: Any, scores: Any, axis: int) -> None:
    """Warn where `scores` are what a softmax puts out: rows in [0, 1] that sum to 1."""
    if not xp.tracing():
        place = due()
        if place is not None:
            look_at(xp, scores, axis, place)


def look_at(xp: Any, scores: Any, axis: int, place: Any) -> None:
    """The same, where no program is being recorded, for the place that `due` has named."""
    if not checks.checked(xp, scores) or not _normalised(xp, scores, axis):
        return
    level, code, at = place
    _CALLS.told(code, at)
    warnings.warn(
        "the scores handed to Logits lie in [0, 1] and their rows sum to 1, as the outputs of a "
        "softmax do, and Logits takes another softmax of them: the loss cannot fall as it should; "
        "write Probs(q) if these are probabilities, and leave the softmax out of the model if "
        'they are to be scores; warnings.simplefilter("ignore", plogq.SoftmaxTwiceWarning) '
        "silences this",
        SoftmaxTwiceWarning,
        stacklevel=level + 1,
    )


def _normalised(xp: Any, scores: Any, axis: int) -> bool:
    # Of the host's array: in a program that JAX records a slice of a known array is not known.
    known: Any = xp.host(scores)
    tolerance = _TOLERANCE[float(xp.epsilon(scores)) > 1e-4]
    axis %= known.ndim
    # One row tells most scores from probabilities.
    for rows in (1, ROWS):
        few = tuple(slice(None) if i == axis else slice(rows) for i in range(known.ndim))
        if not _sums_to_one(known[few], axis, rows, tolerance):
            return False
    return True


def _sums_to_one(rows: Any, axis: int, least: int, tolerance: float) -> bool:
    if rows.size < least * rows.shape[axis] or not rows.size:
        return False
    # As Python's numbers, whose comparisons warn of no NaN.
    if not (float(rows.min()) >= 0.0 and float(rows.max()) <= 1.0):
        return False
    sums = rows.sum(axis=axis, dtype="float64")
    return bool((abs(sums - 1.0) <= tolerance).all())
