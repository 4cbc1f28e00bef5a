"""A target that is defined outside the package runs the Triton kernel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import plogq
from plogq.kernels.table import using

from ..ordinal import Ordinal, dense
from ..ordinal import losses as right


def test_it_has_the_right_loss_and_gradient() -> None:
    y = np.array([0, 3, 1, 2, 4])
    z = np.random.default_rng(20261127).normal(scale=4, size=(5, 5)).astype(np.float32)
    x = torch.tensor(z, requires_grad=True)
    p, q = Ordinal(torch.tensor(y), 0.125), plogq.Logits(x)
    with using("triton"):
        assert plogq.explain(p, q).chosen == "triton"
        losses = plogq.cross_entropy(p, q, reduction="none")
    losses.sum().backward()
    want = right(dense(y, 0.125, 5), z)
    assert losses.tolist() == pytest.approx(want, rel=1e-5)
    _, gradient = plogq.value_and_grad(Ordinal(y, 0.125), plogq.Logits(z), reduction="sum")
    assert np.asarray(x.grad) == pytest.approx(gradient.scores, abs=1e-5)
