"""The losses of a script that trains image models, such as timm's `train.py`.

Such a script makes one loss module, and which it is depends on the options: mixup gives soft
targets, smoothing smooths labels. Both are the cross-entropy of another P. A third one is what
timm's script has no option for: every class is smoothed towards classes of its own (timm issue
990). Each stands beside PyTorch's loss of the target written out, events × classes.

    python examples/mixup.py
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

import plogq
from plogq.nn.torch import CrossEntropy

CLASSES, BATCH, STEPS = 10, 128, 5
SMOOTHING = 0.1
# Four fifths are the digit itself; of the rest each has its share with the three that come next.
SHARE, LIKE = 0.2, (0.0, 0.5, 0.3, 0.2)
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Towards(torch.nn.Module):
    """A share of each label is spread as the row of its class says."""

    def __init__(self, share: float, rows: torch.Tensor) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("rows", rows)

    def forward(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        p = plogq.Smoothed(plogq.Labels(labels), self.share, to=self.rows[labels])
        return plogq.cross_entropy(p, plogq.Logits(scores))


def rows() -> torch.Tensor:
    """What each digit is like: a distribution over the classes."""
    first = torch.zeros(CLASSES)
    first[: len(LIKE)] = torch.tensor(LIKE)
    return torch.stack([first.roll(k) for k in range(CLASSES)])


def written_out(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    target = (1 - SHARE) * torch.eye(CLASSES)[labels] + SHARE * rows()[labels]
    return F.cross_entropy(scores, target)


def smoothed(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(scores, labels, label_smoothing=SMOOTHING)


def mixed_up(
    images: torch.Tensor, labels: torch.Tensor, share: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Each image mixed with one from the other end of the batch, and their labels likewise."""
    target = (1 - SMOOTHING) * torch.eye(CLASSES)[labels] + SMOOTHING / CLASSES
    return tuple(share * x + (1 - share) * x.flip(0) for x in (images, target))


def train(loss_of: Loss, mixup: bool = False) -> list[float]:
    """The losses of a few steps from the same start, on the same images."""
    torch.manual_seed(0)
    digits = load_digits()
    images, labels = torch.tensor(digits.data / 16).float(), torch.tensor(digits.target)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, CLASSES)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    shares = torch.distributions.Beta(0.8, 0.8).sample((STEPS,)).tolist()
    seen = []
    for step, share in enumerate(shares):
        at = slice(BATCH * step, BATCH * (step + 1))
        x, target = images[at], labels[at]
        if mixup:
            x, target = mixed_up(x, target, share)
        optimizer.zero_grad()
        loss = loss_of(model(x), target)
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    return seen


if __name__ == "__main__":
    for name, loss_of, mixup in (
        ("PyTorch, mixup", F.cross_entropy, True),
        ("plogq, mixup", CrossEntropy(target="probs"), True),
        ("PyTorch, smoothing", smoothed, False),
        ("plogq, smoothing", CrossEntropy(smoothing=SMOOTHING), False),
        ("PyTorch, written out", written_out, False),
        ("plogq, rows of its own", Towards(SHARE, rows()), False),
    ):
        print(f"{name:32}", " ".join(f"{x:.6f}" for x in train(loss_of, mixup)))
