"""One rank with one thread, told over its standard input what to do: `python -m benchmarks.rank`.

"step" runs the loss and backward() of its slice of the classes and prints the seconds, after all
ranks have met; "memory" prints the bytes of the slice and what a step adds to them.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter
from typing import Any

os.environ["PLOGQ_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import torch
import torch.distributed as dist

import plogq

from . import inputs
from .memory import added
from .peers.torch_nn import tensor


def _slice(rank: int, world: int, events: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    whole = tensor(inputs.scores((events, classes)))
    local = whole.tensor_split(world, dim=1)[rank].contiguous().clone().requires_grad_()
    labels = tensor(inputs.labels(events, classes)).clone()
    inputs.forget()
    return local, labels


def main(rank: int, world: int, events: int, classes: int, store: str) -> None:
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group(
            "gloo", store=dist.FileStore(store, world), rank=rank, world_size=world
        )
    local, labels = _slice(rank, world, events, classes)

    def step() -> None:
        q: Any = plogq.ShardedLogits(local) if world > 1 else plogq.Logits(local)
        plogq.cross_entropy(plogq.Labels(labels), q).backward()
        local.grad = None

    for line in sys.stdin:
        if line.strip() == "memory":
            print(local.nbytes + added(step), flush=True)
            continue
        if world > 1:
            dist.barrier()
        start = perf_counter()
        step()
        print(perf_counter() - start, flush=True)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    *numbers, place = sys.argv[1:]
    main(*map(int, numbers), place)
