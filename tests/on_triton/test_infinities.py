"""N3 by the kernels in Triton: every infinity has one outcome, and NaN stays in its event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import plogq
from plogq.algebra.labels import unread_labels
from plogq.algebra.measure import Measure
from plogq.algebra.scores import Projection, Scores
from plogq.frameworks.torch import arrays as verbs
from plogq.frameworks.torch.triton import binding
from plogq.frameworks.torch.triton import linear_binding as products
from plogq.kernels.table import using

from .. import bounds, oracle
from ..on_torch import test_infinities as on_torch
from .device import DEVICE, TAKEN, leaf, on_device, put

Array = npt.NDArray[Any]
inf, nan = np.inf, np.nan

every_dtype = pytest.mark.parametrize("dtype", TAKEN, ids=lambda d: d.name)


@pytest.fixture(autouse=True)
def by_triton() -> Iterator[None]:
    with using("triton"):
        yield


@pytest.fixture(params=["one tile", "tiles of two scores"])
def results(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Any, Any], tuple[Array, Array]]:
    """Losses and the gradient of their sum; in a few programs a row, too."""
    if request.param == "tiles of two scores":
        monkeypatch.setattr(binding, "_TILE", 2)
        monkeypatch.setattr(binding, "_RUN", 1)
    return on_torch.separately


@every_dtype
@pytest.mark.parametrize("name", on_torch.ROWS)
def test_labels_of_infinite_scores(name: str, dtype: Any, results: Any) -> None:
    rows, y = on_torch.ROWS[name]
    one_hot = np.eye(len(rows[0]))[y]
    scores = np.array(rows, dtype)
    on_torch.check(results, plogq.Labels(np.array(y)), one_hot.tolist(), scores, put)
    on_torch.check(results, plogq.Probs(one_hot.astype(dtype)), one_hot.tolist(), scores, put)


@every_dtype
def test_soft_targets_of_infinite_scores(dtype: Any, results: Any) -> None:
    p = [[0.25, 0.0, 0.75], [0.0, 1.0, 0.0], [0.5, 0.25, 0.25]]
    for rows in (
        [[1.0, -inf, 2.0], [-inf, 1.0, -inf], [0.0, -inf, 0.0]],
        [[1.0, inf, 2.0], [1.0, inf, 2.0], [inf, 0.0, 0.0]],
    ):
        scores = np.array(rows, dtype)
        on_torch.check(results, plogq.Probs(np.array(p, dtype)), p, scores, put)
        index = np.array([[0, 2, 1], [1, 0, 2], [0, 1, 2]])
        values = np.array([[0.25, 0.75, 0.0], [1.0, 0.0, 0.0], [0.5, 0.25, 0.25]])
        on_torch.check(results, plogq.SparseProbs(index, values), p, scores, put)
    scores = np.array([[0.0, -inf, 0.0]] * 2, dtype)
    smoothed = plogq.Smoothed(plogq.Labels(np.array([0, 2])), 0.375)
    masses = [[0.75, 0.125, 0.125], [0.125, 0.125, 0.75]]
    on_torch.check(results, smoothed, masses, scores, put)


@every_dtype
@pytest.mark.parametrize("row", on_torch.NOWHERE, ids=str)
def test_where_no_softmax_exists_that_event_alone_is_nan(
    row: list[float], dtype: Any, results: Any
) -> None:
    on_torch.check_nowhere(row, dtype, results, put, np.float32)


@every_dtype
@pytest.mark.parametrize("row", on_torch.WHATEVER, ids=str)
def test_an_event_without_mass_has_no_loss_and_no_gradient_whatever_its_scores(
    row: list[float], dtype: Any, results: Any
) -> None:
    few = plogq.SparseProbs(np.array([[0, 1], [2, 0]]), np.array([[0.0, 0.0], [0.5, 0.5]]))
    on_torch.check_without_mass(row, dtype, results, put, few)


@every_dtype
@pytest.mark.parametrize("row", on_torch.YES_NO, ids=str)
def test_binary_infinities(row: tuple[float, ...], dtype: Any) -> None:
    on_torch.check_yes_no(row, dtype, on_torch.separately, put, np.float32)


@every_dtype
def test_a_cap_makes_infinite_scores_finite(dtype: Any, results: Any) -> None:
    scores = np.array([[inf, -inf, 0.0]], dtype)
    q = on_device(plogq.Logits(scores, softcap=2.0))
    losses, gradient = results(plogq.Labels(put(np.array([1]))), q)
    truth = oracle.of_logits(oracle.row([2.0, -2.0, 0.0])).cost[1]
    bounds.check_loss(losses[0], truth, dtype)
    assert list(gradient[0, :2]) == [0, 0]
    assert gradient[0, 2] > 0


def test_log_z_of_infinite_scores() -> None:
    rows = [[inf, 0.0], [-inf, 1.5], [-inf, -inf], [inf, inf], [nan, 0.0]]
    z = leaf(np.array(rows, np.float32))
    got = plogq.log_normalizer(plogq.Logits(z))
    assert got[:2].tolist() == [inf, 1.5]
    assert got[2:].isnan().all()
    got.sum().backward()
    assert z.grad[:2].tolist() == [[1, 0], [0, 1]]
    assert z.grad[2:].isnan().all()


@pytest.mark.parametrize("value", [-inf, inf, nan])
def test_infinite_biases_of_scores_still_to_be_made(value: float) -> None:
    """A bias rules a class out, or makes it certain, or is no number: as stored scores would."""
    rng = np.random.default_rng(4)
    hidden, weight = (rng.integers(-4, 5, s).astype(np.float32) for s in ((3, 2), (5, 2)))
    bias = np.array([0.0, value, 1.0, 0.5, 0.0], np.float32)
    for p in (plogq.Labels(put(np.array([0, 2, 1]))),
              plogq.Smoothed(plogq.Labels(put(np.array([0, 2, 1]))), 0.25)):  # fmt: skip
        q = plogq.LinearLogits(leaf(hidden), leaf(weight), leaf(bias))
        stored = plogq.Logits(leaf(hidden @ weight.T + bias))
        loss = plogq.cross_entropy(p, q, reduction="none")
        want = plogq.cross_entropy(p, stored, reduction="none")
        torch.testing.assert_close(loss, want, rtol=1e-6, atol=0, equal_nan=True)
        loss.sum().backward()
        want.sum().backward()
        slopes = stored.scores.grad
        torch.testing.assert_close(q.bias.grad, slopes.sum(0), rtol=1e-5, atol=1e-6, equal_nan=True)


def test_an_out_of_range_label_is_nan_for_its_event_alone() -> None:
    """N5 where raising would force a wait: NaN, never a wrapped index, never 0; ignored ones 0."""
    y = torch.tensor([0, 5, -1, -100, 2**40, 2], device=DEVICE)
    z = torch.linspace(-2, 3, 30, device=DEVICE).view(6, 5)
    index, value = unread_labels(verbs, y, 5, -100)
    measure = Measure((6,), 5, index[:, None], value[:, None])
    hidden = z.clone()
    for kernel, scores in (
        (binding.stored, Scores("logits", z, 1)),
        (binding.stored, Scores("logits", z, 1, 3.0)),
        (products.linear, Projection(hidden, torch.eye(5, device=DEVICE), None)),
    ):
        forward = kernel.forward(measure, scores)
        wrong = [1, 2, 4]
        assert forward.loss.isnan().nonzero().flatten().tolist() == wrong
        assert forward.loss[3] == 0
        found = kernel.backward(measure, scores, forward.residual, 1.0, 0.0)[0]
        assert found[wrong].isnan().all()
        assert (found[3] == 0).all()
        assert found[[0, 5]].isfinite().all()
