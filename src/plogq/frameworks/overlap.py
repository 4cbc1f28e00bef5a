"""Whether two elements of one array lie on the same memory."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np


def overlaps_itself(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> bool:
    """Whether elements of an array of this shape and these strides, in bytes, share memory."""
    if not prod(shape):
        return False
    steps = sorted((abs(step), n) for n, step in zip(shape, strides, strict=True) if n > 1)
    reach = itemsize
    for step, n in steps:
        if step < reach:
            break
        reach += step * (n - 1)
    else:
        return False
    if not steps[0][0]:
        return True
    # Axes that reach into one another need not meet: only then is every byte looked at.
    places = np.arange(itemsize)
    for step, n in steps:
        places = np.add.outer(places, np.arange(n) * step).reshape(-1)
    return len(np.unique(places)) < len(places)
