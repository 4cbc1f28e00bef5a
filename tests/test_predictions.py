"""Q over exclusive classes: axes, caps, and scores that are not computed yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq

from . import bounds, oracle
from .together import for_each

FLOAT64 = np.dtype(np.float64)


@for_each("make", [plogq.Logits, plogq.LogProbs, plogq.Probs])
def test_classes_of_an_image_stand_on_axis_1(make: Any, rng: np.random.Generator) -> None:
    """[N, K, H, W], as segmentation has it."""
    probs = np.moveaxis(rng.dirichlet(np.ones(3), (2, 4, 5)), -1, 1)
    stored = probs if make is plogq.Probs else np.log(probs)
    y = rng.integers(0, 3, (2, 4, 5))
    got = plogq.cross_entropy(plogq.Labels(y), make(stored, axis=1), reduction="none")
    assert got.shape == (2, 4, 5)
    chosen = np.take_along_axis(stored, y[:, None], 1)[:, 0]
    want = -chosen if make is not plogq.Probs else -np.log(chosen)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    _, grad = plogq.value_and_grad(plogq.Labels(y), make(stored, axis=1))
    assert grad.axis == 1
    assert (
        next(
            iter(getattr(grad, n) for n in ("scores", "log_probs", "probs") if hasattr(grad, n))
        ).shape
        == stored.shape
    )


def test_a_cap_bounds_the_scores(rng: np.random.Generator) -> None:
    scores = rng.normal(0, 50, (8, 5))
    y = rng.integers(0, 5, 8)
    got = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(scores, softcap=2.0), reduction="none")
    assert (got <= 4 + np.log(5)).all()
    truth = oracle.label_costs(scores, y, 2.0)
    bounds.check_losses(got, truth, FLOAT64, slack=16 * bounds.unit(FLOAT64))


def test_a_cap_far_above_the_scores_does_nothing(rng: np.random.Generator) -> None:
    scores = rng.normal(0, 1, (8, 5))
    y = plogq.Labels(rng.integers(0, 5, 8))
    capped = plogq.cross_entropy(y, plogq.Logits(scores, softcap=1e6), reduction="none")
    truth = oracle.label_costs(scores, y.index)
    np.testing.assert_allclose(capped, [float(t) for t in truth], rtol=1e-9)


def test_the_slope_of_a_cap_keeps_its_relative_precision_far_beyond_it() -> None:
    """1 - tanh² is 0 beyond 19 caps in float64; 4e^(-2x)/(1 + e^(-2x))² is not."""
    scores = np.array([[60.0, 0.0, -75.0]])
    _, grad = plogq.value_and_grad(plogq.Labels([1]), plogq.Logits(scores, softcap=2.0))
    truth = oracle.logits_gradient(oracle.one_hot(1, 3), oracle.of_logits(oracle.row(scores), 2.0))
    for j, s in enumerate(oracle.row(scores)):
        slope = truth[j] * oracle.cap_slope(s, 2.0)
        bounds.check(grad.scores[0, j], slope, abs(slope) * 1e-13)


@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
def test_linear_logits_are_hidden_times_weight_plus_bias(
    dtype: Any, rng: np.random.Generator
) -> None:
    """Dyadic numbers, so that the product is exact in float32 and N1 holds as for stored scores."""
    hidden = (rng.integers(-8, 9, (2, 3, 4)) / 8).astype(dtype)
    weight = (rng.integers(-8, 9, (5, 4)) / 4).astype(dtype)
    bias = (rng.integers(-8, 9, 5) / 4).astype(dtype)
    y = rng.integers(0, 5, (2, 3))
    for b in (None, bias):
        rows = oracle.product(hidden, weight, b)
        truth = [oracle.of_logits(r).cost[int(j)] for r, j in zip(rows, y.ravel(), strict=True)]
        q = plogq.LinearLogits(hidden, weight, b)
        got = plogq.cross_entropy(plogq.Labels(y), q, reduction="none")
        assert got.shape == (2, 3)
        bounds.check_losses(got, truth, dtype)


def test_probabilities_serve_on_both_sides() -> None:
    p = plogq.Probs([[0.25, 0.75]])
    assert plogq.cross_entropy(p, p) == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))


@for_each(
    "q",
    [
        plogq.Logits([[1.0, 2.0]], axis=-1, softcap=3.0),
        plogq.LogProbs([[-1.0, -2.0]]),
        plogq.LinearLogits([[1.0]], [[1.0], [2.0]], [0.0, 1.0]),
        plogq.BinaryLogits([1.0]),
    ],
    ids=lambda q: type(q).__name__,
)
def test_a_prediction_shows_what_it_holds(q: Any) -> None:
    text = repr(q)
    assert text.startswith(type(q).__name__ + "(")
    for name in ("scores", "log_probs", "hidden", "weight", "bias"):
        if hasattr(q, name):
            assert repr(getattr(q, name)) in text
    if hasattr(q, "softcap"):
        assert f"softcap={q.softcap}" in text
