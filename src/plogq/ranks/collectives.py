"""What the ranks of a group tell one another, in PyTorch's collectives.

One gather of a few integers per rank, in which all of them find out about a disagreement; one
maximum; one sum. Nothing here raises on one rank alone once the ranks have begun to talk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed

from ..errors import PlogqError

Tensor = torch.Tensor
dist: Any = torch.distributed

_MIX = 0x9E3779B97F4A7C15 - (1 << 64)  # 2⁶⁴ over the golden ratio, as a signed number


def member(group: Any) -> Any:
    """The group itself, None for the default one.

    Raises:
        PlogqError: there is no group yet, or this process is not in it.
    """
    if not dist.is_available() or not dist.is_initialized():
        raise PlogqError(
            "scores that are split over ranks need a process group: start the program with "
            "torchrun and call torch.distributed.init_process_group() first; in one process "
            "write Logits(scores)"
        )
    group = dist.group.WORLD if group is None else group
    if dist.get_rank(group) < 0:
        raise PlogqError(
            "this process is not a rank of the group that the scores are split over; call it only "
            "on the ranks of the group"
        )
    return group


def rank(group: Any) -> int:
    """This process's place in the group."""
    return dist.get_rank(group)


def recording(*arrays: Any) -> bool:
    """Whether a gradient with respect to one of these would be asked for."""
    return torch.is_grad_enabled() and any(
        isinstance(x, torch.Tensor) and x.requires_grad for x in arrays
    )


def fold(arrays: Sequence[Tensor]) -> Tensor:
    """One integer for the values and places of all entries: other labels, another integer."""
    total = torch.zeros((), dtype=torch.int64)
    for x in arrays:
        flat = x.detach().reshape(-1)
        wide = flat.double().view(torch.int64) if flat.is_floating_point() else flat.long()
        place = torch.arange(1, len(wide) + 1, device=wide.device)
        total = total.to(wide.device) * _MIX + ((wide ^ (wide >> 29)) * (place * _MIX | 1)).sum()
    return total


def gather(facts: Sequence[Any], like: Tensor, group: Any) -> list[list[int]]:
    """The facts of every rank, in rank order; each is an integer or a tensor that holds one."""
    row = torch.stack([torch.as_tensor(x, dtype=torch.int64).to(like.device) for x in facts])
    found = [torch.empty_like(row) for _ in range(dist.get_world_size(group))]
    dist.all_gather(found, row, group=group)
    told: Any = torch.stack(found)
    return told.tolist()


def sentences(said: tuple[str, str] | None, group: Any) -> list[tuple[str, str] | None]:
    """What every rank has to say, in rank order: the name of an error and its message."""
    found: list[Any] = [None] * dist.get_world_size(group)
    dist.all_gather_object(found, said, group=group)
    return found


def greatest(x: Tensor, refused: bool, group: Any) -> tuple[Tensor, bool]:
    """The greatest x per event, which is no NaN, and whether any rank has refused its input."""
    flag = torch.full((1,), float(refused), dtype=x.dtype, device=x.device)
    packed = torch.cat([x.reshape(-1), flag])
    dist.all_reduce(packed, dist.ReduceOp.MAX, group=group)
    return packed[:-1].reshape(x.shape), bool(packed[-1])


def sums(rows: Sequence[Tensor], group: Any) -> tuple[Tensor, ...]:
    """The sum over the ranks of each of these, which are of one shape, in one step."""
    packed = torch.stack([x.contiguous() for x in rows])
    if packed.numel():
        dist.all_reduce(packed, dist.ReduceOp.SUM, group=group)
    return packed.unbind()


def sum_over(x: Tensor, group: Any) -> Tensor:
    """The sum of x over the ranks, in x's own memory."""
    if x.numel():
        dist.all_reduce(x, dist.ReduceOp.SUM, group=group)
    return x


def partial() -> Any:
    """The placement of a gradient of which every rank has a summand."""
    from torch.distributed.tensor import Partial

    return Partial()
