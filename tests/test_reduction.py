"""N6: sums in a fixed order, pairwise; means over the mass; 0 where nothing counts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import plogq

from . import bounds, makers, oracle
from .bounds import DTYPES
from .together import for_each

every_dtype = for_each("dtype", DTYPES, ids=lambda d: d.name)
SCORES = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5], [0.0, 0.0, 0.0], [1.0, -2.0, 3.0]])
Y = np.array([1, 0, -1, 2])
P = plogq.Weighted(plogq.Labels(Y, ignore=-1), sample_weight=[1.0, 3.0, 5.0, 0.5])
LOSSES = [
    oracle.of_logits(oracle.row(SCORES[i])).cost[int(Y[i])] * oracle.real(w)
    for i, w in ((0, 1.0), (1, 3.0), (3, 0.5))
]
TOTAL = sum(LOSSES)


@for_each(
    ("options", "divisor"),
    [
        ({"reduction": "sum"}, 1),
        ({"reduction": "mean"}, 4.5),
        ({}, 4.5),
        ({"reduction": "sum_over_batch_size"}, 4),
        ({"normalizer": 7}, 7),
        ({"normalizer": 2.5, "reduction": "sum"}, 2.5),
        ({"normalizer": np.float32(2.5)}, 2.5),
        ({"normalizer": np.array(2.5)}, 2.5),
        ({"normalizer": np.array(12, np.int16)}, 12),
    ],
    ids=str,
)
def test_what_the_sum_is_divided_by(options: dict[str, Any], divisor: float) -> None:
    """And the gradient with it."""
    q = plogq.Logits(SCORES)
    want = float(TOTAL / oracle.real(divisor))
    assert plogq.cross_entropy(P, q, **options) == pytest.approx(want, rel=1e-14)
    loss, grad = plogq.value_and_grad(P, q, **options)
    assert loss == pytest.approx(want, rel=1e-14)
    assert np.shape(loss) == ()
    weights = [1.0, 3.0, 0.0, 0.5]
    for i, w in enumerate(weights):
        p = oracle.weigh(oracle.one_hot(max(int(Y[i]), 0), 3), w / divisor)
        truth = oracle.logits_gradient(p, oracle.of_logits(oracle.row(SCORES[i])))
        np.testing.assert_allclose(grad.scores[i], [float(g) for g in truth], rtol=1e-13)


def test_none_gives_one_loss_per_event_and_the_gradient_of_their_sum() -> None:
    q = plogq.Logits(SCORES)
    got, grad = plogq.value_and_grad(P, q, reduction="none")
    want = [float(LOSSES[0]), float(LOSSES[1]), 0.0, float(LOSSES[2])]
    np.testing.assert_allclose(got, want, rtol=1e-14)
    _, summed = plogq.value_and_grad(P, q, reduction="sum")
    assert np.array_equal(grad.scores, summed.scores)


NOTHING = [
    ("all ignored", plogq.Labels([-1, -1], ignore=-1), 2),
    ("no events", plogq.Labels(np.zeros(0, int)), 0),
    ("weights of 0", plogq.Weighted(plogq.Labels([0, 1]), sample_weight=[0.0, 0.0]), 2),
    ("smoothed", plogq.Smoothed(plogq.Labels([-1, -1], ignore=-1), 0.1), 2),
    ("class weight 0", plogq.Weighted(plogq.Labels([0, 0]), class_weight=[0.0, 1, 1, 1]), 2),
    ("nothing listed", plogq.SparseProbs(np.zeros((2, 0), int), np.zeros((2, 0))), 2),
    ("no events, soft", plogq.Probs(np.zeros((0, 4))), 0),
    ("no events, smoothed", plogq.Smoothed(plogq.Probs(np.zeros((0, 4))), 0.1), 0),
]


@every_dtype
@for_each("prediction", makers.PREDICTIONS)
@for_each(("name", "p", "events"), NOTHING, ids=[n for n, _, _ in NOTHING])
def test_where_nothing_counts_every_reduction_and_gradient_is_0(
    name: str, p: Any, events: int, prediction: str, dtype: Any, rng: np.random.Generator
) -> None:
    """0, not 0 / 0 (pytorch#70348)."""
    q = makers.PREDICTIONS[prediction](rng, (events,), 4, dtype).prediction
    for reduction in ("mean", "sum", "sum_over_batch_size", "none"):
        got = plogq.cross_entropy(p, q, reduction=reduction)
        assert got.shape == ((events,) if reduction == "none" else ())
        assert got.dtype == bounds.loss_dtype(dtype)
        assert np.all(got == 0)
        loss, grad = plogq.value_and_grad(p, q, reduction=reduction)
        assert np.all(loss == 0)
        for array in ("scores", "log_probs", "probs", "hidden", "weight", "bias"):
            if getattr(grad, array, None) is not None:
                assert np.all(getattr(grad, array) == 0)
                assert getattr(grad, array).shape == getattr(q, array).shape


@every_dtype
def test_no_yes_no_outcomes_cost_0(dtype: Any) -> None:
    for shape in ((0,), (0, 3), (3, 0)):
        p = plogq.BinaryProbs(np.zeros(shape, dtype))
        for q in (
            plogq.BinaryLogits(np.zeros(shape, dtype)),
            plogq.BinaryProbs(np.zeros(shape, dtype)),
        ):
            for reduction in ("mean", "sum", "sum_over_batch_size"):
                assert plogq.cross_entropy(p, q, reduction=reduction) == 0
            loss, grad = plogq.value_and_grad(p, q)
            assert loss == 0
            assert getattr(grad, "scores" if hasattr(grad, "scores") else "probs").shape == shape


@for_each("dtype", DTYPES[:2], ids=lambda d: d.name)
def test_a_million_losses_are_summed_without_drift(dtype: Any) -> None:
    """Added one after the other in float32, a million tenths would be off by a percent."""
    z = np.random.default_rng(8).normal(0, 1, 2**20 + 3).astype(dtype)
    p, q = plogq.BinaryProbs(np.arange(len(z)) % 2), plogq.BinaryLogits(z)
    each = plogq.cross_entropy(p, q, reduction="none").astype(np.float64)
    total = math.fsum(each)
    unit = bounds.unit(dtype)
    assert abs(float(plogq.cross_entropy(p, q, reduction="sum")) - total) <= 2 * unit * total
    mean = total / len(z)
    assert abs(float(plogq.cross_entropy(p, q)) - mean) <= 2 * unit * mean


def test_a_mean_does_not_overflow_where_the_sum_of_its_losses_does() -> None:
    """Losses are float32 here; their sum is not, until it is rounded once."""
    scores = np.array([[3e38, 0.0]] * 4, np.float32)
    got = plogq.cross_entropy(plogq.Labels([1] * 4), plogq.Logits(scores))
    assert got == np.float32(3e38)


def test_the_same_call_gives_the_same_bits() -> None:
    rng = np.random.default_rng(4)
    p = plogq.Labels(rng.integers(0, 100, 20000))
    q = plogq.Logits(rng.normal(0, 4, (20000, 100)).astype(np.float32))
    first, grad = plogq.value_and_grad(p, q)
    for _ in range(3):
        again, repeated = plogq.value_and_grad(p, q)
        assert again.tobytes() == first.tobytes()
        assert repeated.scores.tobytes() == grad.scores.tobytes()
        assert plogq.cross_entropy(p, q).tobytes() == first.tobytes()
