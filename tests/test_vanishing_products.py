"""p · weight may be no normal number where p · weight / q is one: the quotient is what is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq

from .oracle import mp
from .together import for_each

pytestmark = pytest.mark.usefixtures("kernel")

TINY = 1e-42  # a subnormal float32
MEAN = 1 / 64


def rows(p: float, q: float, classes: int, events: int = 64) -> tuple[Any, Any]:
    """P has p at class 0 and q is q there; the rest of either is at the last class."""
    both = np.zeros((2, events, classes), np.float32)
    both[0, :, 0], both[1, :, 0] = p, q
    both[:, :, -1] = 1
    return both[0], both[1]


@for_each("classes", [2, 7, 100, 5000])
@for_each(("p", "q"), [(TINY, 1e-40), (TINY, 0.0), (1e-37, 1e-39), (1e-37, 0.0)])
@for_each("weight", [1.0, 1e-9])
def test_of_classes(p: float, q: float, classes: int, weight: float) -> None:
    masses, probs = rows(p, q, classes)
    target = plogq.Weighted(plogq.Probs(masses), sample_weight=np.full(64, weight))
    _, grad = plogq.value_and_grad(target, plogq.Probs(probs), reduction="sum")
    with np.errstate(divide="ignore", over="ignore"):
        exact = (
            float(mp.mpf(weight) * mp.mpf(float(masses[0, 0])) / mp.mpf(float(probs[0, 0])))
            if q
            else np.inf
        )
    np.testing.assert_allclose(grad.probs[:, 0], -exact, rtol=1e-6)
    np.testing.assert_allclose(grad.probs[:, -1], -weight, rtol=1e-6)


@for_each(("y", "q"), [(TINY, 1e-40), (TINY, 0.0), (1e-37, 1e-39), (1.0, 1e-38)])
@for_each("weight", [1.0, 1e-9])
def test_of_outcomes(y: float, q: float, weight: float) -> None:
    target, probs = np.full(64, y, np.float32), np.full(64, q, np.float32)
    p = plogq.Weighted(plogq.BinaryProbs(target), sample_weight=np.full(64, weight))
    _, grad = plogq.value_and_grad(p, plogq.BinaryProbs(probs), reduction="sum")
    yes, no = mp.mpf(float(target[0])), 1 - mp.mpf(float(target[0]))
    exact = float(mp.mpf(weight) * (no - yes / mp.mpf(float(probs[0])))) if q else -np.inf
    np.testing.assert_allclose(grad.probs, exact, rtol=1e-6)


@for_each("classes", [2, 100])
def test_a_quotient_that_only_the_weight_makes_a_number(classes: int) -> None:
    """1 / 1e-39 is no float32, and a 64th of it is one."""
    masses, probs = rows(1.0, 1e-39, classes)
    masses[:, -1] = 0
    _, grad = plogq.value_and_grad(plogq.Probs(masses), plogq.Probs(probs))
    exact = -MEAN / float(probs[0, 0])
    np.testing.assert_allclose(grad.probs[:, 0], exact, rtol=1e-6)
