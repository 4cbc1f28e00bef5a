"""What a library hands to an objective, and a few rows to boost on."""

from __future__ import annotations

from typing import Any

import numpy as np

CLASSES = 3


class Data:
    """Labels and weights, as a Dataset or a DMatrix has them."""

    def __init__(self, labels: Any, weight: Any = None) -> None:
        self.labels, self.weight = np.asarray(labels, np.float32), weight

    def get_label(self) -> Any:
        return self.labels

    def get_weight(self) -> Any:
        return self.weight


def rows(count: int = 400) -> tuple[Any, Any, Any]:
    """Features, hard labels that depend on them, and weights."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(count, 5))
    scores = x @ rng.normal(size=(5, CLASSES)) + rng.normal(size=(count, CLASSES))
    return x, scores.argmax(1), rng.uniform(0.5, 2, count)
