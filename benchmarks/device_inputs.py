"""Seeded inputs made on the device itself, and the exact loss and gradient of each in float64."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F

from . import device as clocks

Tensor = torch.Tensor

_SEED = 20240229
_BLOCK = 1 << 26  # elements in float64 at a time


@cache
def scores(shape: tuple[int, int], dtype: str, device: str) -> Tensor:
    """Logits 4 · N(0, 1)."""
    return _normal(shape, dtype, device, 0).mul_(4)


@cache
def labels(events: int, classes: int, device: str) -> Tensor:
    g = torch.Generator(device).manual_seed(_SEED + 1)
    return torch.randint(0, classes, (events,), generator=g, device=device)


@cache
def weight(shape: tuple[int, int, int], dtype: str, device: str) -> Tensor:
    """N(0, 1), [classes, features]."""
    _, features, classes = shape
    return _normal((classes, features), dtype, device, 2)


@cache
def hidden(shape: tuple[int, int, int], dtype: str, device: str) -> Tensor:
    """Scores as sharp as a trained model's: 20.5 / D · weight_y + 2.25 / √D · N(0, 1).

    At the shapes of the real models the right class has a probability between 0.96 and 0.99 in the
    mean, and between two and seven classes an event have one above 2⁻¹².
    """
    events, features, classes = shape
    right = weight(shape, dtype, device)[labels(events, classes, device)].float()
    noise = _normal((events, features), "float32", device, 3)
    made = right.mul_(20.5 / features).add_(noise, alpha=2.25 / features**0.5)
    return made.to(getattr(torch, dtype))


def _normal(shape: tuple[int, int], dtype: str, device: str, stream: int) -> Tensor:
    g = torch.Generator(device).manual_seed(_SEED + stream)
    return torch.randn(shape, generator=g, device=device, dtype=getattr(torch, dtype))


def exact(shape: tuple[int, int], dtype: str, device: str) -> float:
    """The mean loss of `scores`."""
    x, y = scores(shape, dtype, device).detach(), labels(*shape, device)
    rows = max(1, _BLOCK // shape[1])
    blocks = zip(x.split(rows), y.split(rows), strict=True)
    total = sum(float(F.cross_entropy(a.double(), b, reduction="sum")) for a, b in blocks)
    return total / len(x)


@cache
def exact_linear(shape: tuple[int, int, int], dtype: str, device: str) -> tuple[float, Tensor]:
    """The mean loss of `hidden` and `weight`, and the gradient of the weight, kept in float32."""
    h, y = hidden(shape, dtype, device).detach(), labels(shape[0], shape[2], device)
    w = weight(shape, dtype, device).detach().double()
    total, gradient = 0.0, torch.zeros_like(w)
    rows = max(1, _BLOCK // shape[2])
    for a, b in zip(h.double().split(rows), y.split(rows), strict=True):
        p = a @ w.T
        picked = p.gather(1, b[:, None])
        log_z = p.logsumexp(1, keepdim=True)
        total += float((log_z - picked).sum())
        p.sub_(log_z).exp_().scatter_add_(1, b[:, None], -torch.ones_like(picked))
        gradient.addmm_(p.T, a)
    return total / len(h), gradient.div_(len(h)).float()


def weight_error(
    shape: tuple[int, int, int], dtype: str, device: str, gradients: tuple[Tensor, Tensor]
) -> float:
    """‖g - exact‖ / ‖exact‖ of the weight's gradient."""
    truth = exact_linear(shape, dtype, device)[1]
    rows = max(1, _BLOCK // shape[1])
    off = size = 0.0
    for g, t in zip(gradients[1].split(rows), truth.split(rows), strict=True):
        off += float((g.double() - t).square().sum())
        size += float(t.double().square().sum())
    return (off / size) ** 0.5


def forget() -> None:
    """Let go of every input, between cases."""
    for made in (scores, labels, weight, hidden, exact_linear):
        made.cache_clear()
    clocks.forget()
