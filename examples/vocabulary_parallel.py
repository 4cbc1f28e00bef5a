"""A tiny language model whose vocabulary is split over the ranks, against one process alone.

Each rank has its own rows of the last layer's weight, which need not be equally many; the rest of
the model is the same on every rank. No rank ever has the scores of all words.

    torchrun --nproc-per-node 2 examples/vocabulary_parallel.py
"""

from __future__ import annotations

import torch
import torch.distributed as dist

import plogq

WORDS, FEATURES, SENTENCES, LENGTH, STEPS, RATE = 101, 16, 8, 12, 5, 1.0
PADDING = -100


class Model(torch.nn.Module):
    """Embedding, one hidden layer, and the rows of the last layer's weight that it is given."""

    def __init__(self, rows: slice) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(WORDS, FEATURES)
        self.layer = torch.nn.Linear(FEATURES, FEATURES)
        self.weight = torch.nn.Parameter(torch.randn(WORDS, FEATURES)[rows].clone())
        self.bias = torch.nn.Parameter(torch.zeros(WORDS)[rows].clone())

    def hidden(self, words: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layer(self.embedding(words)))


def target(words: torch.Tensor) -> plogq.Smoothed:
    """The next word, smoothed; sentences are padded, and the padding is ignored."""
    following = torch.roll(words, -1, 1)
    following[:, -1] = PADDING
    following[0, 5:] = PADDING
    return plogq.Smoothed(plogq.Labels(following, ignore=PADDING), 0.1)


def train(rows: slice, group: object | None, linear: bool) -> list[float]:
    """The losses of a few steps; without a group this process has all rows."""
    model = Model(rows)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    words = torch.randint(WORDS, (SENTENCES, LENGTH), generator=torch.Generator().manual_seed(1))
    losses: list[float] = []
    for _ in range(STEPS):
        hidden = model.hidden(words)
        if linear:
            q = plogq.LinearLogits(hidden, model.weight, model.bias, group=group)
        else:
            shared = hidden if group is None else SumGradient.apply(hidden, group)
            scores = torch.nn.functional.linear(shared, model.weight, model.bias)
            q = plogq.Logits(scores) if group is None else plogq.ShardedLogits(scores, group)
        loss = plogq.cross_entropy(target(words), q, z_loss=1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


class SumGradient(torch.autograd.Function):
    """The hidden state as it is; every rank's scores give a part of its gradient."""

    @staticmethod
    def forward(ctx: object, hidden: torch.Tensor, group: object) -> torch.Tensor:
        ctx.group = group
        return hidden.view_as(hidden)

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient, group=ctx.group)
        return gradient, None


def line(name: str, losses: list[float]) -> str:
    return f"{name:<16}" + " ".join(f"{x:.6f}" for x in losses)


def main() -> None:
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    rows = slice(WORDS * rank // world, WORDS * (rank + 1) // world)
    group = dist.group.WORLD
    alone = train(slice(0, WORDS), None, linear=False)
    found = {
        "ShardedLogits": train(rows, group, linear=False),
        "LinearLogits": train(rows, group, linear=True),
    }
    for name, losses in found.items():
        torch.testing.assert_close(losses, alone, rtol=1e-5, atol=0.0, msg=name)
    assert alone == sorted(alone, reverse=True), "the loss falls"
    if rank == 0:
        print(f"{WORDS} words over {world} ranks, {rows.stop - rows.start} of them here")
        print(line("one process", alone))
        for name, losses in found.items():
            print(line(name, losses))
        print("the same on every rank, to 5 digits of every loss")
    dist.barrier()  # none leaves while another still reads from it
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
