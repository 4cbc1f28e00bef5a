"""How far from 1 a row of probabilities may sum, by how its values are rounded."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any

# float64 values may be sums of narrower ones: a blend of float32 predictions is 1 within this.
_BLENDED = 1e-6

# Types whose values may stand in a wider one, and what a row of them may be off by. Of 16 bits a
# few roundings are granted and no more: 0.5 and 0.25 fit into every type.
_HELD = ((np.float16, 2.0**-7), (np.float32, 2.0**-11.5))


def usual(eps: float) -> float:
    """What rows of a type may be off by, whatever their values are."""
    return eps**0.5


def allowed(x: Array, axis: int, eps: float, bad: Array) -> Array:
    """What each row of x may be off by; those that are not `bad` are not looked at.

    Values that a narrower type holds as they are were once of that type.
    """
    found = np.full(bad.shape, max(usual(eps), _BLENDED if eps < _BLENDED else 0.0))
    rows = np.moveaxis(x, axis, -1)[bad]
    for kind, width in _HELD:
        if eps < np.finfo(kind).eps:
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                held = (rows.astype(kind) == rows).all(axis=-1)
            found[bad] = np.where(held, np.maximum(width, found[bad]), found[bad])
    return found
