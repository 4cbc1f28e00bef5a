"""What each rank of a world runs: its own classes, by the kernels in Triton."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq.ranks import kernel as sharded

from ..distributed import exact
from ..distributed.slices import gradient
from ..on_torch.tensors import array, on_torch
from . import interpreter
from .device import put_first

PAIRS = [
    ("Labels-plain", "Logits"),
    ("Probs-class_weight>smoothed", "Logits(softcap)"),
    ("Labels-plain", "LinearLogits(bias)"),
    ("Labels(ignore)-plain", "LinearLogits(bias)"),
    ("SparseProbs-smoothed", "LinearLogits(bias)"),
]


def every_pair(rank: int, world: int) -> dict[Any, Any]:
    """Losses and gradients in float32, each event with its own upstream gradient."""
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        put_first(patch)
        interpreter.like_a_gpu(patch)
        names: set[str] = set()
        inner = sharded._inner

        def spied(*arguments: Any) -> Any:
            kernel = inner(*arguments)
            names.add(kernel.name)
            return kernel

        patch.setattr(sharded, "_inner", spied)
        found: dict[Any, Any] = {}
        for p, q in PAIRS:
            target, prediction = exact.made(p, q, np.dtype(np.float32))
            over, leaves = exact.sharded(on_torch(prediction.prediction), rank, world)
            losses = plogq.cross_entropy(on_torch(target.target), over, reduction="none")
            (losses * torch.tensor(exact.D_LOSS)).sum().backward()
            found[p, q] = array(losses), {n: array(gradient(x)) for n, x in leaves.items()}
        assert names == {"triton"}, names
        return found
