"""Yes/no outcomes: every element is an event of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq

from . import bounds, oracle
from .together import for_each

FLOAT64 = np.dtype(np.float64)
Z = np.array([[-3.0, 0.5, 40.0], [2.0, -0.25, -900.0]])
COSTS = [oracle.of_yes(z).cost for z in oracle.row(Z)]


def check(p: Any, masses: list[list[oracle.Real]]) -> None:
    """Against rows (mass on no, mass on yes)."""
    got = plogq.cross_entropy(p, plogq.BinaryLogits(Z), reduction="none")
    assert got.shape == Z.shape
    truth = [m[0] * c[0] + m[1] * c[1] for m, c in zip(masses, COSTS, strict=True)]
    bounds.check_losses(got, truth, FLOAT64, [sum(m) for m in masses])


@for_each("dtype", [bool, np.int8, np.uint64, np.float16, np.float64, ">f4", ">i2"])
def test_targets_of_any_number_type(dtype: Any) -> None:
    y = np.array([[0, 1, 1], [0, 0, 1]]).astype(dtype)
    check(plogq.BinaryProbs(y), [[1 - v, v] for v in oracle.row(y)])


def test_the_mean_is_over_elements() -> None:
    y = np.array([[0, 1, 1], [0, 0, 1]])
    whole = sum(c[v] for c, v in zip(COSTS, y.ravel(), strict=True))
    got = plogq.cross_entropy(plogq.BinaryProbs(y), plogq.BinaryLogits(Z))
    assert got == pytest.approx(float(whole / 6), rel=1e-14)


def test_a_positive_weight_weighs_the_yes_side_alone() -> None:
    """PyTorch's pos_weight: w · y · log q, and (1 - y) · log(1 - q) as it is."""
    y = np.array([[0.0, 1.0, 0.25], [0.5, 0.0, 1.0]])
    p = plogq.Weighted(plogq.BinaryProbs(y), class_weight=(1.0, 3.0))
    check(p, [[1 - v, 3 * v] for v in oracle.row(y)])


def test_class_weights_may_differ_along_the_last_axis() -> None:
    y = np.array([[0.0, 1.0, 0.25], [0.5, 0.0, 1.0]])
    no, yes = np.array([1.0, 2.0, 4.0]), np.array([0.5, 3.0, 1.0])
    p = plogq.Weighted(plogq.BinaryProbs(y), class_weight=(no, yes))
    masses = [
        [oracle.real(a) * (1 - v), oracle.real(b) * v]
        for v, a, b in zip(oracle.row(y), np.tile(no, 2), np.tile(yes, 2), strict=True)
    ]
    check(p, masses)
    check(
        plogq.Weighted(plogq.BinaryProbs(y), class_weight=(1.0, yes[None, :])),
        [[1 - v, oracle.real(b) * v] for v, b in zip(oracle.row(y), np.tile(yes, 2), strict=True)],
    )
    _, grad = plogq.value_and_grad(p, plogq.BinaryLogits(Z), reduction="sum")
    for actual, m, z in zip(grad.scores.ravel(), masses, oracle.row(Z), strict=True):
        q = oracle.of_yes(z).q
        bounds.check(actual, m[0] * q[1] - m[1] * q[0], 8 * 2.0**-53 * sum(m))


def test_smoothing_moves_half_of_epsilon_to_either_side() -> None:
    y = np.array([[0.0, 1.0, 0.25], [0.5, 0.0, 1.0]])
    p = plogq.Smoothed(plogq.BinaryProbs(y), 0.25)
    check(p, [oracle.smooth([1 - v, v], 0.25) for v in oracle.row(y)])


def test_sample_weights_are_per_element() -> None:
    y, w = np.array([[0, 1, 1], [0, 0, 1]]), np.array([[1.0, 0.0, 2.0], [0.5, 4.0, 3.0]])
    p = plogq.Weighted(plogq.BinaryProbs(y), sample_weight=w)
    masses = [oracle.weigh([1 - v, v], x) for v, x in zip(oracle.row(y), w.ravel(), strict=True)]
    check(p, masses)
    whole = sum(m[0] * c[0] + m[1] * c[1] for m, c in zip(masses, COSTS, strict=True))
    got = plogq.cross_entropy(p, plogq.BinaryLogits(Z))
    assert got == pytest.approx(float(whole / oracle.real(10.5)), rel=1e-14)


def test_an_element_of_weight_0_costs_nothing_even_where_its_score_is_nan() -> None:
    p = plogq.Weighted(plogq.BinaryProbs([1.0, 1.0]), sample_weight=[0.0, 1.0])
    loss, grad = plogq.value_and_grad(p, plogq.BinaryLogits([np.nan, 0.0]))
    assert loss == pytest.approx(np.log(2))
    assert grad.scores.tolist() == [0.0, -0.5]


def test_the_gradient_of_probabilities_is_no_over_1_minus_q_less_yes_over_q() -> None:
    q, y = np.array([0.2, 0.9, 0.5]), np.array([1.0, 0.0, 0.5])
    _, grad = plogq.value_and_grad(plogq.BinaryProbs(y), plogq.BinaryProbs(q), reduction="sum")
    assert type(grad) is plogq.BinaryProbs
    np.testing.assert_allclose(grad.probs, [-5.0, 10.0, 0.0], rtol=1e-14, atol=1e-15)
