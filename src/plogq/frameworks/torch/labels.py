"""Labels whose values PyTorch cannot look at now: within the classes, or with the mass NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.library import custom_op

from ...algebra.labels import label_range
from .memory import host
from .modes import transformed
from .operations import weights

Tensor = torch.Tensor


@custom_op("plogq::labels", mutates_args=())
def checked_labels(
    index: Tensor, classes: int, ignore: Sequence[int], weight: Tensor | None
) -> Tensor:
    """The labels as int64, once none of them that weighs something is out of range."""
    index = index.to(torch.int64, copy=True)
    label_range(host, index, classes, ignore, weight)
    return index


@checked_labels.register_fake
def _(index: Tensor, classes: int, ignore: Sequence[int], weight: Tensor | None) -> Tensor:
    return torch.empty_like(index, dtype=torch.int64)


def unread_labels(
    index: Tensor, classes: int, ignore: tuple[int, ...], weight: Any = None
) -> tuple[Tensor, Any]:
    """Labels within [0, classes) and their masses, without a look at their values now.

    A program recorded for the CPU looks at them when it runs, and raises.
    """
    if index.is_cpu and torch.compiler.is_compiling() and not transformed(index):
        known = None if weight is None else weight.detach()
        index = checked_labels(index, classes, ignore, known)
        if not ignore and weight is None:
            return index, None
        kept = (index >= 0) & (index < classes)
        for mark in ignore:
            kept = kept & (index != mark)
        return torch.where(kept, index, 0), kept.to(torch.float64)
    index = index.to(torch.int64)
    inside = (index >= 0) & (index < classes)
    mass = torch.where(inside, 1.0, float("nan")).to(weights(inside).dtype)
    for mark in ignore:
        ignored = index == mark
        mass, inside = torch.where(ignored, 0.0, mass), inside & ~ignored
    return torch.where(inside, index, 0), mass
