"""Mass 0 takes an event out of everything: checks, arithmetic, derivatives. In NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq

from .rebuilt import HELD
from .spoiled import Spoilt, pairs

WIDE = pairs(np.float64)
ALL = [*WIDE, *pairs(np.float32)]


def gradients(q: Any, grad: Any) -> dict[str, Any]:
    return {n: getattr(grad, n) for n in HELD if getattr(q, n, None) is not None}


@pytest.mark.parametrize("case", ALL, ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_events_without_mass_change_nothing(case: Spoilt, reduction: str, kernel: str) -> None:
    loss, grad = plogq.value_and_grad(case.p, case.q, reduction=reduction)
    right, right_grad = plogq.value_and_grad(case.kept_p, case.kept_q, reduction=reduction)
    tolerance = 1e-12 if np.asarray(right).dtype == np.float64 else 2e-6
    np.testing.assert_allclose(loss, right, rtol=tolerance)
    for name, g in gradients(case.q, grad).items():
        expected = getattr(right_grad, name)
        if len(g) == len(case.out) and name not in ("weight", "bias"):
            assert not g[case.out].any(), name
            g = g[~case.out]
        np.testing.assert_allclose(g, expected, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_their_own_losses_are_0(case: Spoilt, kernel: str) -> None:
    losses = plogq.cross_entropy(case.p, case.q, reduction="none")
    assert not losses[case.out].any()
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_nor_do_they_in_entropy_and_divergence(case: Spoilt) -> None:
    found = plogq.kl_divergence(case.p, case.q)
    np.testing.assert_allclose(found, plogq.kl_divergence(case.kept_p, case.kept_q), rtol=1e-10)
    if not isinstance(case.p, plogq.Labels) and "Smoothed(Labels" not in repr(case.p):
        if "moothed" in case.name and ("Labels" in case.name or "Sparse" in case.name):
            return  # the entropy of smoothed labels needs a prediction
        np.testing.assert_allclose(
            plogq.entropy(case.p), plogq.entropy(case.kept_p), rtol=1e-12, atol=1e-15
        )


@pytest.mark.parametrize("case", [c for c in WIDE if "Logits" in c.name], ids=str)
def test_nor_under_a_z_loss(case: Spoilt, kernel: str) -> None:
    loss, grad = plogq.value_and_grad(case.p, case.q, z_loss=0.1)
    right, _ = plogq.value_and_grad(case.kept_p, case.kept_q, z_loss=0.1)
    np.testing.assert_allclose(loss, right, rtol=1e-12)
    assert all(np.isfinite(g).all() for g in gradients(case.q, grad).values())


@pytest.mark.parametrize("case", WIDE, ids=str)
def test_nor_under_full_checks(case: Spoilt) -> None:
    with plogq.validation("full"):
        found = plogq.cross_entropy(case.p, case.q)
    np.testing.assert_allclose(found, plogq.cross_entropy(case.kept_p, case.kept_q), rtol=1e-12)


def test_what_counts_is_refused_as_before() -> None:
    q = plogq.BinaryProbs([0.8, 0.3])
    with pytest.raises(plogq.errors.ProbabilityError, match=r"nan outside \[0, 1\], first at \(1"):
        plogq.cross_entropy(plogq.BinaryProbs([1.0, np.nan]), q)
    weighted = plogq.Weighted(plogq.BinaryProbs([1.0, np.nan, 255.0]), sample_weight=[1, 0, 0.5])
    with pytest.raises(plogq.errors.ProbabilityError, match=r"255 outside \[0, 1\], first at \(2"):
        plogq.cross_entropy(weighted, plogq.BinaryProbs([0.8, 0.3, 0.5]))
    y = plogq.Weighted(plogq.Labels([0, 7, 7]), sample_weight=[1.0, 0.0, 1e-300])
    with pytest.raises(plogq.errors.LabelError, match="label 7 at event 2"):
        plogq.cross_entropy(y, plogq.Logits(np.zeros((3, 5))))
    with pytest.raises(plogq.errors.ProbabilityError, match="event 1 of Probs"):
        plogq.cross_entropy(plogq.Labels([0, 1]), plogq.Probs([[0.5, 0.5], [0.0, 0.0]]))


def test_the_weights_of_infinite_classes_that_do_not_occur() -> None:
    z = plogq.Logits(np.zeros((2, 3)))
    for p in (plogq.Labels([0, 0]), plogq.Probs(np.eye(3)[[0, 0]])):
        weighted = plogq.Weighted(p, class_weight=[1.0, np.inf, 1.0])
        for each in (weighted, plogq.Smoothed(weighted, 0.1)):
            assert plogq.cross_entropy(each, z) == pytest.approx(np.log(3), rel=1e-12)
    smoothed = plogq.Smoothed(plogq.Labels([0, 0]), 0.1)
    everywhere = plogq.Weighted(smoothed, class_weight=[1.0, np.inf, 1.0])
    with pytest.raises(plogq.errors.ProbabilityError, match="sum to ∞"):
        plogq.cross_entropy(everywhere, z)
