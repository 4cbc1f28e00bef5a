"""Small batches, whose gradient is made with the loss: given away once, and for its own scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import plogq

Tensor = torch.Tensor

TARGETS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "labels": lambda y, p: plogq.Labels(y),
    "ignored": lambda y, p: plogq.Labels(y, ignore=1),
    "smoothed": lambda y, p: plogq.Smoothed(plogq.Labels(y), 0.1),
    "weighted": lambda y, p: plogq.Weighted(
        plogq.Labels(y), sample_weight=torch.arange(len(y)), class_weight=torch.linspace(1, 2, 7)
    ),
    "soft": lambda y, p: plogq.Probs(p),
    "yes/no": lambda y, p: plogq.BinaryProbs(p),
}
every = pytest.mark.parametrize("kind", TARGETS)


def drawn(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    x = torch.randn(70, 7, dtype=dtype) * 4
    x[2, 3], x[4, 1], x[5] = float("inf"), -float("inf"), 60 * torch.eye(7, dtype=dtype)[2]
    return x.requires_grad_(), torch.arange(70) % 7, torch.softmax(torch.randn(70, 7), -1)


def loss_of(kind: str, x: Tensor, y: Tensor, p: Tensor, **options: Any) -> Tensor:
    made = plogq.BinaryLogits if kind == "yes/no" else plogq.Logits
    return plogq.cross_entropy(TARGETS[kind](y, p), made(x), **options)


@every
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_the_gradient_that_comes_with_the_loss_is_the_one_that_is_asked_for(
    kind: str, reduction: str, dtype: torch.dtype
) -> None:
    """Bit by bit; and a second one has memory of its own."""
    x, y, p = drawn(dtype)
    loss = loss_of(kind, x, y, p, reduction=reduction)
    ones = torch.ones_like(loss)
    (first,) = torch.autograd.grad(loss, x, ones, retain_graph=True)
    kept = first.clone()
    first.fill_(7.0)
    (second,) = torch.autograd.grad(loss, x, ones, retain_graph=True)
    (twice,) = torch.autograd.grad(loss, x, 2 * ones)
    torch.testing.assert_close(second, kept, rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(twice, 2 * kept, rtol=0, atol=0, equal_nan=True)


@every
def test_a_gradient_of_float16_is_that_of_float32_rounded(kind: str) -> None:
    x, y, p = drawn(torch.float16)
    wide = x.detach().float().requires_grad_()
    for scores in (x, wide):
        loss_of(kind, scores, y, p).backward()
    assert x.grad is not None
    assert wide.grad is not None
    torch.testing.assert_close(x.grad, wide.grad.half(), equal_nan=True)


@every
def test_scores_that_are_changed_in_between_are_told(kind: str) -> None:
    x, y, p = drawn()
    inner = x * 1.0
    loss = loss_of(kind, inner, y, p)
    inner.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@every
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_what_flows_back_may_be_held_as_its_negative(kind: str, reduction: str) -> None:
    """As the imaginary part of a conjugate is: its memory holds the opposite of what it says."""
    x, y, p = drawn()
    loss = loss_of(kind, x, y, p, reduction=reduction)
    d_loss = torch._neg_view(torch.full_like(loss, 0.5))
    (got,) = torch.autograd.grad(loss, x, d_loss, retain_graph=True)
    (want,) = torch.autograd.grad(loss, x, torch.full_like(loss, -0.5))
    torch.testing.assert_close(got, want, equal_nan=True)


def test_scores_that_are_held_as_their_negative() -> None:
    x, y, _ = drawn()
    flipped = torch._neg_view(-x.detach())
    want = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(x.detach()))
    assert torch.equal(plogq.cross_entropy(plogq.Labels(y), plogq.Logits(flipped)), want)
