"""The loss of a LightningModule, with F.cross_entropy and with plogq.

`forward` returns the hidden states, and the last layer's weight goes to the loss with them: the
scores of 32,000 tokens are never all in memory. Everything else about the module stays as it was.

    python examples/lightning_module.py
"""

from __future__ import annotations

import pytorch_lightning as lightning  # or: import lightning
import torch
import torch.nn.functional as F
from measured import cost, line
from torch.utils.data import DataLoader, TensorDataset

import plogq

VOCABULARY, FEATURES, BATCH, LENGTH = 32_000, 64, 32, 32
PADDING = -100


class Before(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(VOCABULARY, FEATURES)
        self.body = torch.nn.Sequential(torch.nn.Linear(FEATURES, FEATURES), torch.nn.Tanh())
        self.output = torch.nn.Linear(FEATURES, VOCABULARY)
        self.seen: list[float] = []

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.body(self.embed(tokens))

    def loss(self, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        scores = self.output(hidden)
        return F.cross_entropy(scores.flatten(0, 1), labels.flatten(), ignore_index=PADDING)

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        tokens, labels = batch
        loss = self.loss(self(tokens), labels)
        self.seen.append(loss.item())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-2)


class After(Before):
    def loss(self, hidden: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        scores = plogq.LinearLogits(hidden, self.output.weight, self.output.bias)
        return plogq.cross_entropy(plogq.Labels(labels, ignore=PADDING), scores)


def sentences(count: int) -> TensorDataset:
    """Made-up sentences of different lengths, in which each token decides the next one."""
    torch.manual_seed(0)
    tokens = [torch.randint(0, 1000, (count,))]
    for _ in range(LENGTH):
        tokens.append((tokens[-1] * 7 + 1) % 1000)
    text = torch.stack(tokens, dim=1)
    labels = text[:, 1:].clone()
    ends = torch.randint(LENGTH // 2, LENGTH, (count, 1))
    labels[torch.arange(LENGTH) >= ends] = PADDING
    return TensorDataset(text[:, :-1].contiguous(), labels)


def train(kind: type[Before], data: TensorDataset) -> Before:
    lightning.seed_everything(0, verbose=False)
    module = kind()
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(data, batch_size=BATCH))
    return module


if __name__ == "__main__":
    data = sentences(5 * BATCH)
    batch = list(data[:BATCH])
    costs = []
    for name, kind in {"F.cross_entropy": Before, "plogq, LinearLogits": After}.items():
        module = train(kind, data)
        print(f"{name:32}", " ".join(f"{x:.6f}" for x in module.seen))
        module.zero_grad()

        def step(module: Before = module) -> None:
            module.training_step(batch, 0).backward()
            module.zero_grad()

        costs.append(line(name, *cost(step)))
    print(f"\na training step, {BATCH * LENGTH} tokens × {VOCABULARY} classes:", *costs, sep="\n")
