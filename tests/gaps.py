"""Gaps between scores that show whether a loss keeps its relative precision."""

from __future__ import annotations

import math

import numpy as np

GAPS = np.array(
    [
        *range(1, 101),
        *(k + 0.5 for k in range(20)),
        *(math.pi * k for k in range(1, 31)),
        *(math.sqrt(2) * k for k in range(1, 31)),
        *(math.e**k for k in range(-30, 5)),
        *(k / 7 for k in range(1, 40)),
    ]
)
# Where ln 2 or a power of two sends exp's range reduction to the edge of its interval.
EDGES = np.array([math.log(2) * k / 2 + e for k in range(1, 200, 3) for e in (0.0, 1e-7, -1e-15)])
