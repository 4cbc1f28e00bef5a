"""Without 64-bit types, as JAX is unless a program turns them on, results are as exact."""

from __future__ import annotations

import numpy as np
import pytest

from ..gaps import GAPS
from ..suite import exactness
from .adapter import FRAMEWORK


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("way", FRAMEWORK.ways)
def test_a_confident_prediction_keeps_its_relative_precision(way: str) -> None:
    suite = exactness.Exactness()
    suite.framework = FRAMEWORK
    two = np.stack([np.zeros_like(GAPS), -GAPS], axis=-1).astype(np.float32)
    suite.check(way, two, np.zeros(len(two), int))
