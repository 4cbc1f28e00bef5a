"""A rank that dies, or that never comes: the others get an error, and do not wait for ever."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

import plogq

from .slices import leaf, own, raised

# What the ranks of these cases wait for one another at most.
SECONDS = 4.0
Said = tuple[str, str, float]


def _timed(call: Callable[[], Any]) -> Said:
    begin = time.monotonic()
    return *raised(call), time.monotonic() - begin


def _loss() -> torch.Tensor:
    labels = plogq.Labels(torch.tensor([0, 1]))
    return plogq.cross_entropy(labels, plogq.ShardedLogits(torch.ones(2, 2)))


def before_the_loss(rank: int, world: int) -> Said:
    if rank == 1:
        os._exit(1)
    return _timed(_loss)


def never_comes(rank: int, world: int) -> Said:
    if rank == 1:
        time.sleep(SECONDS + 1.0)
        return "", "", 0.0
    return _timed(_loss)


def before_backward(rank: int, world: int) -> Said:
    hidden = leaf(torch.ones(2, 3))
    weight = own(torch.ones(5, 3), rank, world, 0)
    q = plogq.LinearLogits(hidden, weight, group=dist.group.WORLD)
    loss = plogq.cross_entropy(plogq.Labels(torch.tensor([0, 4])), q)
    if rank == 1:
        os._exit(1)
    return _timed(loss.backward)
