"""Scores, rows, labels and seeds as the laws draw them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

# Of this shape are the pairs of most laws, so that one program does for many of them.
N, K = 4, 5
eighths = st.lists(st.integers(-400, 400), min_size=N * K, max_size=N * K).map(
    lambda x: np.reshape(x, (N, K)) / 8
)
rows = st.lists(st.integers(1, 64), min_size=N * K, max_size=N * K).map(
    lambda x: np.reshape(x, (N, K)) / np.reshape(x, (N, K)).sum(-1, keepdims=True)
)
labels = st.lists(st.integers(0, K - 1), min_size=N, max_size=N).map(np.array)
seeds = st.integers(0, 2**31)
