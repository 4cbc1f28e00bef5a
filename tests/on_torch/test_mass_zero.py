"""Mass 0 takes an event out of everything, in PyTorch: once differentiated, and twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import plogq

from ..rebuilt import HELD
from ..spoiled import Spoilt, pairs
from .tensors import WAYS, array, by, on_torch, recorded

CASES = pairs(np.float64)
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_way = pytest.mark.parametrize("way", WAYS)


def leaves(q: Any) -> dict[str, torch.Tensor]:
    return {n: getattr(q, n) for n in HELD if getattr(q, n, None) is not None}


def slopes(p: Any, q: Any, way: str, **options: Any) -> tuple[float, dict[str, Any]]:
    q = recorded(on_torch(q))
    with by(way):
        loss = plogq.cross_entropy(on_torch(p), q, **options)
        loss.backward()
    return loss.item(), {n: array(x.grad) for n, x in leaves(q).items()}


def alike(case: Spoilt, found: dict[str, Any], right: dict[str, Any]) -> None:
    for name, g in found.items():
        if name not in ("weight", "bias"):
            assert not g[case.out].any(), name
            g = g[~case.out]
        np.testing.assert_allclose(g, right[name], rtol=1e-12, atol=1e-14, err_msg=name)


@every_way
@every_case
def test_events_without_mass_change_nothing(case: Spoilt, way: str) -> None:
    loss, found = slopes(case.p, case.q, way)
    right, expected = slopes(case.kept_p, case.kept_q, way)
    np.testing.assert_allclose(loss, right, rtol=1e-12)
    alike(case, found, expected)


@pytest.mark.parametrize("case", [c for c in CASES if "Logits" in c.name], ids=str)
def test_nor_under_a_z_loss(case: Spoilt) -> None:
    loss, found = slopes(case.p, case.q, "cpu", z_loss=0.1)
    right, expected = slopes(case.kept_p, case.kept_q, "cpu", z_loss=0.1)
    np.testing.assert_allclose(loss, right, rtol=1e-12)
    alike(case, found, expected)


def twice(p: Any, q: Any) -> dict[str, Any]:
    """The gradients of the sum of all gradients."""
    q = recorded(on_torch(q))
    loss = plogq.cross_entropy(on_torch(p), q)
    held = leaves(q)
    first = torch.autograd.grad(loss, list(held.values()), create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), list(held.values()))
    return {n: array(g) for n, g in zip(held, second, strict=True)}


@pytest.mark.parametrize("case", [c for c in CASES if "Linear" not in c.name], ids=str)
def test_nor_in_second_derivatives(case: Spoilt) -> None:
    if isinstance(case.q, plogq.LogProbs):
        return  # linear: it has no second derivative
    alike(case, twice(case.p, case.q), twice(case.kept_p, case.kept_q))


@pytest.mark.parametrize("function", [plogq.cross_entropy, plogq.kl_divergence])
@every_case
def test_nor_in_the_gradients_of_the_target(case: Spoilt, function: Any) -> None:
    p, kept = recorded(on_torch(case.p)), recorded(on_torch(case.kept_p))
    for target, q in ((p, case.q), (kept, case.kept_q)):
        if not any(x.requires_grad for x in target.arrays()):
            return
        function(target, on_torch(q)).backward()
    for x, right in zip(p.arrays(), kept.arrays(), strict=True):
        if not x.requires_grad:
            continue
        g, expected, at = array(x.grad), array(right.grad), array(x.detach())
        assert np.isfinite(g).all()
        if x.shape != right.shape:
            g, at = g[~case.out], at[~case.out]
        # What is 0 has a slope of its own, which is not the same without those events.
        np.testing.assert_allclose(g[at != 0], expected[at != 0], rtol=1e-10, atol=1e-13)


@every_way
def test_the_slopes_of_weights_below_a_weight_of_0(way: str) -> None:
    """Weights around weights: what the outer ones leave nothing of may be NaN."""
    probs = torch.full((2, 4), 0.25, dtype=torch.float64)
    probs[0] = torch.nan
    inner = torch.tensor([2.0, 2.0], dtype=torch.float64, requires_grad=True)
    classes = torch.tensor([0.0, 1.0, 2.0, 1.0], dtype=torch.float64)
    weighted = plogq.Weighted(plogq.Probs(probs), sample_weight=inner, class_weight=classes)
    outer = torch.tensor([0.0, 1.0], dtype=torch.float64)
    p = plogq.Weighted(plogq.Smoothed(weighted, 0.5), sample_weight=outer)
    with by(way):
        loss = plogq.cross_entropy(p, plogq.Logits(torch.zeros(2, 4)), reduction="sum")
        loss.backward()
    assert inner.grad is not None
    # The mass of the second event is the mean of its class weights, and every cost is ln 4.
    np.testing.assert_allclose(array(inner.grad), [0.0, np.log(4)], rtol=1e-6)


@every_way
def test_the_slope_of_a_weight_of_0_beside_classes_that_are_ruled_out(way: str) -> None:
    """It is the event's own loss, z-loss and all: log Z is that of the classes that are left."""
    scores = torch.tensor([[-3.5, -torch.inf, -3.5], [1.0, 2.0, 3.0]])
    weight = torch.tensor([0.0, 2.0], dtype=torch.float64, requires_grad=True)
    p = plogq.Weighted(plogq.Labels(torch.tensor([0, 1])), sample_weight=weight)
    with by(way):
        loss = plogq.cross_entropy(p, plogq.Logits(scores), reduction="sum", z_loss=1.0)
        loss.backward()
    assert weight.grad is not None
    log_z = np.array([np.log(2) - 3.5, np.log(np.exp([1.0, 2.0, 3.0]).sum())])
    exact = log_z - np.array([-3.5, 2.0]) + log_z**2
    np.testing.assert_allclose(array(weight.grad), exact, rtol=1e-6)
