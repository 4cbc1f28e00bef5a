"""Infinities, NaN and gaps that overflow, against one rank."""

from __future__ import annotations

from typing import Any

import torch

import plogq

from .slices import gradient, leaf, own, sliced

Tensor = torch.Tensor

INF, NAN = float("inf"), float("nan")


HARD_ROWS = [
    [1.0, -INF, 2.0, 0.0, 3.0],
    [-INF, -INF, 2.0, 0.0, 3.0],  # the first rank of two, of four the first
    [2.0, 1.0, -INF, -INF, -INF],
    [-INF, -INF, -INF, -INF, -INF],
    [-INF, -INF, -INF, -INF, 4.0],
    [INF, 1.0, 2.0, 0.0, 3.0],
    [0.0, 1.0, 2.0, 0.0, INF],
    [INF, 1.0, 2.0, 0.0, INF],
    [INF, INF, 2.0, 0.0, 3.0],
    [INF, -INF, -INF, -INF, -INF],
    [NAN, 1.0, 2.0, 0.0, 3.0],
    [0.0, 1.0, 2.0, 0.0, NAN],
    [NAN, -INF, 2.0, 0.0, 3.0],
    [2.0, 1.0, -INF, NAN, -INF],
    [-INF, NAN, -INF, -INF, -INF],
    [INF, 1.0, NAN, 0.0, 3.0],
]


def _targets(y: Tensor) -> list[Any]:
    weights = torch.tensor([1.0, 0.0, 2.0, 0.5, 1.0])
    labels, hot = plogq.Labels(y), torch.nn.functional.one_hot(y, 5).double()
    twice = plogq.Weighted(plogq.Smoothed(labels, 0.5), class_weight=weights)
    return [
        labels,
        plogq.Labels(y, ignore=4),
        plogq.Weighted(labels, class_weight=weights),
        plogq.Probs(0.75 * hot + 0.05),
        plogq.Probs(hot),
        plogq.Smoothed(labels, 0.1),
        # This one runs in PyTorch's own operations.
        plogq.Smoothed(twice, 0.25),
    ]


def hard_values(rank: int, world: int) -> None:
    """Infinities and NaN: what the unsharded loss and gradient are (N3)."""
    for dtype in (torch.float64, torch.float32):
        z = torch.tensor(HARD_ROWS, dtype=dtype).repeat_interleave(5, 0)
        for p in _targets(torch.arange(5).repeat(len(HARD_ROWS))):
            _as_unsharded(p, z, z, rank, world)


def overflowing_gaps(rank: int, world: int) -> None:
    """Gaps beyond the largest float32 between scores of different ranks."""
    top = 0.9 * torch.finfo(torch.float32).max
    rows = [[top, -top, 0, 0, 0], [0, 0, -top, 0, top], [-top] * 5]
    z = torch.tensor(rows, dtype=torch.float32).repeat_interleave(5, 0)
    for p in _targets(torch.arange(5).repeat(3)):
        # What smoothing spreads is added up by the kernel for one rank, within what it can hold.
        if not isinstance(p, plogq.Smoothed):
            _as_unsharded(p, z, z.double(), rank, world)


def _as_unsharded(p: Any, z: Tensor, exact: Tensor, rank: int, world: int) -> None:
    """The scores z over the ranks, against `exact` on one."""
    expected, local = leaf(exact), leaf(own(z, rank, world))
    want = plogq.cross_entropy(p, plogq.Logits(expected), reduction="none")
    got = plogq.cross_entropy(sliced(p, rank, world), plogq.ShardedLogits(local), reduction="none")
    _same(got, want.to(z.dtype), repr(p))
    want.sum().backward()
    got.sum().backward()
    _same(gradient(local), own(gradient(expected), rank, world).to(z.dtype), repr(p))


def _same(got: Tensor, want: Tensor, what: str) -> None:
    eps = torch.finfo(want.dtype).eps
    atol = 2 * eps if got.ndim > 1 else 0.0
    torch.testing.assert_close(
        got, want, rtol=8 * eps, atol=atol, equal_nan=True, msg=lambda text: f"{what}: {text}"
    )
