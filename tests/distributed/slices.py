"""What the cases share: slices of the classes, leaves, and what is called or raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

import plogq

Tensor = torch.Tensor


def bounds_of(rank: int, world: int, classes: int) -> tuple[int, int]:
    """This rank's classes: slices of different sizes, the second of four empty."""
    sizes = {1: (5,), 2: (2, 3), 4: (2, 0, 1, 2)}[world]
    whole = classes // 5
    assert whole * 5 == classes
    start = sum(sizes[:rank]) * whole
    return start, start + sizes[rank] * whole


def own(x: Tensor, rank: int, world: int, axis: int = -1) -> Tensor:
    """This rank's slice of x along the classes."""
    start, stop = bounds_of(rank, world, x.shape[axis])
    return x.narrow(axis, start, stop - start)


def sliced(p: Any, rank: int, world: int) -> Any:
    """The same target, its dense probabilities cut to this rank's classes."""
    if isinstance(p, plogq.Smoothed):
        return plogq.Smoothed(sliced(p.target, rank, world), p.epsilon)
    if isinstance(p, plogq.Weighted):
        return plogq.Weighted(
            sliced(p.target, rank, world),
            sample_weight=p.sample_weight,
            class_weight=p.class_weight,
        )
    return plogq.Probs(own(p.probs, rank, world)) if isinstance(p, plogq.Probs) else p


def leaf(x: Tensor) -> Tensor:
    """A copy that gradients are asked of."""
    return x.detach().clone().requires_grad_()


def gradient(x: Tensor) -> Tensor:
    """The gradient of a leaf."""
    assert x.grad is not None
    assert x.grad.shape == x.shape
    return x.grad


def raised(call: Callable[[], Any]) -> tuple[str, str]:
    """The name and the message of what a call raises."""
    try:
        call()
    except Exception as error:
        return type(error).__name__, str(error)
    return "nothing", ""


@contextmanager
def counted() -> Iterator[list[str]]:
    """The collectives of torch.distributed that are called in this block, in order."""
    calls: list[str] = []
    names = [
        name
        for name in (
            *("all_reduce", "all_gather", "all_gather_into_tensor", "all_gather_object"),
            *("broadcast", "reduce", "gather", "scatter", "all_to_all", "reduce_scatter"),
            *("reduce_scatter_tensor", "broadcast_object_list", "barrier", "send", "recv"),
        )
        if hasattr(dist, name)
    ]
    kept = {n: getattr(dist, n) for n in names}

    def wrap(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            op = next((a for a in arguments if isinstance(a, dist.ReduceOp.RedOpType)), None)
            calls.append(name if op is None else f"{name} {op.name}")
            return kept[name](*arguments, **options)

        return call

    for name in names:
        setattr(dist, name, wrap(name))
    try:
        yield calls
    finally:
        for name in names:
            setattr(dist, name, kept[name])


FORWARD = ["all_gather", "all_reduce MAX", "all_reduce SUM"]


def unsharded_pair(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Scores [2, 10, 3] with the classes on axis 1, and labels of which one is ignored."""
    generator = torch.Generator().manual_seed(11)
    z = 3 * torch.randn(2, 10, 3, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 10, (2, 3), generator=generator)
    y[1, 1] = -100
    return z.to(dtype), y
