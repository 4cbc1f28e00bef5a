"""torch.compile on every rank: the ranks meet between two compiled parts, or it says why not."""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

import plogq

from .slices import leaf, own, raised, unsharded_pair

Tensor = torch.Tensor


def compiled(rank: int, world: int) -> tuple[str, str]:
    """Value and gradient as in eager mode; with fullgraph=True an error."""
    with warnings.catch_warnings():
        # Between two compiled parts Dynamo asks tensors for their .grad, and hides the warning.
        warnings.simplefilter("ignore", UserWarning)
        return _compiled(rank, world)


def _compiled(rank: int, world: int) -> tuple[str, str]:
    z, y = unsharded_pair()
    weights = torch.linspace(0.25, 2.0, 10, dtype=torch.float64)
    p = plogq.Smoothed(plogq.Weighted(plogq.Labels(y, ignore=-100), class_weight=weights), 0.1)

    def loss(x: Tensor, z_loss: float) -> Tensor:
        q = plogq.ShardedLogits(2.0 * x, axis=1)
        return 3.0 * plogq.cross_entropy(p, q, z_loss=z_loss)

    program = torch.compile(loss, backend="eager")
    for z_loss in (0.0, 0.25):
        expected = leaf(z)
        want = 3.0 * plogq.cross_entropy(p, plogq.Logits(2.0 * expected, axis=1), z_loss=z_loss)
        want.backward()
        for _ in range(2):
            local = leaf(own(z, rank, world, 1))
            got = program(local, z_loss)
            got.backward()
            torch.testing.assert_close(got, want, rtol=1e-13, atol=0.0)
            assert expected.grad is not None
            torch.testing.assert_close(
                local.grad, own(expected.grad, rank, world, 1), rtol=1e-12, atol=1e-16
            )

    def linear(h: Tensor, w: Tensor) -> Tensor:
        q = plogq.LinearLogits(h, w, group=dist.group.WORLD)
        return plogq.cross_entropy(plogq.Labels(torch.tensor([1, 0, 9])), q)

    generator = torch.Generator().manual_seed(8)
    h, w = torch.randn(3, 4, generator=generator), torch.randn(10, 4, generator=generator)
    leaves = leaf(h), leaf(own(w, rank, world, 0))
    torch.compile(linear, backend="eager")(*leaves).backward()
    again = leaf(h), leaf(own(w, rank, world, 0))
    linear(*again).backward()
    for x, other in zip(leaves, again, strict=True):
        torch.testing.assert_close(x.grad, other.grad)

    mesh = init_device_mesh("cpu", (world,))
    placed = distribute_tensor(z, mesh, [Shard(1)]).requires_grad_()
    got = torch.compile(lambda x: plogq.cross_entropy(p, plogq.Logits(x, axis=1)), backend="eager")(
        placed
    )
    got.backward()
    expected = leaf(z)
    want = plogq.cross_entropy(p, plogq.Logits(expected, axis=1))
    want.backward()
    torch.testing.assert_close(got, want, rtol=1e-13, atol=0.0)
    gradient: Any = placed.grad
    torch.testing.assert_close(gradient.full_tensor(), expected.grad, rtol=1e-12, atol=1e-16)

    whole = torch.compile(loss, backend="eager", fullgraph=True)
    return raised(lambda: whole(own(z, rank, world, 1), 0.0))
