"""A loop of Accelerate's that accumulates gradients over batches of unequal length.

`accelerator.backward` divides the loss by the number of batches, and ranks average their gradients.
So the sum of the losses is divided by the labels of all batches and ranks (`normalizer`), and what
Accelerate divides by is multiplied back. One step then is that of all sentences at once.

    python examples/accelerate_loop.py
    torchrun --nproc-per-node 2 examples/accelerate_loop.py
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from accelerate import Accelerator

import plogq

WORDS, FEATURES, SENTENCES, BATCHES, RATE = 500, 16, 32, 4, 0.5
PADDING = -100


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(WORDS, FEATURES)
        self.body = torch.nn.Sequential(torch.nn.Linear(FEATURES, FEATURES), torch.nn.Tanh())
        self.output = torch.nn.Linear(FEATURES, WORDS, bias=False)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """The hidden states. The last layer is left to the loss."""
        return self.body(self.embed(words))


def sentences() -> tuple[torch.Tensor, torch.Tensor]:
    """Words, and the next one of each; sentences are of very different lengths."""
    random = torch.Generator().manual_seed(1)
    words = torch.randint(WORDS, (SENTENCES, 41), generator=random)
    ends = torch.randint(1, 41, (SENTENCES, 1), generator=random)
    return words[:, :-1], words[:, 1:].where(torch.arange(40) < ends, PADDING)


def whole() -> tuple[float, torch.Tensor]:
    """The loss of all sentences at once, in PyTorch's own words, and where a step leads to."""
    model, (words, labels) = Model(), sentences()
    scores = model.output(model(words))
    loss = F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=PADDING)
    loss.backward()
    return loss.item(), model.output.weight.detach() - RATE * model.output.weight.grad


def accumulated(accelerator: Accelerator, counted: bool) -> tuple[float, torch.Tensor]:
    """The same step, cut into batches and shared by the ranks; a mean of means if not counted."""
    model = Model()
    model, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=RATE))
    weight = accelerator.unwrap_model(model).output.weight
    rank, ranks = accelerator.process_index, accelerator.num_processes
    words, labels = (x[rank::ranks].chunk(BATCHES) for x in sentences())
    # The labels of the whole step, on all ranks.
    count = accelerator.reduce(sum(y.ne(PADDING).sum() for y in labels))
    total = torch.zeros(())
    for x, y in zip(words, labels, strict=True):
        with accelerator.accumulate(model):
            loss = plogq.cross_entropy(
                plogq.Labels(y, ignore=PADDING),
                plogq.LinearLogits(model(x), weight),
                normalizer=count if counted else None,
            )
            divided = accelerator.gradient_accumulation_steps * ranks
            accelerator.backward(loss * divided if counted else loss)
            optimizer.step()
            optimizer.zero_grad()
            total += loss.detach() if counted else loss.detach() / divided
    return accelerator.reduce(total).item(), weight.detach().clone()


def main() -> None:
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=BATCHES)
    loss, weight = whole()
    start = Model().output.weight.detach()
    accelerator.print(f"{'all sentences at once':32} {loss:.6f}")
    for name, counted in (("plogq, labels counted", True), ("a mean of means", False)):
        found, stepped = accumulated(accelerator, counted)
        off = ((stepped - weight).norm() / (weight - start).norm()).item()
        accelerator.print(f"{name:32} {found:.6f}\nits step is off by {off:.1e}")
    accelerator.end_training()


if __name__ == "__main__":
    main()
