"""Reductions, normalizers, groups and what else takes scores over ranks, against one rank."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

import plogq

from .slices import FORWARD, counted, gradient, leaf, own, raised, unsharded_pair


def reductions(rank: int, world: int) -> None:
    """Every reduction, with z-loss, on an axis in the middle of strided memory."""
    z, y = unsharded_pair()
    weights = torch.linspace(0.25, 2.0, 10, dtype=torch.float64)
    p = plogq.Smoothed(plogq.Weighted(plogq.Labels(y, ignore=-100), class_weight=weights), 0.1)
    options: list[dict[str, Any]] = [
        {"reduction": r} for r in ("mean", "sum", "none", "sum_over_batch_size")
    ]
    options += [{"normalizer": 3.5}, {"normalizer": torch.tensor(7.0, dtype=torch.float64)}]
    for option in options:
        for z_loss in (0.0, 0.25):
            expected, local = leaf(z), leaf(own(z, rank, world, 1))
            want = plogq.cross_entropy(
                p, plogq.Logits(expected, axis=1, softcap=5.0), z_loss=z_loss, **option
            )
            view = local.transpose(0, 2).contiguous().transpose(0, 2)
            got = plogq.cross_entropy(
                p, plogq.ShardedLogits(view, axis=1, softcap=5.0), z_loss=z_loss, **option
            )
            torch.testing.assert_close(got, want, rtol=1e-14, atol=0.0)
            want.sum().backward()
            got.sum().backward()
            torch.testing.assert_close(
                gradient(local), own(gradient(expected), rank, world, 1), rtol=1e-12, atol=1e-16
            )


def ignored_and_empty(rank: int, world: int) -> None:
    """Nothing counts: the mean is 0, and so is its gradient."""
    z, _ = unsharded_pair()
    for events in (0, 4):
        local = leaf(own(z.reshape(-1, 10)[:events], rank, world))
        p = plogq.Labels(torch.full((events,), -100), ignore=-100)
        loss = plogq.cross_entropy(p, plogq.ShardedLogits(local))
        assert loss.item() == 0.0
        loss.backward()
        assert not gradient(local).any()


def other_functions(rank: int, world: int) -> None:
    """value_and_grad, log_normalizer, kl_divergence and explain."""
    z, y = unsharded_pair()
    p = plogq.Smoothed(plogq.Labels(y, ignore=-100), 0.1)
    whole, over = plogq.Logits(z, axis=1), plogq.ShardedLogits(own(z, rank, world, 1), axis=1)
    for z_loss in (0.0, 0.5):
        want, slope = plogq.value_and_grad(p, whole, z_loss=z_loss)
        got, own_slope = plogq.value_and_grad(p, over, z_loss=z_loss)
        assert type(own_slope) is plogq.ShardedLogits
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(own_slope.local, own(slope.scores, rank, world, 1))
    torch.testing.assert_close(plogq.log_normalizer(over), plogq.log_normalizer(whole))
    torch.testing.assert_close(plogq.kl_divergence(p, over), plogq.kl_divergence(p, whole))
    soft = plogq.Probs(torch.softmax(z.flip(1), 1), axis=1)
    torch.testing.assert_close(plogq.kl_divergence(soft, over), plogq.kl_divergence(soft, whole))
    assert str(plogq.explain(p, over)).endswith("cpu: sharded")
    h = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    w = torch.randn(10, 3, generator=torch.Generator().manual_seed(2))
    labels = plogq.Labels(torch.tensor([1, 9, 4, 0]))
    local = plogq.LinearLogits(h, own(w, rank, world, 0), group=dist.group.WORLD)
    want, slope = plogq.value_and_grad(labels, plogq.LinearLogits(h, w), z_loss=0.5)
    got, own_slope = plogq.value_and_grad(labels, local, z_loss=0.5)
    torch.testing.assert_close(got, want)
    torch.testing.assert_close(own_slope.hidden, slope.hidden)
    torch.testing.assert_close(own_slope.weight, own(slope.weight, rank, world, 0))


def linear(rank: int, world: int) -> None:
    """Events on two axes, every option, classes that padding rules out, and 16 bits."""
    generator = torch.Generator().manual_seed(9)
    h, w, b = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((2, 3, 4), (10, 4), (10,))
    )
    y = torch.randint(0, 6, (2, 3), generator=generator)
    y[0, 1] = -100
    # The last four of ten classes are padding: all that the last of four ranks has.
    b[6:] = -torch.inf
    labels = plogq.Labels(y, ignore=-100)
    soft = plogq.Probs(torch.nn.functional.pad(torch.softmax(h @ w[:6].T, -1), (0, 4)))
    class_weight, each = torch.linspace(0.5, 2.0, 10), torch.linspace(0.25, 1.5, 6).reshape(2, 3)
    targets = (
        labels,
        plogq.Weighted(labels, sample_weight=each, class_weight=class_weight),
        plogq.Weighted(soft, class_weight=class_weight),
    )
    for dtype in (torch.float64, torch.bfloat16):
        # What 16 bits hold, computed in 64, is what their gradient is held against.
        narrow = [x.to(dtype) for x in (h, w, b)]
        for p in targets:
            expected = [leaf(x.double()) for x in narrow]
            leaves = [leaf(narrow[0]), *(leaf(own(x, rank, world, 0)) for x in narrow[1:])]
            want = plogq.cross_entropy(p, plogq.LinearLogits(*expected), z_loss=0.125)
            q = plogq.LinearLogits(*leaves, group=dist.group.WORLD)
            got = plogq.cross_entropy(p, q, z_loss=0.125)
            rtol = 1e-13 if dtype is torch.float64 else 1e-5
            torch.testing.assert_close(got, want.to(got.dtype), rtol=rtol, atol=0.0)
            want.backward()
            got.backward()
            # One rounding to the type of the input, after the sum over the ranks.
            rtol, atol = (1e-12, 1e-15) if dtype is torch.float64 else (2.0**-8, 1e-6)
            for x, whole in zip(leaves, expected, strict=True):
                part = gradient(whole)
                part = part if x is leaves[0] else own(part, rank, world, 0)
                torch.testing.assert_close(gradient(x).double(), part, rtol=rtol, atol=atol)


def collectives(rank: int, world: int) -> None:
    """One maximum and one sum forward, and backward only the gradient of a shared hidden state."""
    z, y = unsharded_pair(torch.float32)
    soft = plogq.Probs(own(torch.softmax(z, 1), rank, world, 1), axis=1)
    weights = torch.linspace(0.25, 2.0, 10)
    targets = [
        plogq.Labels(y, ignore=-100),
        plogq.Weighted(plogq.Smoothed(plogq.Labels(y, ignore=-100), 0.1), class_weight=weights),
        soft,
        plogq.Smoothed(plogq.Weighted(plogq.Smoothed(soft, 0.5), class_weight=weights), 0.1),
    ]
    for p in targets:
        for options in ({}, {"reduction": "none"}, {"z_loss": 0.1}):
            local = leaf(own(z, rank, world, 1))
            with counted() as calls:
                loss = plogq.cross_entropy(
                    p, plogq.ShardedLogits(local, axis=1, softcap=5.0), **options
                )
            assert calls == FORWARD, calls
            with counted() as calls:
                loss.sum().backward()
            assert calls == [], calls
    for asked, backward in ((True, ["all_reduce SUM"]), (False, [])):
        hidden = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
        weight = leaf(torch.randn(rank + 1, 3))
        q = plogq.LinearLogits(hidden.requires_grad_(asked), weight, group=dist.group.WORLD)
        with counted() as calls:
            loss = plogq.cross_entropy(plogq.Labels(torch.tensor([0, 1, 2, 0])), q)
        assert calls == FORWARD, calls
        with counted() as calls:
            loss.backward()
        assert calls == backward, calls


def subgroups(rank: int, world: int) -> None:
    """Pairs of ranks share the classes, and the pairs have different events: ragged batches.

    The normalizer is the mass of all events, counted over the pairs, so that the gradients add up
    to those of one large batch.
    """
    pairs = [dist.new_group([r, r + 1]) for r in range(0, world, 2)]
    group, pair, place = pairs[rank // 2], rank // 2, rank % 2
    generator = torch.Generator().manual_seed(5)
    z = torch.randn(7, 6, generator=generator, dtype=torch.float64)
    y = torch.tensor([0, 5, -1, 3, 3, -1, 2])
    here = slice(0, 5) if pair == 0 else slice(5, 7)
    classes = slice(0, 2) if place == 0 else slice(2, 6)
    mass = (y[here] != -1).sum().double()
    counted_mass = mass.clone() if place == 0 else torch.zeros_like(mass)
    dist.all_reduce(counted_mass)
    local = leaf(z[here, classes])
    loss = plogq.cross_entropy(
        plogq.Labels(y[here], ignore=-1),
        plogq.ShardedLogits(local, group),
        normalizer=counted_mass,
    )
    loss.backward()
    total = loss.detach() if place == 0 else torch.zeros_like(loss)
    dist.all_reduce(total)
    whole = z if world == 4 else z[here]
    labels = y if world == 4 else y[here]
    expected = leaf(whole)
    want = plogq.cross_entropy(plogq.Labels(labels, ignore=-1), plogq.Logits(expected))
    want.backward()
    torch.testing.assert_close(total, want.detach(), rtol=1e-14, atol=0.0)
    grad = gradient(expected)[here] if world == 4 else gradient(expected)
    torch.testing.assert_close(gradient(local), grad[:, classes], rtol=1e-12, atol=1e-16)
    outside = dist.new_group([0])
    if rank > 0:
        name, text = raised(
            lambda: plogq.cross_entropy(
                plogq.Labels(y), plogq.ShardedLogits(local.detach(), outside)
            )
        )
        assert name == "PlogqError"
        assert "not a rank of the group" in text
