"""What ranks disagree on or one of them refuses: the same clear error on all, and no wait."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

import plogq

from .slices import leaf, own, raised, unsharded_pair

Tensor = torch.Tensor


def bad_calls(rank: int, world: int) -> dict[str, Callable[[], Any]]:
    z, y = unsharded_pair()
    z, y = z.movedim(1, -1).reshape(6, 10), y.reshape(6)
    mine = own(z, rank, world)
    last = rank == world - 1

    def loss(p: Any, q: Any) -> Callable[[], Any]:
        return lambda: plogq.cross_entropy(p, q)

    labels = plogq.Labels(y, ignore=-100)
    over = plogq.ShardedLogits(mine)
    linear = {"weight": torch.ones(2, 3), "group": dist.group.WORLD}
    with plogq.validation("off"):
        negative = plogq.Probs(own(torch.softmax(z, -1), rank, world) - (1.0 if last else 0.0))
    return {
        "events": loss(plogq.Labels(y[: 6 - rank]), plogq.ShardedLogits(mine[: 6 - rank])),
        "ndim": loss(
            plogq.Labels(y.reshape(2, 3) if last else y, ignore=-100),
            plogq.ShardedLogits(mine.reshape(2, 3, -1) if last else mine),
        ),
        "dtype": loss(labels, plogq.ShardedLogits(mine.float() if last else mine)),
        "integers on one": loss(labels, plogq.ShardedLogits(mine.int() if last else mine)),
        "axis on one": loss(labels, plogq.ShardedLogits(mine, axis=5 if last else -1)),
        "labels short on one": loss(plogq.Labels(y[:5]) if last else labels, over),
        "label out of range": loss(plogq.Labels(y.clamp(min=0) + 7), over),
        "label out of range on one": loss(
            plogq.Labels(y.clamp(min=0) + (100 if last else 0)), over
        ),
        "labels differ": loss(plogq.Labels((y.clamp(min=0) + rank) % 10), over),
        "ignore differs": loss(plogq.Labels(y, ignore=-100 - rank), over),
        "smoothed on one": loss(plogq.Smoothed(labels, 0.1) if last else labels, over),
        "weights differ": loss(plogq.Weighted(labels, sample_weight=torch.ones(6) + rank), over),
        "class weights too few": loss(plogq.Weighted(labels, class_weight=torch.ones(9)), over),
        "divergence from a slice": lambda: plogq.kl_divergence(
            plogq.Probs(own(torch.softmax(z, -1), rank, world)), over
        ),
        "softcap": loss(labels, plogq.ShardedLogits(mine, softcap=5.0 if last else None)),
        "types of Q": loss(
            labels, plogq.LinearLogits(torch.ones(6, 3), **linear) if last else over
        ),
        "features": loss(
            labels,
            plogq.LinearLogits(
                torch.ones(6, 3 + last), torch.ones(5, 3 + last), group=dist.group.WORLD
            ),
        ),
        "hidden on one": loss(
            labels,
            plogq.LinearLogits(torch.ones(6, 4 if last else 3), **linear),
        ),
        "gradient of hidden": loss(
            labels,
            plogq.LinearLogits(
                torch.ones(6, 3, requires_grad=last), torch.ones(5, 3), group=dist.group.WORLD
            ),
        ),
        "probs of other classes": loss(plogq.Probs(torch.full((6, 7), 1 / 7)), over),
        "probs do not sum to 1": loss(plogq.Probs(torch.full((6, mine.shape[-1]), 0.3)), over),
        "a negative probability on one": loss(negative, over),
        "target with a gradient": loss(
            plogq.Weighted(labels, sample_weight=torch.ones(6, requires_grad=last)), over
        ),
        "one class in all": loss(
            plogq.Labels(torch.zeros(2, dtype=torch.int64)),
            plogq.ShardedLogits(torch.ones(2, 1 if last else 0)),
        ),
        "NaN on one, checked": lambda: _checked(
            labels, plogq.ShardedLogits(mine + (float("nan") if last else 0.0))
        ),
    }


def _checked(p: Any, q: Any) -> Any:
    with plogq.validation("full"):
        return plogq.cross_entropy(p, q)


def refusals(rank: int, world: int) -> dict[str, tuple[str, str]]:
    """What every bad call raises on this rank; the group is as good as new after each."""
    found: dict[str, tuple[str, str]] = {}
    z, y = unsharded_pair()
    over = plogq.ShardedLogits(own(z, rank, world, 1), axis=1)
    for name, call in bad_calls(rank, world).items():
        found[name] = raised(call)
        assert plogq.cross_entropy(plogq.Labels(y, ignore=-100), over).isfinite(), name
    return found


def not_differentiable_again(rank: int, world: int) -> list[tuple[str, str]]:
    """Double backward, torch.func and forward mode are refused and nobody waits."""
    z, y = unsharded_pair()
    p, local = plogq.Labels(y, ignore=-100), leaf(own(z, rank, world, 1))

    def loss(x: Tensor) -> Tensor:
        return plogq.cross_entropy(p, plogq.ShardedLogits(x, axis=1))

    def forward_mode() -> Any:
        from torch.autograd import forward_ad

        # PyTorch's own decompositions for forward mode go through what it has deprecated.
        with forward_ad.dual_level(), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return loss(forward_ad.make_dual(local.detach(), torch.ones_like(local)))

    return [
        raised(lambda: torch.autograd.grad(loss(local), local, create_graph=True)),
        raised(lambda: torch.func.grad(loss)(local.detach())),
        raised(lambda: torch.func.vmap(loss)(local.detach()[None])),
        raised(forward_mode),
    ]
