"""A model whose loss takes its softmax twice, for the picture of `plogq lint`; nothing runs it."""

import torch
from torch import nn

model = nn.Sequential(nn.Linear(64, 10), nn.Softmax(dim=-1))
loss = nn.CrossEntropyLoss()


def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return loss(model(x), y)
