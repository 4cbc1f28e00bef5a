"""N3 and N4 on tensors: every infinity has one outcome, in value and in the gradient's 0 · ∞."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

import plogq

from .. import bounds, oracle
from ..bounds import BFLOAT16, DTYPES
from .tensors import both, by, on_tensorflow, traced

Array = npt.NDArray[Any]
inf, nan = np.inf, np.nan

some_dtype = pytest.mark.parametrize("dtype", [DTYPES[1], BFLOAT16], ids=lambda d: d.name)


def results(way: str, p: Any, q: Any) -> tuple[Array, Array]:
    """One loss per event, and the gradient of their sum with respect to what Q holds."""
    ones = np.ones(next(iter(x.shape for x in [getattr(q, "scores", None)] if x is not None), 0))
    events = ones.shape if isinstance(q, plogq.BinaryLogits) else ones.shape[:-1]
    loss, _, gradient, _ = both(way, p, q, np.ones(events), np.zeros(events))
    return loss, gradient.scores


def check(way: str, p: Any, masses: Any, scores: Array) -> None:
    """Losses and gradients of logits against the oracle, which has its own cases for ±∞."""
    losses, gradient = results(way, p, plogq.Logits(scores))
    for loss, slope, row, s in zip(losses, gradient, masses, oracle.rows(scores), strict=True):
        w = oracle.row(row)
        with bounds.noted(f"scores {list(map(float, s))}, masses {list(map(float, w))}"):
            bounds.check_loss(loss, oracle.cross_entropy(w, oracle.of_logits(s)), scores.dtype)
            truth = oracle.logits_gradient(w, oracle.of_logits(s))
            bounds.check_soft_gradient(slope, truth, scores.dtype, max(oracle.mass(w), 0))


# Scores of four classes, and a label: what is NaN or infinite there is so for that event alone.
ROWS: dict[str, tuple[list[float], int]] = {
    "-inf rules a class out": ([1.0, -inf, 2.0, 0.5], 0),
    "two classes ruled out": ([-inf, -inf, 3.0, 2.0], 2),
    "certainty by exclusion": ([-inf, 3.0, -inf, -inf], 1),
    "mass on a class ruled out": ([0.0, -inf, 0.0, 0.0], 1),
    "none on it": ([0.0, -inf, 0.0, 0.0], 0),
    "+inf is certainty": ([1.0, inf, 2.0, 0.0], 1),
    "+inf is certainty of another": ([1.0, inf, 2.0, 0.0], 2),
    "+inf among -inf": ([-inf, inf, 0.0, -inf], 1),
    "+inf among -inf, a class ruled out": ([-inf, inf, 0.0, -inf], 3),
    "two +inf": ([inf, inf, 0.0, 1.0], 0),
    "nothing but -inf": ([-inf, -inf, -inf, -inf], 0),
    "nan first": ([nan, 1.0, 2.0, 3.0], 1),
    "nan last": ([1.0, 2.0, 3.0, nan], 1),
    "nan and +inf": ([nan, inf, 0.0, 1.0], 1),
    "+inf and nan": ([inf, nan, 0.0, 1.0], 0),
    "finite": ([1.0, 2.0, 3.0, 4.0], 2),
}


@some_dtype
def test_infinite_scores(dtype: Any, way: str) -> None:
    scores = np.array([row for row, _ in ROWS.values()], dtype)
    y = np.array([label for _, label in ROWS.values()])
    one_hot = np.eye(4)[y]
    check(way, plogq.Labels(y), one_hot, scores)
    check(way, plogq.Probs(one_hot.astype(dtype)), one_hot, scores)


def test_soft_targets_of_infinite_scores(way: str) -> None:
    """0 · log 0 = 0; where there is mass the loss is ∞ and the gradient still q - p."""
    p = [[0.25, 0.0, 0.75], [0.0, 1.0, 0.0], [0.5, 0.25, 0.25]]
    index = np.array([[0, 2, 1], [1, 0, 2], [0, 1, 2]])
    values = np.array([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.5, 0.25, 0.25]])
    for rows in (
        [[1.0, -inf, 2.0], [-inf, 1.0, -inf], [0.0, -inf, 0.0]],
        [[1.0, inf, 2.0], [1.0, inf, 2.0], [inf, 0.0, 0.0]],
    ):
        scores = np.array(rows, np.float32)
        check(way, plogq.Probs(np.array(p, np.float32)), p, scores)
        check(way, plogq.SparseProbs(index, values), p, scores)


@pytest.mark.parametrize("row", [[nan, nan, nan], [inf, inf, 0.0], [0.0, -inf, inf]], ids=str)
def test_an_event_without_mass_has_no_loss_and_no_gradient(row: list[float], way: str) -> None:
    scores = np.array([row, [1.0, 2.0, 3.0]], np.float32)
    for p in (
        plogq.Labels(np.array([-1, 2]), ignore=-1),
        plogq.Smoothed(plogq.Labels(np.array([-1, 2]), ignore=-1), 0.25),
        plogq.Weighted(plogq.Labels(np.array([1, 2])), sample_weight=np.array([0.0, 1.0])),
    ):
        losses, gradient = results(way, p, plogq.Logits(scores))
        assert losses[0] == 0
        assert np.array_equal(gradient[0], np.zeros(3))
        assert np.isfinite(losses[1])
        assert np.isfinite(gradient[1]).all()


def test_binary_infinities(way: str) -> None:
    z = np.array([inf, inf, -inf, -inf, inf, -inf, nan, 0.0], np.float32)
    y = np.array([1, 0, 1, 0, 0.25, 0.25, 1, 1], np.float32)
    loss, slope = results(way, plogq.BinaryProbs(y), plogq.BinaryLogits(z))
    expected = [0, inf, inf, 0, inf, inf, nan, np.log(2)]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    np.testing.assert_allclose(slope, [0, 1, -1, 0, 0.75, -0.25, nan, -0.5], rtol=1e-6)


def test_probabilities_are_never_clipped(way: str) -> None:
    q = plogq.Probs(np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], np.float32))
    ones = np.ones(3)
    loss, _, g, _ = both(way, plogq.Labels(np.array([0, 0, 0])), q, ones, 0 * ones)
    np.testing.assert_allclose(loss, [inf, 0, np.log(2)], rtol=1e-6)
    np.testing.assert_array_equal(g.probs, [[-inf, 0], [-1, 0], [-2, 0]])
    y = plogq.BinaryProbs(np.array([0, 1, 0, 1]))
    p = plogq.BinaryProbs(np.array([0.0, 0.0, 1.0, 1.0], np.float32))
    loss, _, g, _ = both(way, y, p, np.ones(4), np.zeros(4))
    np.testing.assert_array_equal(loss, [0, inf, inf, 0])
    np.testing.assert_array_equal(g.probs, [1, -inf, inf, -1])
    x = plogq.LogProbs(np.array([[-inf, 0.0]] * 2, np.float32))
    p = plogq.Probs(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32))
    loss, _, g, _ = both(way, p, x, np.ones(2), np.zeros(2))
    np.testing.assert_array_equal(loss, [inf, 0])
    np.testing.assert_array_equal(g.log_probs, -p.probs)


def test_log_z_of_infinite_scores(way: str) -> None:
    rows = [[inf, 0.0], [-inf, 1.5], [-inf, -inf], [inf, inf], [nan, 0.0]]
    with by(way):
        got = traced(way, lambda z: plogq.log_normalizer(plogq.Logits(z)), tf.constant(rows))
    np.testing.assert_array_equal(got, [inf, 1.5, nan, nan, nan])


def test_the_gradient_of_a_target_has_no_nan_where_the_scores_are_infinite(way: str) -> None:
    """∂H/∂p_j = -log q_j, a number where it is ∞: what made a p of 0 multiplies it by 0."""

    def run(p: Any, z: Any, w: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([p, w])
            loss = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z), reduction="sum")
            y = plogq.Weighted(plogq.Labels(tf.constant([0, 1])), sample_weight=w)
            other = plogq.Logits(tf.constant([[0.0, -inf], [0.0, 0.0]]))
            loss += plogq.cross_entropy(y, other, reduction="sum")
        return tape.gradient(loss, [p, w])

    arguments = ([[0.5, 0.5, 0.0]], [[0.0, 0.0, -inf]], [0.0, 2.0])
    with by(way):
        found = traced(way, run, *map(tf.constant, arguments), unknown=False)
    np.testing.assert_allclose(found[0], [[np.log(2), np.log(2), bounds.STEEPEST]], rtol=1e-6)
    np.testing.assert_allclose(found[1], [0, np.log(2)], rtol=1e-6)


def test_an_empty_batch_and_one_that_is_ignored_have_mean_0_and_gradient_0(way: str) -> None:
    def run(y: Any, z: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = plogq.cross_entropy(plogq.Labels(y, ignore=-1), plogq.Logits(z))
        return loss, tape.gradient(loss, z)

    for n in (0, 3):
        with by(way):
            y, z = tf.fill([n], -1), tf.ones([n, 4])
            loss, gradient = traced(way, run, y, z)
        assert loss == 0
        np.testing.assert_array_equal(gradient, np.zeros((n, 4)))
    y, z = plogq.BinaryProbs(np.zeros((0, 2))), plogq.BinaryLogits(np.zeros((0, 2)))
    with by(way):
        pair = map(on_tensorflow, (y, z))
        assert plogq.cross_entropy(*pair) == 0
