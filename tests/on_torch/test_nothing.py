"""Tensors without events or without mass: a loss of 0 and a gradient of 0, in every reduction."""

from __future__ import annotations

import torch

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    Logits,
    Probs,
    SparseProbs,
    Weighted,
    cross_entropy,
)

from ..together import for_each

Y = torch.tensor([0, 1, 2, 0])

EMPTY = {
    "labels": Labels(torch.zeros(0, dtype=torch.int64)),
    "soft": Probs(torch.zeros(0, 3)),
    "sparse": SparseProbs(torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0, 2)),
    "smoothed": plogq.Smoothed(Labels(torch.zeros(0, dtype=torch.int64)), 0.1),
    "weighted": Weighted(Labels(torch.zeros(0, dtype=torch.int64)), sample_weight=torch.zeros(0)),
}
NOTHING = {
    **{f"no events, {k}": (p, 0) for k, p in EMPTY.items()},
    "all ignored": (Labels(torch.full((4,), -1), ignore=-1), 4),
    "weights of 0": (Weighted(Labels(Y), sample_weight=torch.zeros(4)), 4),
    "nothing listed": (SparseProbs(torch.zeros(4, 0, dtype=torch.int64), torch.zeros(4, 0)), 4),
}


@for_each("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@for_each("name", NOTHING)
def test_where_nothing_counts_the_loss_and_the_gradient_are_0(
    name: str, dtype: torch.dtype, way: str
) -> None:
    """0, not 0 / 0 (pytorch#70348)."""
    p, events = NOTHING[name]
    for reduction in ("mean", "sum", "sum_over_batch_size", "none"):
        z = torch.randn(events, 3).to(dtype).requires_grad_()
        loss = cross_entropy(p, Logits(z), reduction=reduction)
        assert loss.shape == ((events,) if reduction == "none" else ())
        assert loss.dtype is (torch.float64 if dtype is torch.float64 else torch.float32)
        assert (loss == 0).all()
        loss.sum().backward()
        assert z.grad.shape == z.shape
        assert (z.grad == 0).all()


def test_a_mean_of_nothing_has_a_gradient_of_0_for_the_target_too(way: str) -> None:
    w = torch.zeros(4, requires_grad=True)
    z = torch.randn(4, 3, requires_grad=True)
    loss = cross_entropy(Weighted(Labels(Y), sample_weight=w), Logits(z))
    loss.backward()
    assert loss.item() == 0
    assert (z.grad == 0).all()
    assert w.grad.isfinite().all()


def test_no_yes_no_outcomes_cost_0(way: str) -> None:
    for shape in ((0,), (0, 3), (3, 0)):
        z = torch.zeros(shape, requires_grad=True)
        loss = cross_entropy(BinaryProbs(torch.zeros(shape)), BinaryLogits(z))
        loss.backward()
        assert loss.item() == 0
        assert z.grad.shape == shape
