"""N3 and N4 on arrays of JAX: every infinity has one outcome, in value and in gradient."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

import plogq

from .. import bounds, oracle
from .arrays import arrays, on_jax

Array = npt.NDArray[Any]
inf, nan = np.inf, np.nan
FLOAT32 = np.dtype(np.float32)

few_dtypes = pytest.mark.parametrize("dtype", [FLOAT32, bounds.BFLOAT16], ids=lambda d: d.name)


@cache
def program(way: str) -> Any:
    """One for each way, which keeps what it has compiled."""

    def run(p: Any, q: Any) -> Any:
        losses, back = jax.vjp(lambda q: plogq.cross_entropy(p, q, reduction="none"), q)
        return losses, back(jnp.ones_like(losses))[0]

    return jax.jit(run)


def results(way: str, p: Any, q: Any) -> tuple[Array, Array]:
    """Losses and the gradient of their sum, by a program of this way alone."""

    losses, gradient = program(way)(on_jax(p), on_jax(q))
    return np.asarray(losses), np.asarray(arrays(gradient)[0])


def check(way: str, p: Any, masses: list[list[float]], scores: Array) -> None:
    """Against the oracle, which has its own cases for ±∞."""
    losses, gradient = results(way, p, plogq.Logits(scores))
    assert gradient.dtype == scores.dtype
    for loss, slope, row, s in zip(losses, gradient, masses, oracle.rows(scores), strict=True):
        w = oracle.row(row)
        bounds.check_loss(loss, oracle.cross_entropy(w, oracle.of_logits(s)), scores.dtype)
        truth = oracle.logits_gradient(w, oracle.of_logits(s))
        bounds.check_soft_gradient(slope, truth, scores.dtype, max(oracle.mass(w), 0))


# One shape, so that one program does for all of them.
ROWS = [
    [1.0, -inf, 2.0, 0.5],
    [-inf, -inf, 3.0, 2.0],
    [-inf, 3.0, -inf, -inf],
    [0.0, -inf, 0.0, 1.0],
    [1.0, inf, 2.0, 0.0],
    [-inf, inf, 0.0, -inf],
    [-inf, -inf, -inf, -inf],
    [inf, inf, 0.0, 1.0],
    [nan, 1.0, 2.0, 0.0],
    [inf, nan, 0.0, 1.0],
    [1.0, 2.0, 3.0, 4.0],
]


@few_dtypes
def test_labels_of_infinite_scores(dtype: Any, way: str) -> None:
    """-∞ rules a class out, +∞ is certainty, and where no softmax exists that event is NaN."""
    scores = np.array(ROWS, dtype)
    for y in range(4):
        one_hot = np.eye(4)[[y] * len(ROWS)]
        check(way, plogq.Labels(np.full(len(ROWS), y)), one_hot.tolist(), scores)
    one_hot = np.eye(4)[[1] * len(ROWS)].astype(dtype)
    check(way, plogq.Probs(one_hot), one_hot.tolist(), scores)


@few_dtypes
def test_soft_targets_of_infinite_scores(dtype: Any, way: str) -> None:
    """0 · log 0 = 0; where there is mass the loss is ∞ and the gradient still q - p."""
    p = np.array([[0.25, 0.0, 0.75, 0.0], [0.0, 1.0, 0.0, 0.0], [0.5, 0.25, 0.25, 0.0]])
    scores = np.array(
        [[1.0, -inf, 2.0, -inf], [-inf, 1.0, -inf, 0.0], [0.0, -inf, 0.0, 0.0]], dtype
    )
    check(way, plogq.Probs(p.astype(dtype)), p.tolist(), scores)
    index = np.array([[0, 2, 1], [1, 0, 2], [0, 1, 2]])
    values = np.take_along_axis(p, index, -1)
    check(way, plogq.SparseProbs(index, values), p.tolist(), scores)
    smoothed = plogq.Smoothed(plogq.Labels(np.array([0, 1, 3])), 0.5)
    rows = 0.5 * np.eye(4)[[0, 1, 3]] + 0.125
    check(way, smoothed, rows.tolist(), scores)


@few_dtypes
def test_binary_infinities(dtype: Any, way: str) -> None:
    """optax's own loss is NaN at some of these."""
    z = np.array([inf, inf, -inf, -inf, inf, -inf, nan, 0.0], dtype)
    yes = np.array([1.0, 0.0, 1.0, 0.0, 0.25, 0.25, 1.0, 1.0])
    losses, slopes = results(way, plogq.BinaryProbs(yes), plogq.BinaryLogits(z))
    np.testing.assert_array_equal(losses[:7], [0, inf, inf, 0, inf, inf, nan])
    assert losses[7] == pytest.approx(np.log(2), rel=1e-6)
    want = [0, 1, -1, 0, 0.75, -0.25, nan, -0.5]
    np.testing.assert_array_equal(slopes.astype(float), want)


@few_dtypes
def test_an_event_without_mass_has_no_loss_and_no_gradient(dtype: Any, way: str) -> None:
    """Whatever its scores are."""
    rows = [[nan] * 3, [inf, inf, 0.0], [0.0, -inf, inf], [1.0, 2.0, 3.0]]
    scores = np.array(rows, dtype)
    y = np.array([-1, -1, -1, 2])
    for p in (
        plogq.Labels(y, ignore=-1),
        plogq.Smoothed(plogq.Labels(y, ignore=-1), 0.25),
        plogq.Weighted(plogq.Labels(np.abs(y)), sample_weight=np.array([0.0, 0.0, 0.0, 1.0])),
    ):
        losses, gradient = results(way, p, plogq.Logits(scores))
        assert losses[:3].tolist() == [0, 0, 0]
        assert np.array_equal(gradient[:3], np.zeros((3, 3), dtype))
        assert np.isfinite(losses[3])
        assert np.isfinite(gradient[3].astype(float)).all()


@few_dtypes
def test_probabilities_are_never_clipped(dtype: Any, way: str) -> None:
    q = plogq.Probs(np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], dtype))
    losses, gradient = results(way, plogq.Labels(np.array([0, 0, 0])), q)
    assert list(losses[:2]) == [inf, 0]
    assert gradient.tolist() == [[-inf, 0], [-1, 0], [-2, 0]]
    y = plogq.BinaryProbs(np.array([0, 1, 0, 1]))
    q = plogq.BinaryProbs(np.array([0.0, 0.0, 1.0, 1.0], dtype))
    losses, gradient = results(way, y, q)
    assert list(losses) == [0, inf, inf, 0]
    assert list(gradient) == [1, -inf, inf, -1]
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], dtype)
    x = plogq.LogProbs(np.array([[-inf, 0.0]] * 3, dtype))
    losses, gradient = results(way, plogq.Probs(p), x)
    assert list(losses) == [inf, 0, inf]
    assert np.array_equal(gradient, -p)


def test_a_cap_makes_infinite_scores_finite(way: str) -> None:
    q = plogq.Logits(np.array([[inf, -inf, 0.0]], np.float32), softcap=2.0)
    losses, gradient = results(way, plogq.Labels(np.array([1])), q)
    truth = oracle.of_logits(oracle.row([2.0, -2.0, 0.0])).cost[1]
    bounds.check_loss(losses[0], truth, FLOAT32, slack=8 * bounds.unit(FLOAT32))
    assert list(gradient[0, :2]) == [0, 0]
    assert gradient[0, 2] > 0


def test_the_gradient_of_a_target_is_the_cost_and_0_where_the_weight_is_of_nothing() -> None:
    """∂H/∂p_j = -log q_j, a number where it is ∞: what made a p of 0 multiplies it by 0."""
    z = jnp.array([[0.0, 0.0, -inf]])
    q = plogq.Logits(z)
    slope = jax.grad(lambda p: plogq.cross_entropy(plogq.Probs(p), q, reduction="sum"))
    with plogq.validation("off"):
        got = slope(jnp.array([[0.5, 0.5, 0.0]]))
    np.testing.assert_allclose(got[0], [np.log(2), np.log(2), bounds.STEEPEST], rtol=1e-6)

    def weighted(w: Any) -> Any:
        p = plogq.Weighted(plogq.Labels(jnp.array([0, 1])), sample_weight=w)
        q = plogq.Logits(jnp.array([[0.0, -inf], [0.0, 0.0]]))
        return plogq.cross_entropy(p, q, reduction="sum")

    np.testing.assert_allclose(jax.grad(weighted)(jnp.array([0.0, 2.0])), [0, np.log(2)])


def test_log_z_of_infinite_scores(way: str) -> None:
    z = jnp.array([[inf, 0.0], [-inf, 1.5], [-inf, -inf], [inf, inf], [nan, 0.0]])
    got, back = jax.vjp(lambda z: plogq.log_normalizer(plogq.Logits(z)), z)
    assert got[:2].tolist() == [inf, 1.5]
    assert np.isnan(got[2:]).all()
    (slope,) = back(jnp.ones(5))
    assert slope[:2].tolist() == [[1, 0], [0, 1]]
    assert np.isnan(slope[2:]).all()


def test_derivatives_beyond_the_first_are_finite_where_a_class_is_ruled_out() -> None:
    """0 · log 0 = 0 in the Hessian and along a tangent too."""
    z = jnp.array([[1.0, -inf, 0.5]])

    def loss(z: Any) -> Any:
        return plogq.cross_entropy(plogq.Labels(jnp.array([0])), plogq.Logits(z))

    q = jax.nn.softmax(z[0])
    hessian = jax.jit(jax.hessian(loss))(z)[0, :, 0]
    np.testing.assert_allclose(hessian, jnp.diag(q) - jnp.outer(q, q), atol=1e-12)
    _, along = jax.jvp(loss, (z,), (jnp.array([[1.0, 1.0, 0.0]]),))
    np.testing.assert_allclose(along, q[0] - 1, rtol=1e-12)
