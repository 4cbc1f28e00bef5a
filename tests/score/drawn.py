"""Events that are drawn, for what takes arrays and tables: scores, labels, weights and groups."""

from __future__ import annotations

import numpy as np

ROWS = 500
draw = np.random.default_rng(7)
Z = draw.normal(size=(ROWS, 3))
Y = draw.integers(0, 3, ROWS)
W = draw.random(ROWS) + 0.5
CITY = np.array(["Bonn", "Köln", "Ulm"])[draw.integers(0, 3, ROWS)]
PATIENT = draw.integers(0, 30, ROWS)
