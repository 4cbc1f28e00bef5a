"""Without 64-bit types, as JAX is unless a program turns them on, results are as exact."""

from __future__ import annotations

import numpy as np
import pytest

from .. import bounds
from ..gaps import GAPS
from ..suite import exactness, truths
from ..suite.contract import D_LOSS
from ..suite.framework import PAIRS
from .adapter import FRAMEWORK


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("way", FRAMEWORK.ways)
def test_a_confident_prediction_keeps_its_relative_precision(way: str) -> None:
    suite = exactness.Exactness()
    suite.framework = FRAMEWORK
    two = np.stack([np.zeros_like(GAPS), -GAPS], axis=-1).astype(np.float32)
    suite.check(way, two, np.zeros(len(two), int))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(("p", "q"), PAIRS)
@pytest.mark.parametrize("way", FRAMEWORK.ways)
def test_one_of_each_part_of_p_and_q(p: str, q: str, way: str) -> None:
    """Weights and masses are float32 then, which these are exactly; statistics are anyway."""
    if way == "formula" and not p.startswith(("Labels", "Binary")):
        way = "steps"
    dtype = bounds.DTYPES[1]
    target, made = truths.made(p, q, dtype)
    loss, _, gradient, _ = FRAMEWORK.both(way, target.target, made.prediction, D_LOSS, (0.0,) * 4)
    truths.true_losses(p, q, dtype).check(loss)
    if not p.startswith("Binary"):
        truths.true_gradient(p, q, dtype, D_LOSS, (0.0,) * 4).check(gradient)
