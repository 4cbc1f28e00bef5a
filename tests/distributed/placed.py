"""DTensors on every rank of a world: split on the classes, on the events, on both, or whole."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor

import plogq

from .slices import FORWARD, counted, leaf, raised, unsharded_pair

Tensor = torch.Tensor


def _close(got: Tensor, want: Tensor) -> None:
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-15)


def whole_gradient(x: Any) -> Tensor:
    """The whole gradient of a leaf that is a DTensor."""
    assert isinstance(x.grad, DTensor)
    return x.grad.full_tensor()


def classes(rank: int, world: int) -> None:
    """A DTensor split on the class axis needs no wrapper; 10 classes over 4 ranks are uneven."""
    z, y = unsharded_pair()
    mesh = init_device_mesh("cpu", (world,))
    soft = torch.softmax(z.flip(1), 1)
    weights = torch.linspace(0.25, 2.0, 10, dtype=torch.float64)
    labels = plogq.Labels(y, ignore=-100)
    whole = distribute_tensor(y, mesh, [Replicate()])
    pairs: list[tuple[Any, Any]] = [
        (labels, labels),
        (labels, plogq.Labels(whole, ignore=-100)),
        (
            plogq.Smoothed(plogq.Weighted(labels, class_weight=weights), 0.1),
            plogq.Smoothed(
                plogq.Weighted(
                    plogq.Labels(whole, ignore=-100),
                    class_weight=distribute_tensor(weights, mesh, [Replicate()]),
                ),
                0.1,
            ),
        ),
        (plogq.Probs(soft, axis=1), plogq.Probs(soft, axis=1)),
        (
            plogq.Probs(soft, axis=1),
            plogq.Probs(distribute_tensor(soft, mesh, [Replicate()]), axis=1),
        ),
        (
            plogq.Smoothed(plogq.Probs(soft, axis=1), 0.1),
            plogq.Smoothed(plogq.Probs(distribute_tensor(soft, mesh, [Shard(1)]), axis=1), 0.1),
        ),
    ]
    for unsharded, p in pairs:
        expected = leaf(z)
        want = plogq.cross_entropy(unsharded, plogq.Logits(expected, axis=1, softcap=5.0))
        want.backward()
        for placement in (Shard(1), Shard(-2), Replicate()):
            over = distribute_tensor(z, mesh, [placement]).requires_grad_()
            got = plogq.cross_entropy(
                unsharded if placement.is_replicate() else p,
                plogq.Logits(over, axis=1, softcap=5.0),
            )
            assert type(got) is torch.Tensor
            _close(got, want)
            got.backward()
            assert over.grad is not None
            assert over.grad.placements == over.placements
            _close(whole_gradient(over), expected.grad)
    over = distribute_tensor(z, mesh, [Shard(1)]).requires_grad_()
    with counted() as calls:
        loss = plogq.cross_entropy(labels, plogq.Logits(over, axis=1))
    assert calls == FORWARD
    with counted() as calls:
        loss.backward()
    assert calls == []


def events(rank: int, world: int) -> None:
    """Split on the batch axis every rank has the loss of its own events."""
    mesh = init_device_mesh("cpu", (world,))
    generator = torch.Generator().manual_seed(3)
    z = torch.randn(9, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 4, (9,), generator=generator)
    weight = torch.linspace(0.5, 2.0, 9, dtype=torch.float64)
    expected = leaf(z)
    want = plogq.cross_entropy(
        plogq.Weighted(plogq.Labels(y), sample_weight=weight),
        plogq.Logits(expected),
        reduction="none",
    )
    want.sum().backward()
    over = distribute_tensor(z, mesh, [Shard(0)]).requires_grad_()
    labels, weights = (distribute_tensor(x, mesh, [Shard(0)]) for x in (y, weight))
    here = distribute_tensor(want.detach(), mesh, [Shard(0)]).to_local()
    for p in (
        plogq.Weighted(plogq.Labels(labels), sample_weight=weights),
        plogq.Weighted(plogq.Labels(labels.to_local()), sample_weight=weights.to_local()),
    ):
        over.grad = None
        got = plogq.cross_entropy(p, plogq.Logits(over), reduction="none")
        _close(got, here)
        got.sum().backward()
        _close(whole_gradient(over), expected.grad)
    soft = torch.softmax(z, -1)
    for q in (plogq.LogProbs, plogq.Probs):
        stored = soft if q is plogq.Probs else soft.log()
        got = plogq.cross_entropy(
            plogq.Labels(labels), q(distribute_tensor(stored, mesh, [Shard(0)])), reduction="none"
        )
        whole = plogq.cross_entropy(plogq.Labels(y), q(stored), reduction="none")
        _close(got, distribute_tensor(whole, mesh, [Shard(0)]).to_local())


def both(rank: int, world: int) -> None:
    """A mesh of two dimensions: the events over one, the classes over the other."""
    shape = (2, 2) if world == 4 else (1, 2)
    mesh = init_device_mesh("cpu", shape, mesh_dim_names=("data", "classes"))
    generator = torch.Generator().manual_seed(4)
    z = torch.randn(5, 7, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 7, (5,), generator=generator)
    expected = leaf(z)
    want = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(expected))
    want.backward()
    over = distribute_tensor(z, mesh, [Shard(0), Shard(1)]).requires_grad_()
    labels = distribute_tensor(y, mesh, [Shard(0), Replicate()])
    loss = plogq.cross_entropy(plogq.Labels(labels), plogq.Logits(over), normalizer=5)
    loss.backward()
    total = loss.detach().clone()
    dist.all_reduce(total, group=mesh.get_group("data"))
    _close(total, want.detach())
    _close(whole_gradient(over), expected.grad)


def linear_weights(rank: int, world: int) -> None:
    """A weight split on its first axis, a hidden state that is whole or split on its events."""
    generator = torch.Generator().manual_seed(6)
    h, w, b = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((5, 3), (7, 3), (7,))
    )
    y = torch.randint(0, 7, (5,), generator=generator)
    expected = [leaf(x) for x in (h, w, b)]
    plogq.cross_entropy(
        plogq.Labels(y), plogq.LinearLogits(*expected, softcap=5.0), normalizer=5
    ).backward()
    mesh = init_device_mesh("cpu", (world,))
    weight, bias = (distribute_tensor(x, mesh, [Shard(0)]).requires_grad_() for x in (w, b))
    plain = leaf(h)
    loss = plogq.cross_entropy(
        plogq.Labels(y), plogq.LinearLogits(plain, weight, bias, softcap=5.0), normalizer=5
    )
    loss.backward()
    for got, want in zip(
        (plain.grad, whole_gradient(weight), whole_gradient(bias)), expected, strict=True
    ):
        _close(got, want.grad)
    shape = (2, 2) if world == 4 else (1, 2)
    mesh = init_device_mesh("cpu", shape, mesh_dim_names=("data", "classes"))
    for first in (Shard(0), Replicate()):
        hidden = distribute_tensor(h, mesh, [first, Replicate()]).requires_grad_()
        weight, bias = (
            distribute_tensor(x, mesh, [Replicate(), Shard(0)]).requires_grad_() for x in (w, b)
        )
        labels = distribute_tensor(y, mesh, [first, Replicate()])
        q = plogq.LinearLogits(hidden, weight, bias, softcap=5.0)
        plogq.cross_entropy(plogq.Labels(labels), q, normalizer=5).backward()
        for got, want in zip((hidden, weight, bias), expected, strict=True):
            _close(whole_gradient(got), want.grad)
    # Nothing is split on the classes: every rank has the loss of its own events.
    hidden = distribute_tensor(h, mesh, [Shard(0), Replicate()]).requires_grad_()
    weight = distribute_tensor(w, mesh, [Replicate(), Replicate()]).requires_grad_()
    labels = distribute_tensor(y, mesh, [Shard(0), Replicate()])
    with counted() as calls:
        loss = plogq.cross_entropy(
            plogq.Labels(labels), plogq.LinearLogits(hidden, weight), normalizer=5
        )
    assert calls == []
    loss.backward()
    whole = [leaf(x) for x in (h, w)]
    plogq.cross_entropy(plogq.Labels(y), plogq.LinearLogits(*whole)).backward()
    _close(whole_gradient(hidden), whole[0].grad)
    _close(whole_gradient(weight), whole[1].grad)


def misplaced(rank: int, world: int) -> list[tuple[str, tuple[str, str]]]:
    """Placements that say nothing about classes or events, each with a part of its sentence."""
    z, y = unsharded_pair()
    z, y = z.movedim(1, -1).reshape(6, 10), y.reshape(6)
    line = init_device_mesh("cpu", (world,))
    square = init_device_mesh("cpu", (1, world))
    labels = plogq.Labels(y, ignore=-100)

    def placed(x: Tensor, *placements: Any) -> Any:
        return distribute_tensor(x, line if len(placements) == 1 else square, placements)

    def loss(p: Any, q: Any) -> tuple[str, str]:
        return raised(lambda: plogq.cross_entropy(p, q))

    over = placed(z, Shard(1))
    part = DTensor.from_local(z, line, [Partial()])
    weight, hidden = placed(z.T, Shard(0)), torch.ones(6, 6, dtype=torch.float64)
    sharded = plogq.Labels(placed(y, Shard(0)), ignore=-100)
    whole = plogq.Labels(placed(y, Replicate()), ignore=-100)
    return [
        ("it takes Replicate() and Shard(dim)", loss(labels, plogq.Logits(part))),
        (
            "over 2 dimensions of the mesh",
            loss(labels, plogq.Logits(placed(z, Shard(1), Shard(1)))),
        ),
        ("over ranks Q is scores", loss(labels, plogq.LogProbs(over))),
        ("write Logits(scores)", loss(labels, plogq.ShardedLogits(over))),
        ("P is a DTensor and Logits a plain tensor", loss(whole, plogq.Logits(z))),
        ("does not fit how Q is split", loss(sharded, plogq.Logits(over))),
        (
            "is on another mesh",
            loss(
                plogq.Labels(placed(y, Replicate(), Replicate()), ignore=-100), plogq.Logits(over)
            ),
        ),
        (
            "leave the group out",
            loss(labels, plogq.LinearLogits(hidden, weight, group=dist.group.WORLD)),
        ),
        (
            "beside a plain weight",
            loss(labels, plogq.LinearLogits(placed(hidden, Replicate()), weight.full_tensor())),
        ),
        (
            "split both on their first axis alike",
            loss(
                labels,
                plogq.LinearLogits(hidden, weight, placed(torch.ones(10).double(), Replicate())),
            ),
        ),
        (
            "either the weight is split on its classes",
            loss(labels, plogq.LinearLogits(placed(hidden, Shard(0)), weight)),
        ),
        (
            "either the weight is split on its classes",
            loss(labels, plogq.LinearLogits(hidden, placed(z.T, Shard(1)))),
        ),
    ]
