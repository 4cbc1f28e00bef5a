"""A plain training loop over a vocabulary, with F.cross_entropy and with plogq.

A tiny model learns which token comes next. Its last layer makes a score for each of 32,000 tokens,
and those scores are the memory of the step. plogq takes the hidden states and the weight instead:
the loss and the gradients are the same, and the scores are never all there at once.

    python examples/plain_loop.py
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from measured import cost, line

import plogq

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
VOCABULARY, FEATURES, TOKENS, STEPS = 32_000, 64, 1024, 5


def before(hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(F.linear(hidden, weight), labels)


def after(hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return plogq.cross_entropy(plogq.Labels(labels), plogq.LinearLogits(hidden, weight))


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(VOCABULARY, FEATURES)
        self.body = torch.nn.Sequential(torch.nn.Linear(FEATURES, FEATURES), torch.nn.Tanh())
        self.output = torch.nn.Linear(FEATURES, VOCABULARY, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The hidden states. The last layer is left to the loss."""
        return self.body(self.embed(tokens))


def train(loss_of: Loss) -> list[float]:
    """The losses of a few steps from the same start, on the same tokens."""
    torch.manual_seed(0)
    tokens = torch.randint(0, VOCABULARY, (TOKENS,))
    labels = (tokens * 7 + 1) % 1000  # what comes next, in this made-up language
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model(tokens), model.output.weight, labels)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def loss_step(loss_of: Loss) -> Callable[[], None]:
    """The last layer and the loss, forward and backward."""
    torch.manual_seed(1)
    hidden = torch.randn(TOKENS, FEATURES, requires_grad=True)
    weight = torch.randn(VOCABULARY, FEATURES, requires_grad=True)
    labels = torch.randint(0, VOCABULARY, (TOKENS,))

    def step() -> None:
        loss_of(hidden, weight, labels).backward()
        hidden.grad = weight.grad = None

    return step


if __name__ == "__main__":
    names = {"F.cross_entropy": before, "plogq, LinearLogits": after}
    for name, loss_of in names.items():
        print(f"{name:32}", " ".join(f"{x:.6f}" for x in train(loss_of)))
    print(f"\nlast layer and loss, {TOKENS} tokens × {VOCABULARY} classes, forward and backward:")
    for name, loss_of in names.items():
        print(line(name, *cost(loss_step(loss_of))))
