"""N3 and N4 on tensors: every infinity has one outcome, in value and in the gradient's 0 · ∞."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import plogq

from .. import bounds, makers, oracle
from ..bounds import DTYPES
from ..rebuilt import Change
from .tensors import array, by, on_torch, recorded, tensor, tensors

Array = npt.NDArray[Any]
inf, nan = np.inf, np.nan

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)


def separately(p: Any, q: Any) -> tuple[Array, Array]:
    """One loss per event, and the gradient of their sum."""
    q = recorded(q)
    loss = plogq.cross_entropy(p, q, reduction="none")
    loss.backward(torch.ones_like(loss))
    return array(loss), array(tensors(q)[0].grad)


def at_once(p: Any, q: Any) -> tuple[Array, Array]:
    """The sum, whose way through autograd is one step."""
    q = recorded(q)
    losses = plogq.cross_entropy(p, q, reduction="none")
    plogq.cross_entropy(p, q, reduction="sum").backward()
    return array(losses), array(tensors(q)[0].grad)


def twice(p: Any, q: Any) -> tuple[Array, Array]:
    """A gradient that is to be differentiated again, which PyTorch's own operations make."""
    q = recorded(q)
    loss = plogq.cross_entropy(p, q, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), tensors(q), create_graph=True)
    return array(loss), array(gradient)


def transformed(p: Any, q: Any) -> tuple[Array, Array]:
    """Under torch.func."""

    def total(x: Any) -> Any:
        losses = plogq.cross_entropy(p, on_torch(q, lambda _: x), reduction="none")
        return losses.sum(), losses

    gradient, losses = torch.func.grad(total, has_aux=True)(tensors(q)[0])
    return array(losses), array(gradient)


PATHS: dict[str, Callable[[Any, Any], tuple[Array, Array]]] = {
    "separately": separately,
    "at once": at_once,
    "twice": twice,
    "torch.func": transformed,
}


# Those that are differentiated again or transformed run in PyTorch's own operations either way.
WAYS = ("separately:cpu", "separately:formula", "at once:cpu", "at once:formula", "twice:cpu")


@pytest.fixture(params=(*WAYS, "torch.func:cpu"))
def results(request: pytest.FixtureRequest) -> Iterator[Any]:
    path, _, way = request.param.partition(":")
    with by(way):
        yield PATHS[path]


def check(
    results: Any, p: Any, masses: list[list[float]], scores: Array, put: Any = tensor
) -> None:
    """Losses and gradients of logits against the oracle, which has its own cases for ±∞."""
    for axis in (-1, 0):
        target, q = (on_torch(makers.turned(x, axis), put) for x in (p, plogq.Logits(scores)))
        losses, gradient = results(target, q)
        gradient = np.moveaxis(gradient, axis, -1)
        assert gradient.dtype == scores.dtype
        for loss, slope, row, s in zip(losses, gradient, masses, oracle.rows(scores), strict=True):
            w = oracle.row(row)
            bounds.check_loss(loss, oracle.cross_entropy(w, oracle.of_logits(s)), scores.dtype)
            truth = oracle.logits_gradient(w, oracle.of_logits(s))
            bounds.check_soft_gradient(slope, truth, scores.dtype, max(oracle.mass(w), 0))


ROWS: dict[str, tuple[list[list[float]], list[int]]] = {
    "-inf rules a class out": ([[1.0, -inf, 2.0, 0.5], [-inf, -inf, 3.0, 2.0]], [0, 2]),
    "certainty by exclusion": ([[-inf, 3.0, -inf]], [1]),
    "mass on a class ruled out": ([[0.0, -inf, 0.0], [0.0, -inf, 0.0]], [1, 0]),
    "+inf is certainty": ([[1.0, inf, 2.0]] * 3, [1, 0, 2]),
    "+inf among -inf": ([[-inf, inf, 0.0, -inf]] * 4, [0, 1, 2, 3]),
}


@every_dtype
@pytest.mark.parametrize("name", ROWS)
def test_labels_of_infinite_scores(name: str, dtype: Any, results: Any) -> None:
    rows, y = ROWS[name]
    classes = len(rows[0])
    one_hot = np.eye(classes)[y]
    scores = np.array(rows, dtype)
    check(results, plogq.Labels(np.array(y)), one_hot.tolist(), scores)
    check(results, plogq.Probs(one_hot.astype(dtype)), one_hot.tolist(), scores)


@every_dtype
def test_soft_targets_of_infinite_scores(dtype: Any, results: Any) -> None:
    """0 · log 0 = 0; where there is mass the loss is ∞ and the gradient still q - p."""
    p = [[0.25, 0.0, 0.75], [0.0, 1.0, 0.0], [0.5, 0.25, 0.25]]
    for rows in (
        [[1.0, -inf, 2.0], [-inf, 1.0, -inf], [0.0, -inf, 0.0]],
        [[1.0, inf, 2.0], [1.0, inf, 2.0], [inf, 0.0, 0.0]],
    ):
        scores = np.array(rows, dtype)
        check(results, plogq.Probs(np.array(p, dtype)), p, scores)
        index = np.array([[0, 2, 1], [1, 0, 2], [0, 1, 2]])
        values = np.array([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.5, 0.25, 0.25]])
        check(results, plogq.SparseProbs(index, values), p, scores)
    scores = np.array([[0.0, -inf, 0.0]] * 2, dtype)
    smoothed = plogq.Smoothed(plogq.Labels(np.array([0, 2])), 0.375)
    check(results, smoothed, [[0.75, 0.125, 0.125], [0.125, 0.125, 0.75]], scores)


NOWHERE = (
    [-inf, -inf, -inf],
    [inf, inf, 0.0],
    [nan, 1.0, 2.0],
    [1.0, 2.0, nan],
    [inf, nan, 0.0],
    [nan, inf, 0.0],
)


def check_nowhere(
    row: list[float], dtype: Any, results: Any, put: Change = tensor, kind: Any = np.float64
) -> None:
    """`put` says where tensors are, `kind` what soft targets are stored in."""
    scores = np.array([[1.0, 2.0, 3.0], row, [0.0, 0.0, -inf]], dtype)
    third = kind(1 / 3)
    for p, masses in (
        (plogq.Labels(np.array([2, 0, 1])), [[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        (plogq.Probs(np.full((3, 3), third)), [[float(third)] * 3] * 3),
    ):
        q = on_torch(plogq.Logits(scores), put)
        losses, gradient = results(on_torch(p, put), q)
        assert np.isnan(losses).tolist() == [False, True, False]
        assert np.isnan(gradient[1].astype(float)).all()
        check(results, p, masses, scores, put)


@every_dtype
@pytest.mark.parametrize("row", NOWHERE, ids=str)
def test_where_no_softmax_exists_that_event_alone_is_nan(
    row: list[float], dtype: Any, results: Any
) -> None:
    check_nowhere(row, dtype, results)


# Score, label, loss and slope.
YES_NO = (
    (inf, 1, 0, 0),
    (inf, 0, inf, 1),
    (-inf, 1, inf, -1),
    (-inf, 0, 0, 0),
    (inf, 0.25, inf, 0.75),
    (-inf, 0.25, inf, -0.25),
    (nan, 1, nan, nan),
)


def check_yes_no(
    row: tuple[float, ...],
    dtype: Any,
    results: Any,
    put: Change = tensor,
    kind: Any = np.float64,
) -> None:
    score, yes, loss, slope = row
    z = np.array([score, 0.0], dtype)
    p = plogq.BinaryProbs(np.array([yes, 1.0], kind))
    losses, gradient = results(on_torch(p, put), on_torch(plogq.BinaryLogits(z), put))
    assert np.array_equal(losses[:1], [loss], equal_nan=True)
    assert np.array_equal(gradient[:1].astype(float), [slope], equal_nan=True)
    assert losses[1] == pytest.approx(np.log(2), rel=1e-6)
    assert gradient[1] == -0.5


@every_dtype
@pytest.mark.parametrize("row", YES_NO, ids=str)
def test_binary_infinities(row: tuple[float, ...], dtype: Any, results: Any) -> None:
    """PyTorch's own loss is NaN at two of these."""
    check_yes_no(row, dtype, results)


WHATEVER = ([nan, nan, nan], [inf, inf, 0.0], [0.0, -inf, inf])


def check_without_mass(
    row: list[float], dtype: Any, results: Any, put: Change = tensor, *more: Any
) -> None:
    scores = np.array([row, [1.0, 2.0, 3.0]], dtype)
    for p in (
        plogq.Labels(np.array([-1, 2]), ignore=-1),
        plogq.Smoothed(plogq.Labels(np.array([-1, 2]), ignore=-1), 0.25),
        plogq.Weighted(plogq.Labels(np.array([1, 2])), sample_weight=np.array([0.0, 1.0])),
        *more,
    ):
        target, q = on_torch(p, put), on_torch(plogq.Logits(scores), put)
        losses, gradient = results(target, q)
        assert losses[0] == 0
        assert np.array_equal(gradient[0], np.zeros(3, dtype))
        assert np.isfinite(losses[1])
        assert np.isfinite(gradient[1].astype(float)).all()
        mean = plogq.cross_entropy(target, q)
        assert mean.item() == pytest.approx(losses[1], rel=1e-6)


@every_dtype
@pytest.mark.parametrize("row", WHATEVER, ids=str)
def test_an_event_without_mass_has_no_loss_and_no_gradient_whatever_its_scores(
    row: list[float], dtype: Any, results: Any
) -> None:
    check_without_mass(row, dtype, results)


@every_dtype
def test_probabilities_are_never_clipped(dtype: Any, results: Any) -> None:
    q = on_torch(plogq.Probs(np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], dtype)))
    losses, gradient = results(on_torch(plogq.Labels(np.array([0, 0, 0]))), q)
    assert list(losses[:2]) == [inf, 0]
    assert list(gradient[:, 0]) == [-inf, -1, -2]
    assert (gradient[:, 1] == 0).all()
    p = on_torch(plogq.Probs(np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]], dtype)))
    losses, gradient = results(p, q)
    assert list(losses[:2]) == [inf, 0]
    assert gradient.tolist() == [[-inf, -0.5], [-1, 0], [0, -2]]


@every_dtype
def test_binary_probabilities_are_never_clipped(dtype: Any, results: Any) -> None:
    q = on_torch(plogq.BinaryProbs(np.array([0.0, 0.0, 1.0, 1.0], dtype)))
    losses, gradient = results(on_torch(plogq.BinaryProbs(np.array([0, 1, 0, 1]))), q)
    assert list(losses) == [0, inf, inf, 0]
    assert list(gradient) == [1, -inf, inf, -1]


@every_dtype
def test_log_probabilities_of_minus_infinity(dtype: Any, results: Any) -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], dtype)
    x = np.array([[-inf, 0.0]] * 3, dtype)
    losses, gradient = results(on_torch(plogq.Probs(p)), on_torch(plogq.LogProbs(x)))
    assert list(losses) == [inf, 0, inf]
    assert np.array_equal(gradient, -p)


@every_dtype
def test_a_cap_makes_infinite_scores_finite(dtype: Any, results: Any) -> None:
    scores = np.array([[inf, -inf, 0.0]], dtype)
    q = on_torch(plogq.Logits(scores, softcap=2.0))
    losses, gradient = results(on_torch(plogq.Labels(np.array([1]))), q)
    truth = oracle.of_logits(oracle.row([2.0, -2.0, 0.0])).cost[1]
    bounds.check_loss(losses[0], truth, dtype, slack=8 * bounds.unit(dtype))
    assert list(gradient[0, :2]) == [0, 0]
    assert gradient[0, 2] > 0


@every_dtype
def test_the_gradient_of_a_target_has_no_nan_where_the_scores_are_infinite(
    dtype: Any, way: str
) -> None:
    """∂H/∂p_j = -log q_j, a number where it is ∞: what made a p of 0 multiplies it by 0."""
    p = torch.tensor([[0.5, 0.5, 0.0]], requires_grad=True)
    q = plogq.Logits(tensor(np.array([[0.0, 0.0, -inf]], dtype)))
    plogq.cross_entropy(plogq.Probs(p), q, reduction="sum").backward()
    assert p.grad[0, 2].item() == pytest.approx(bounds.STEEPEST)
    np.testing.assert_allclose(p.grad[0, :2], np.log(2), rtol=1e-6)
    weight = torch.tensor([0.0, 2.0], requires_grad=True)
    rows = tensor(np.array([[0.0, -inf], [0.0, 0.0]], dtype))
    target = plogq.Weighted(plogq.Labels(torch.tensor([0, 1])), sample_weight=weight)
    plogq.cross_entropy(target, plogq.Logits(rows), reduction="sum").backward()
    assert weight.grad[0] == 0
    assert weight.grad[1].item() == pytest.approx(np.log(2), rel=1e-6)


def test_log_z_of_infinite_scores(way: str) -> None:
    rows = [[inf, 0.0], [-inf, 1.5], [-inf, -inf], [inf, inf], [nan, 0.0]]
    z = torch.tensor(rows, requires_grad=True)
    got = plogq.log_normalizer(plogq.Logits(z))
    assert got[:2].tolist() == [inf, 1.5]
    assert got[2:].isnan().all()
    got.sum().backward()
    assert z.grad[:2].tolist() == [[1, 0], [0, 1]]
    assert z.grad[2:].isnan().all()


def test_the_mean_of_an_infinite_loss_is_infinite_and_its_gradient_is_not(way: str) -> None:
    p, q = plogq.Labels(torch.tensor([1, 0])), plogq.Logits(torch.tensor([[0.0, -inf], [0.0, 0.0]]))
    assert plogq.cross_entropy(p, q).item() == inf
    q = recorded(q)
    plogq.cross_entropy(p, q).backward()
    assert q.scores.grad.tolist() == [[0.5, -0.5], [-0.25, 0.25]]
