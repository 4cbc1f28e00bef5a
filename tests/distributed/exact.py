"""Losses and gradients of every target over the ranks, for the oracle to judge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist

import plogq

from .. import makers
from ..bounds import BFLOAT16
from ..on_torch.tensors import array, on_torch, tensor
from .slices import gradient, leaf, own, sliced

Array = npt.NDArray[Any]
Tensor = torch.Tensor

EVENTS, CLASSES = (4,), 5
D_LOSS = (1.0, 0.0, -0.5, 2.0)
DTYPES = ("float64", "float32", "bfloat16")


def dtype_of(name: str) -> Any:
    """NumPy's dtype of this name."""
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


def sharded(q: Any, rank: int, world: int) -> tuple[Any, dict[str, Tensor]]:
    """The same prediction over the ranks, and its leaves by name."""
    if isinstance(q, plogq.LinearLogits):
        leaves = {
            "hidden": leaf(q.hidden),
            "weight": leaf(own(q.weight, rank, world, 0)),
            "bias": None if q.bias is None else leaf(own(q.bias, rank, world, 0)),
        }
        made: Any = plogq.LinearLogits(**leaves, softcap=q.softcap, group=dist.group.WORLD)
        return made, {name: x for name, x in leaves.items() if x is not None}
    local = leaf(own(q.scores, rank, world, q.axis))
    made = plogq.ShardedLogits(local, axis=q.axis, softcap=q.softcap)
    return made, {"scores": local}


# One of each part that a measure can have; the last has two backgrounds.
PARTS = ("plain", "smoothed", "both_weights", "class_weight>smoothed")
TWO_BACKGROUNDS = "smoothed>both_weights>smoothed"


def _pairs() -> Iterator[tuple[str, str]]:
    for name in makers.TARGETS:
        yield name, "Logits"
        if name.partition("-")[2] in (*PARTS, TWO_BACKGROUNDS):
            yield name, "Logits(softcap)"
            yield name, "LinearLogits(bias)"
    yield "Labels-plain", "LinearLogits"
    yield "Labels-smoothed", "LinearLogits(softcap)"


# 16 bits differ in what is read and written, not in how targets are cut: a part of each is enough.
PAIRS = {
    dtype: [(p, q) for p, q in _pairs() if dtype != "bfloat16" or p.partition("-")[2] in PARTS]
    for dtype in DTYPES
}


def made(p: str, q: str, dtype: Any) -> tuple[makers.MadeTarget, makers.MadePrediction]:
    """The same pair of arrays in every process."""
    rng = np.random.default_rng(len(p) * 1000 + sum(map(ord, p + q)))
    return (
        makers.TARGETS[p](rng, EVENTS, CLASSES, dtype),
        makers.PREDICTIONS[q](rng, EVENTS, CLASSES, dtype),
    )


def every_pair(rank: int, world: int) -> dict[Any, Any]:
    """Losses and gradients of every target, each event with its own upstream gradient."""
    found: dict[Any, Any] = {}
    for dtype in DTYPES:
        for p, q in PAIRS[dtype]:
            arrays, prediction = made(p, q, dtype_of(dtype))
            target = on_torch(arrays.target)
            if dtype != "float32":
                # In float32 every rank has the whole rows, in the others its own slice of them.
                target = sliced(target, rank, world)
            over, leaves = sharded(on_torch(prediction.prediction), rank, world)
            losses = plogq.cross_entropy(target, over, reduction="none")
            (losses * torch.tensor(D_LOSS, dtype=losses.dtype)).sum().backward()
            found[p, q, dtype] = (
                array(losses),
                {name: array(gradient(x)) for name, x in leaves.items()},
            )
    return found


def confident_rows(dtype: Any) -> tuple[Array, Array]:
    """Gaps of 1 to 100, ties, equal rows and shifts, and a label on and off the greatest score."""
    rows: list[Array] = []
    labels: list[int] = []
    for gap in (1, 3, 10, 17, 30, 50, 80, 100):
        for top, label in ((0, 0), (4, 4), (2, 0), (0, 4)):
            row = -gap - np.arange(5.0) / 4
            row[top] = 0
            rows.append(row)
            labels.append(label)
    ties = np.array([[5, 1, 5, 0, 5], [3, 3, 3, 3, 3], [0, 9, 9, 0, 0]], dtype=float)
    rows += [*ties, *(ties + 1e4), *(ties - 1e4), *(ties + 1e30)]
    labels += [0, 4, 2] * 4
    return np.array(rows).astype(dtype), np.array(labels)


def confident(rank: int, world: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for dtype in DTYPES:
        z, y = confident_rows(dtype_of(dtype))
        local = leaf(own(tensor(z), rank, world))
        losses = plogq.cross_entropy(
            plogq.Labels(tensor(y)), plogq.ShardedLogits(local), reduction="none"
        )
        losses.sum().backward()
        found[dtype] = array(losses), {"scores": array(gradient(local))}
    return found
