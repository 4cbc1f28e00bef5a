"""Which rows are distributions, by how their values are rounded; log-probabilities above 0."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import plogq
from plogq.errors import ProbabilityError

from .together import for_each

ROWS = 300


def softmax32(rng: np.random.Generator, classes: int) -> Any:
    z = rng.normal(0, 2, (ROWS, classes)).astype(np.float32)
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@for_each("classes", [2, 10, 1000])
@for_each("side", ["P", "Q"])
def test_float32_distributions_held_in_float64(classes: int, side: str) -> None:
    rng = np.random.default_rng(classes)
    p = softmax32(rng, classes).astype(np.float64)
    blend = (p + 1 / classes) / 2
    for each in (p, blend, p.T.copy()):
        probs = plogq.Probs(each, axis=0 if each.shape != p.shape else -1)
        if side == "Q":
            plogq.cross_entropy(plogq.Labels(rng.integers(0, classes, ROWS)), probs)
        else:
            plogq.cross_entropy(probs, plogq.Logits(np.zeros_like(each), axis=probs.axis))


def test_a_row_that_is_off_is_refused_with_the_difference() -> None:
    q = np.array([[0.7, 0.2, 0.1], [0.7, 0.2, 0.09]])
    with pytest.raises(ProbabilityError, match=r"event 1 of .* sums to 0\.99, .* off by -0\.01"):
        plogq.cross_entropy(plogq.Labels([0, 1]), plogq.Probs(q))
    nearly = np.array([[0.7, 0.2, 0.1 + 3e-6]])
    with pytest.raises(ProbabilityError, match=r"within 1e-06: it is off by 3e-06"):
        plogq.cross_entropy(plogq.Labels([0]), plogq.Probs(nearly))
    # 0.5, 0.25 and 0.125 are numbers of every type, and yet no distribution.
    with pytest.raises(ProbabilityError, match=r"sums to 0\.875"):
        plogq.cross_entropy(plogq.Labels([0]), plogq.Probs([[0.5, 0.25, 0.125]]))


def test_tolerance_says_how_far_a_row_may_be_off() -> None:
    q = np.array([[0.7, 0.2, 0.09]])
    loss = plogq.cross_entropy(plogq.Labels([0]), plogq.Probs(q, tolerance=0.015))
    assert loss == pytest.approx(-np.log(0.7), rel=1e-14)
    with pytest.raises(ProbabilityError, match=r"within 0\.005"):
        plogq.cross_entropy(plogq.Labels([0]), plogq.Probs(q, tolerance=0.005))
    with pytest.raises(ProbabilityError, match="no probability"):
        plogq.cross_entropy(plogq.Labels([0]), plogq.Probs([[1.1, -0.1]], tolerance=1.0))
    kept = copy.copy(plogq.Probs(q, tolerance=0.015))
    assert kept.tolerance == 0.015
    _, grad = plogq.value_and_grad(plogq.Labels([0]), kept)
    assert grad.tolerance == 0.015
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="tolerance must be"):
            plogq.Probs(q, tolerance=wrong)
    with pytest.raises(TypeError, match="tolerance must be"):
        plogq.Probs(q, tolerance="1e-3")


@for_each("reduction", ["mean", "sum", "none"])
@for_each("dtype", [np.float64, np.float32, np.float16])
def test_probabilities_are_no_log_probabilities(dtype: Any, reduction: str) -> None:
    q = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]], dtype)
    for p in (plogq.Labels([0, 1]), plogq.Probs(np.eye(3, dtype=dtype)[[0, 1]])):
        for call in (plogq.cross_entropy, plogq.value_and_grad):
            with pytest.raises(ProbabilityError, match=r"log-probability of 0\.[67].*Probs\(q\)"):
                call(p, plogq.LogProbs(q), reduction=reduction)
        with pytest.raises(ProbabilityError, match="none is above 0"):
            plogq.kl_divergence(p, plogq.LogProbs(q))


def test_an_epsilon_within_the_logarithm_is_rounding() -> None:
    q = np.log(np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]]) + 1e-7)
    loss = plogq.cross_entropy(plogq.Labels([0, 1]), plogq.LogProbs(q))
    assert loss == pytest.approx(-np.log(0.7) / 2, abs=1e-6)


def test_what_p_does_not_choose_is_not_looked_at_and_checks_can_be_off() -> None:
    q = plogq.LogProbs(np.array([[-0.5, 0.9]]))
    assert plogq.cross_entropy(plogq.Labels([0]), q) == 0.5
    with plogq.validation("off"):
        assert plogq.cross_entropy(plogq.Labels([1]), q) == -0.9
    ignored = plogq.Labels([0, -1], ignore=-1)
    both = plogq.LogProbs(np.array([[-0.5, -0.9], [3.0, 4.0]]))
    assert plogq.cross_entropy(ignored, both) == 0.5
