"""Gradient filtering: what is left out stays within the bound that the docs state."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import plogq
from plogq.algebra import linear

from ..together import for_each

Array = npt.NDArray[Any]
EVENTS, CLASSES, FEATURES = 37, 211, 8


def sharp(seed: int) -> tuple[Array, Array, Array]:
    """Scores as a trained model has them: most of the probability on a few classes."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(CLASSES, FEATURES))
    y = rng.integers(0, CLASSES, EVENTS)
    hidden = 2.0 * weight[y] + 0.3 * rng.normal(size=(EVENTS, FEATURES))
    return hidden, weight, y


def pairs(y: Array, rng: np.random.Generator) -> dict[str, tuple[Any, Array]]:
    """Targets, each with the weight of every event."""
    w = rng.integers(0, 9, EVENTS) / 4.0
    ones = np.ones(EVENTS)
    ignored = np.where(np.arange(EVENTS) % 5 == 0, -100, y)
    soft = rng.dirichlet(np.ones(CLASSES) / 50, size=EVENTS)
    return {
        "labels": (plogq.Labels(y), ones),
        "ignored": (plogq.Labels(ignored, ignore=-100), (ignored >= 0).astype(float)),
        "weighted": (plogq.Weighted(plogq.Labels(y), sample_weight=w), w),
        "smoothed": (plogq.Smoothed(plogq.Labels(y), 0.1), ones),
        "soft": (plogq.Probs(soft), ones),
    }


@pytest.mark.parametrize("least", [0.0, 2.0**-12, 2.0**-7, 0.25])
@pytest.mark.parametrize("target", ["labels", "ignored", "weighted", "smoothed", "soft"])
def test_what_is_left_out_is_within_the_bound(
    target: str, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "_EVENTS", 16)
    monkeypatch.setattr(linear, "_FILTERED_EVENTS", 5)
    monkeypatch.setattr(linear, "_LEAST_BYTES", 8 * 16 * 50)
    monkeypatch.setattr(linear, "_MOST_BYTES", 8 * 16 * 50)
    hidden, weight, y = sharp(3)
    bias = np.linspace(-1, 1, CLASSES)
    p, w = pairs(y, np.random.default_rng(5))[target]
    whole = plogq.LinearLogits(hidden, weight, bias)
    part = plogq.LinearLogits(hidden, weight, bias, gradient_filter=least)
    loss, exact = plogq.value_and_grad(p, whole, reduction="sum")
    again, grad = plogq.value_and_grad(p, part, reduction="sum")
    assert again == pytest.approx(loss, rel=1e-14)
    slack = 1e-10
    # The gradient of the scores, whose small entries are what may be left out.
    scores = hidden @ weight.T + bias
    slopes = plogq.value_and_grad(p, plogq.Logits(scores), reduction="sum")[1].scores
    small = np.abs(slopes) <= least * w[:, None] * (1 + 1e-9)
    off_hidden = np.abs(grad.hidden - exact.hidden)
    assert (off_hidden <= np.abs(slopes * small) @ np.abs(weight) + slack).all()
    assert (off_hidden <= least * w[:, None] * np.abs(weight).sum(0) + slack).all()
    off_weight = np.abs(grad.weight - exact.weight)
    assert (off_weight <= least * (w @ np.abs(hidden)) + slack).all()
    np.testing.assert_allclose(grad.bias, exact.bias, rtol=1e-12, atol=1e-12)
    if least == 0.0:
        np.testing.assert_allclose(grad.weight, exact.weight, rtol=1e-9, atol=1e-12)


def test_a_filter_does_leave_something_out() -> None:
    hidden, weight, y = sharp(3)
    q = plogq.LinearLogits(hidden, weight, gradient_filter=2.0**-7)
    _, grad = plogq.value_and_grad(plogq.Labels(y), q, reduction="sum")
    _, exact = plogq.value_and_grad(
        plogq.Labels(y), plogq.LinearLogits(hidden, weight), reduction="sum"
    )
    rows = (grad.weight == 0).all(axis=1)
    assert rows.sum() > CLASSES / 4
    assert not (exact.weight == 0).all(axis=1).any()


def test_tensors_are_filtered_alike() -> None:

    hidden, weight, y = sharp(4)
    q = plogq.LinearLogits(hidden, weight, gradient_filter=2.0**-7)
    _, want = plogq.value_and_grad(plogq.Labels(y), q, reduction="mean")
    h, w = (torch.from_numpy(x).requires_grad_() for x in (hidden, weight))
    loss = plogq.cross_entropy(
        plogq.Labels(torch.from_numpy(y)), plogq.LinearLogits(h, w, gradient_filter=2.0**-7)
    )
    loss.backward()
    np.testing.assert_allclose(h.grad, want.hidden, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(w.grad, want.weight, rtol=1e-9, atol=1e-12)


@for_each("least", [-0.1, 1.0, 2.0, float("nan")])
def test_a_filter_that_is_no_share_is_refused(least: float) -> None:
    hidden, weight, _ = sharp(3)
    with pytest.raises(ValueError, match="gradient_filter is a share from 0 to 1"):
        plogq.LinearLogits(hidden, weight, gradient_filter=least)


def test_a_compiled_program_filters_too() -> None:
    hidden, weight, y = (torch.from_numpy(x) for x in sharp(4))

    def slope(h: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        q = plogq.LinearLogits(h, w, gradient_filter=2.0**-7)
        return plogq.cross_entropy(plogq.Labels(y), q)

    found = []
    for loss_of in (slope, torch.compile(slope, fullgraph=True, backend="aot_eager")):
        w = weight.clone().requires_grad_()
        loss_of(hidden, w).backward()
        found.append(w.grad)
    assert torch.equal(*found)
    assert (found[0] == 0).all(dim=1).any()
