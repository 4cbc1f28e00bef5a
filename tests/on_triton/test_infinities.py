"""What only the kernels in Triton do at infinities and for labels outside their range."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import plogq
from plogq.algebra.measure import Measure
from plogq.algebra.scores import Projection, Scores
from plogq.frameworks.torch import arrays as verbs
from plogq.frameworks.torch.triton import binding
from plogq.frameworks.torch.triton import linear_binding as products
from plogq.kernels.table import using

from .device import DEVICE, leaf, put

inf, nan = np.inf, np.nan


@pytest.fixture(autouse=True)
def by_triton() -> Iterator[None]:
    with using("triton"):
        yield


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
    index, value = verbs.unread_labels(y, 5, (-100,))
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
