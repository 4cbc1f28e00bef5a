"""N3 and N4: every infinity has one defined outcome, and nothing is ever clipped."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq

from . import bounds, makers, oracle
from .bounds import DTYPES

Array = npt.NDArray[Any]
inf, nan = np.inf, np.nan

pytestmark = pytest.mark.usefixtures("kernel")
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)


def results(p: Any, q: Any) -> tuple[Array, Array]:
    """The losses, and the gradient of their sum in Q's own array, from both entry points."""
    losses = plogq.cross_entropy(p, q, reduction="none")
    again, grad = plogq.value_and_grad(p, q, reduction="none")
    assert np.array_equal(losses, again, equal_nan=True)
    for name in ("scores", "log_probs", "probs"):
        if hasattr(grad, name):
            return losses, getattr(grad, name)
    raise TypeError(type(grad))


def both(p: Any, q: Any) -> tuple[Array, Array]:
    """The results for classes in rows, which those for classes in columns must agree with."""
    losses, gradient = results(p, q)
    if isinstance(q, plogq.BinaryLogits | plogq.BinaryProbs):
        return losses, gradient
    columns, turned = results(makers.turned(p, 0), makers.turned(q, 0))
    close = {"rtol": 1e-6, "atol": 1e-7, "equal_nan": True}
    np.testing.assert_allclose(columns, losses, **close)
    np.testing.assert_allclose(turned.T.astype(float), gradient.astype(float), **close)
    return losses, gradient


def check(p: Any, masses: list[list[float]], scores: Array) -> None:
    """Losses and gradients of logits against the oracle, which has its own cases for ±∞."""
    q = plogq.Logits(scores)
    for axis in (-1, 0):
        losses, gradient = results(makers.turned(p, axis), makers.turned(q, axis))
        gradient = np.moveaxis(gradient, axis, -1)
        for loss, slope, row, s in zip(losses, gradient, masses, oracle.rows(scores), strict=True):
            w = oracle.row(row)
            bounds.check_loss(loss, oracle.cross_entropy(w, oracle.of_logits(s)), scores.dtype)
            truth = oracle.logits_gradient(w, oracle.of_logits(s))
            bounds.check_soft_gradient(slope, truth, scores.dtype, max(oracle.mass(w), 0))


@every_dtype
def test_minus_infinity_rules_a_class_out(dtype: Any) -> None:
    """Probability 0 and gradient 0, and the loss stays finite."""
    scores = np.array([[1.0, -inf, 2.0, 0.5], [-inf, -inf, 3.0, 2.0]], dtype)
    losses, gradient = both(plogq.Labels([0, 2]), plogq.Logits(scores))
    without = both(plogq.Labels([0]), plogq.Logits(scores[:1, [0, 2, 3]]))
    assert np.isfinite(losses).all()
    assert losses[0] == pytest.approx(without[0][0], rel=1e-6)
    assert (gradient[np.isinf(scores.astype(float))] == 0).all()
    check(plogq.Labels([0, 2]), [[1, 0, 0, 0], [0, 0, 1, 0]], scores)


@every_dtype
def test_a_soft_target_without_mass_there_is_finite(dtype: Any) -> None:
    """0 · log 0 = 0, in value and in gradient."""
    p = [[0.25, 0.0, 0.75], [0.0, 1.0, 0.0]]
    scores = np.array([[1.0, -inf, 2.0], [-inf, 1.0, -inf]], dtype)
    check(plogq.Probs(np.array(p, dtype)), p, scores)
    sparse = plogq.SparseProbs([[0, 2, 1], [1, 0, 2]], [[0.25, 0.75, 0.0], [1.0, 0.0, 0.0]])
    check(sparse, p, scores)


@every_dtype
def test_a_certain_event_costs_nothing(dtype: Any) -> None:
    """All other classes ruled out: q is 1 and p - q is 0."""
    scores = np.array([[-inf, 3.0, -inf]], dtype)
    losses, gradient = both(plogq.Labels([1]), plogq.Logits(scores))
    assert losses[0] == 0
    assert np.array_equal(gradient, np.zeros((1, 3), dtype))


@every_dtype
def test_mass_on_a_class_that_is_ruled_out_costs_infinity(dtype: Any) -> None:
    """The gradient is still q - p: finite, and it points back."""
    scores = np.array([[0.0, -inf, 0.0]] * 2, dtype)
    losses, gradient = both(plogq.Labels([1, 0]), plogq.Logits(scores))
    assert losses[0] == inf
    assert np.isfinite(losses[1])
    assert np.array_equal(gradient[0], np.array([0.5, -1.0, 0.5], dtype))
    check(plogq.Labels([1, 0]), [[0, 1, 0], [1, 0, 0]], scores)
    p = [[0.5, 0.25, 0.25], [0.0, 0.5, 0.5]]
    check(plogq.Probs(np.array(p, dtype)), p, scores)
    smoothed = plogq.Smoothed(plogq.Labels([0, 2]), 0.375)
    check(smoothed, [[0.75, 0.125, 0.125], [0.125, 0.125, 0.75]], scores)


@every_dtype
def test_one_plus_infinity_is_certainty(dtype: Any) -> None:
    scores = np.array([[1.0, inf, 2.0]] * 3, dtype)
    losses, gradient = both(plogq.Labels([1, 0, 2]), plogq.Logits(scores))
    assert list(losses) == [0, inf, inf]
    assert np.array_equal(gradient, np.array([[0, 0, 0], [-1, 1, 0], [0, 1, -1]], dtype))
    p = [[0.0, 1.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]
    check(plogq.Probs(np.array(p, dtype)), p, scores)


@every_dtype
def test_certainty_among_classes_ruled_out(dtype: Any) -> None:
    scores = np.array([[-inf, inf, 0.0, -inf]] * 4, dtype)
    check(plogq.Labels([0, 1, 2, 3]), np.eye(4).tolist(), scores)


@every_dtype
@pytest.mark.parametrize(
    "row",
    [
        [-inf, -inf, -inf],
        [inf, inf, 0.0],
        [inf, -inf, inf],
        [nan, 1.0, 2.0],
        [1.0, 2.0, nan],
        [nan, nan, nan],
        [inf, nan, 0.0],
        [nan, inf, 0.0],
        [-inf, nan, -inf],
    ],
    ids=str,
)
def test_where_no_softmax_exists_that_event_alone_is_nan(row: list[float], dtype: Any) -> None:
    scores = np.array([[1.0, 2.0, 3.0], row, [0.0, 0.0, -inf]], dtype)
    for p, masses in (
        (plogq.Labels([2, 0, 1]), [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        (plogq.Labels([2, 2, 1]), [[0, 0, 1], [0, 0, 1], [0, 1, 0]]),
        (plogq.Probs(np.full((3, 3), 1 / 3)), [[1 / 3] * 3] * 3),
    ):
        losses, gradient = both(p, plogq.Logits(scores))
        assert np.isnan(losses[1])
        assert np.isnan(gradient[1].astype(float)).all()
        assert not np.isnan(losses[[0, 2]]).any()
        check(p, masses, scores)


@every_dtype
@pytest.mark.parametrize("classes", [64, 130, 5000, 40_000])
@pytest.mark.parametrize("place", [0, 17, 63, -1])
def test_infinities_anywhere_in_a_long_row(place: int, classes: int, dtype: Any) -> None:
    """Lanes and blocks merge without making a NaN of -∞ - -∞, or a number of one."""
    ruled_out = np.full((1, classes), -inf, dtype)
    ruled_out[0, place] = 2.0
    certain, broken, twice = (np.zeros((1, classes), dtype) for _ in range(3))
    certain[0, place], broken[0, place] = inf, nan
    twice[0, [place, classes // 2]] = inf
    y, other = plogq.Labels([place % classes]), plogq.Labels([(place + 1) % classes])
    for p, scores, loss, slope in (
        (y, ruled_out, 0, 0),
        (other, ruled_out, inf, 1),
        (y, certain, 0, 0),
        (other, certain, inf, 1),
        (other, broken, nan, nan),
        (other, twice, nan, nan),
        (y, np.full((1, classes), -inf, dtype), nan, nan),
    ):
        losses, gradient = both(p, plogq.Logits(scores))
        assert np.array_equal(losses, [loss], equal_nan=True)
        assert np.array_equal(gradient[:, place].astype(float), [slope], equal_nan=True)


@every_dtype
@pytest.mark.parametrize(
    ("score", "yes", "loss", "slope"),
    [(inf, 1, 0, 0), (inf, 0, inf, 1), (-inf, 1, inf, -1), (-inf, 0, 0, 0)],
)
def test_binary_infinities(score: float, yes: int, loss: float, slope: float, dtype: Any) -> None:
    z = np.array([score, 0.0], dtype)
    losses, gradient = both(plogq.BinaryProbs([yes, 1]), plogq.BinaryLogits(z))
    assert losses[0] == loss
    assert gradient[0] == slope
    assert losses[1] == pytest.approx(np.log(2), rel=1e-6)


@every_dtype
def test_a_binary_nan_stays_with_its_element(dtype: Any) -> None:
    z = np.array([nan, 1.0, nan, -1.0], dtype)
    losses, gradient = both(plogq.BinaryProbs([0.0, 1.0, 0.5, 0.0]), plogq.BinaryLogits(z))
    assert np.isnan(losses).tolist() == [True, False, True, False]
    assert np.isnan(gradient.astype(float)).tolist() == [True, False, True, False]


@every_dtype
@pytest.mark.parametrize("score", [inf, -inf])
def test_a_soft_binary_target_makes_certainty_infinite(score: float, dtype: Any) -> None:
    losses, gradient = both(
        plogq.BinaryProbs(np.array([0.25])), plogq.BinaryLogits(np.array([score], dtype))
    )
    assert losses[0] == inf
    assert gradient[0] == (1.0 if score > 0 else 0.0) - 0.25


@every_dtype
@pytest.mark.parametrize("row", [[nan, nan, nan], [inf, inf, 0.0], [0.0, -inf, inf]], ids=str)
def test_an_ignored_event_has_no_loss_and_no_gradient_whatever_its_scores(
    row: list[float], dtype: Any
) -> None:
    """Mass 0: padding may hold anything."""
    scores = np.array([row, [1.0, 2.0, 3.0]], dtype)
    for p in (
        plogq.Labels([-1, 2], ignore=-1),
        plogq.Smoothed(plogq.Labels([-1, 2], ignore=-1), 0.25),
        plogq.Weighted(plogq.Labels([1, 2]), sample_weight=[0.0, 1.0]),
    ):
        losses, gradient = both(p, plogq.Logits(scores))
        assert losses[0] == 0
        assert np.array_equal(gradient[0], np.zeros(3, dtype))
        assert np.isfinite(losses[1])
        assert plogq.cross_entropy(p, plogq.Logits(scores)) == pytest.approx(losses[1], rel=1e-6)


@every_dtype
def test_probabilities_are_never_clipped(dtype: Any) -> None:
    q = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], dtype)
    losses, gradient = both(plogq.Labels([0, 0, 0]), plogq.Probs(q))
    assert list(losses[:2]) == [inf, 0]
    assert list(gradient[:, 0]) == [-inf, -1, -2]
    assert (gradient[:, 1] == 0).all()
    soft, _ = both(
        plogq.Probs(np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]], dtype)), plogq.Probs(q)
    )
    assert list(soft[:2]) == [inf, 0]


@every_dtype
def test_probabilities_are_never_renormalised(dtype: Any) -> None:
    with plogq.validation("off"):
        losses, _ = both(plogq.Labels([0, 1]), plogq.Probs(np.array([[0.5, 0.25]] * 2, dtype)))
    assert losses == pytest.approx([np.log(2), np.log(4)], rel=1e-6)


@every_dtype
def test_binary_probabilities_are_never_clipped(dtype: Any) -> None:
    q = np.array([0.0, 0.0, 1.0, 1.0], dtype)
    losses, gradient = both(plogq.BinaryProbs([0, 1, 0, 1]), plogq.BinaryProbs(q))
    assert list(losses) == [0, inf, inf, 0]
    assert list(gradient) == [1, -inf, inf, -1]


@every_dtype
def test_log_probabilities_of_minus_infinity(dtype: Any) -> None:
    x = np.array([[-inf, 0.0]] * 3, dtype)
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], dtype)
    losses, gradient = both(plogq.Probs(p), plogq.LogProbs(x))
    assert list(losses) == [inf, 0, inf]
    assert np.array_equal(gradient, -p)


@every_dtype
def test_a_nan_among_stored_probabilities_is_a_nan(dtype: Any) -> None:
    x = np.array([[nan, 0.5], [0.5, 0.5]], dtype)
    for q in (plogq.Probs(x), plogq.LogProbs(np.log(x))):
        losses, _ = both(plogq.Labels([0, 0]), q)
        assert np.isnan(losses).tolist() == [True, False]


@every_dtype
def test_a_cap_makes_infinite_scores_finite(dtype: Any) -> None:
    """c · tanh(±∞) = ±c, and the slope there is 0."""
    scores = np.array([[inf, -inf, 0.0]], dtype)
    losses, gradient = both(plogq.Labels([1]), plogq.Logits(scores, softcap=2.0))
    truth = oracle.of_logits(oracle.row([2.0, -2.0, 0.0])).cost[1]
    bounds.check_loss(losses[0], truth, dtype, slack=8 * bounds.unit(dtype))
    assert list(gradient[0, :2]) == [0, 0]
    assert gradient[0, 2] > 0


@every_dtype
def test_the_mean_of_an_infinite_loss_is_infinite(dtype: Any) -> None:
    scores = np.array([[0.0, -inf], [0.0, 0.0]], dtype)
    assert plogq.cross_entropy(plogq.Labels([1, 0]), plogq.Logits(scores)) == inf


def test_log_z_of_infinite_scores() -> None:
    scores = np.array([[inf, 0.0], [-inf, 1.5], [-inf, -inf], [inf, inf], [nan, 0.0]])
    got = plogq.log_normalizer(plogq.Logits(scores))
    assert list(got[:2]) == [inf, 1.5]
    assert np.isnan(got[2:]).all()
