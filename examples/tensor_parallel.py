"""Tensor parallel as in torchtitan, with the vocabulary split over the ranks, and the loss on it.

`ColwiseParallel` leaves the last layer's scores as a DTensor that is split on the classes: each of
two ranks has 16,000 of 32,000. plogq takes it as it is; no rank ever has the scores of all classes.
Beside it: the scores gathered before F.cross_entropy, and PyTorch's own `loss_parallel`.

    torchrun --nproc-per-node 2 examples/tensor_parallel.py
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
import torch.distributed as dist
import torch.nn.functional as F
from measured import cost, line
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    loss_parallel,
    parallelize_module,
)

import plogq

VOCABULARY, FEATURES, BATCH, LENGTH, STEPS = 32_000, 64, 16, 64, 4
Loss = Callable[[DTensor, torch.Tensor], torch.Tensor]


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tok_embeddings = torch.nn.Embedding(VOCABULARY, FEATURES)
        self.w1 = torch.nn.Linear(FEATURES, 4 * FEATURES)
        self.w2 = torch.nn.Linear(4 * FEATURES, FEATURES)
        self.output = torch.nn.Linear(FEATURES, VOCABULARY, bias=False)

    def forward(self, tokens: torch.Tensor) -> DTensor:
        x = self.tok_embeddings(tokens)
        return self.output(x + self.w2(F.silu(self.w1(x))))


def parallel_model() -> Model:
    torch.manual_seed(0)  # the same on every rank
    mesh = init_device_mesh("cpu", (dist.get_world_size(),), mesh_dim_names=("tp",))
    plan = {
        "tok_embeddings": RowwiseParallel(input_layouts=Replicate()),
        "w1": ColwiseParallel(),
        "w2": RowwiseParallel(),
        "output": ColwiseParallel(output_layouts=Shard(-1), use_local_output=False),
    }
    return parallelize_module(Model(), mesh, plan)


def gathered(scores: DTensor, labels: torch.Tensor) -> torch.Tensor:
    loss = F.cross_entropy(scores.full_tensor().flatten(0, 1), labels.flatten())
    loss.backward()
    return loss


def in_parallel(scores: DTensor, labels: torch.Tensor) -> torch.Tensor:
    with loss_parallel():
        loss = F.cross_entropy(scores.flatten(0, 1), labels.flatten())
        loss.backward()
    return loss.full_tensor()


def with_plogq(scores: DTensor, labels: torch.Tensor) -> torch.Tensor:
    loss = plogq.cross_entropy(plogq.Labels(labels), plogq.Logits(scores))
    loss.backward()
    return loss


def train(loss_of: Loss, tokens: torch.Tensor, labels: torch.Tensor) -> tuple[Model, list[float]]:
    """The losses of a few steps from the same start."""
    model = parallel_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, foreach=False)
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        found.append(loss_of(model(tokens), labels).item())
        optimizer.step()
    return model, found


def say(*words: str) -> None:
    if dist.get_rank() == 0:
        print(*words, sep="\n")


if __name__ == "__main__":
    # torchrun gives PyTorch one thread a rank, and plogq is not to take more.
    os.environ.setdefault("PLOGQ_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    dist.init_process_group("gloo")
    losses = {
        "gathered, F.cross_entropy": gathered,
        "loss_parallel, F.cross_entropy": in_parallel,
        "plogq, Logits of the DTensor": with_plogq,
    }
    torch.manual_seed(1)  # the same tokens on every rank
    tokens = torch.randint(0, VOCABULARY, (BATCH, LENGTH))
    labels = (tokens * 7 + 1) % 1000
    costs = []
    for name, loss_of in losses.items():
        model, found = train(loss_of, tokens, labels)
        say(f"{name:32} " + " ".join(f"{x:.6f}" for x in found))

        def step(model: Model = model, loss_of: Loss = loss_of) -> None:
            loss_of(model(tokens), labels)
            model.zero_grad()

        costs.append(line(name, *cost(step)))
    say(f"\na training step, {BATCH * LENGTH} tokens × {VOCABULARY} classes, rank 0:", *costs)
    dist.barrier()  # none leaves while another still reads from it
    dist.destroy_process_group()
