"""Two predictions over the ranks, against both whole in one process."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

import plogq

from .slices import FORWARD, counted, gradient, leaf, own, raised

Tensor = torch.Tensor
EVENTS, CLASSES = 4, 10


def _functions(p: Any, q: Any, p_weighted: Any) -> Tensor:
    """One number of all that two predictions have, each part with a weight of its own."""
    return (
        plogq.cross_entropy(p, q)
        + 2 * plogq.kl_divergence(p_weighted, q, reduction="sum")
        + 3 * plogq.kl_divergence(q, p)
        + 4 * plogq.js_divergence(p, q, weight=0.25)
        + 5 * plogq.entropy(p)
    )


def _value(p: Any, q: Any) -> Tensor:
    weighted = plogq.Weighted(p, sample_weight=torch.tensor([1.0, 0.0, 0.5, 2.0]))
    return _functions(plogq.Tempered(p, 2.0), q, weighted)


def two_predictions(rank: int, world: int) -> None:
    """Values, gradients on both sides, of stored scores and of last layers of two widths."""
    g = torch.Generator().manual_seed(7)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    t, z = normal(CLASSES, EVENTS), normal(CLASSES, EVENTS)
    t[0, 0] = z[0, 0] = -torch.inf
    whole = leaf(t), leaf(z)
    want = _value(plogq.Logits(whole[0], axis=0), plogq.Logits(whole[1], axis=0))
    want.backward()
    parts = [leaf(own(x, rank, world, 0)) for x in (t, z)]
    found = _value(*(plogq.ShardedLogits(x, axis=0) for x in parts))
    found.backward()
    torch.testing.assert_close(found, want, rtol=1e-12, atol=0)
    for x, y in zip(parts, whole, strict=True):
        torch.testing.assert_close(
            gradient(x), own(gradient(y), rank, world, 0), atol=1e-13, rtol=0
        )

    layers = [(normal(EVENTS, d), normal(CLASSES, d), normal(CLASSES)) for d in (6, 3)]
    whole_layers = [tuple(map(leaf, layer)) for layer in layers]
    want = _value(*(plogq.LinearLogits(*layer, softcap=3.0) for layer in whole_layers))
    want.backward()
    mine = [
        (leaf(h), leaf(own(w, rank, world, 0)), leaf(own(b, rank, world, 0))) for h, w, b in layers
    ]
    over = {"softcap": 3.0, "group": dist.group.WORLD}
    found = _value(*(plogq.LinearLogits(*layer, **over) for layer in mine))
    found.backward()
    torch.testing.assert_close(found, want, rtol=1e-12, atol=0)
    for layer, other in zip(mine, whole_layers, strict=True):
        torch.testing.assert_close(gradient(layer[0]), gradient(other[0]), rtol=0, atol=1e-12)
        for x, y in zip(layer[1:], other[1:], strict=True):
            torch.testing.assert_close(
                gradient(x), own(gradient(y), rank, world, 0), rtol=0, atol=1e-12
            )

    with counted() as calls:
        loss = plogq.kl_divergence(*(plogq.ShardedLogits(x, axis=0) for x in parts))
    # The last is what the value is made of; backward of scores says nothing.
    assert calls == [*FORWARD, "all_reduce SUM"]
    with counted() as calls:
        loss.backward()
    assert calls == []


def unlike_predictions(rank: int, world: int) -> list[tuple[str, str]]:
    """What is refused, in the same words on every rank."""
    z = torch.zeros(EVENTS, CLASSES)
    part = own(z, rank, world)
    short = part[:, : max(0, part.shape[1] - (rank == 0))]
    return [
        raised(lambda: plogq.kl_divergence(plogq.Logits(z), plogq.ShardedLogits(part))),
        raised(lambda: plogq.kl_divergence(plogq.ShardedLogits(short), plogq.ShardedLogits(part))),
        raised(
            lambda: plogq.js_divergence(
                plogq.ShardedLogits(part), plogq.ShardedLogits(part), weight=0.2 + 0.1 * rank
            )
        ),
    ]
