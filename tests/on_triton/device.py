"""Where these tests run: on the GPU, or on the CPU under Triton's interpreter."""

from __future__ import annotations

import os
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from plogq.kernels import table
from plogq.pairing import Pair, prepare
from plogq.ranks import kernel

from .. import bounds, oracle, slopes
from ..on_torch import tensors
from ..on_torch.tensors import on_torch

Tensor = torch.Tensor

DEVICE = "cpu" if os.environ["TRITON_INTERPRET"] == "1" else "cuda"
# Of float64 the formula does a better job.
TAKEN = bounds.DTYPES[1:]
# Gradients of scores would vanish in float16 before they are carried on.
LINEAR = (bounds.DTYPES[1], bounds.BFLOAT16)


def put(x: npt.ArrayLike) -> Tensor:
    """The values and dtype of x in a tensor where the kernels run."""
    return tensors.tensor(x, DEVICE)


def leaf(x: npt.ArrayLike) -> Tensor:
    return tensors.leaf(x, DEVICE)


def on_device(r: Any) -> Any:
    """The same P or Q, its arrays where the kernels run."""
    return on_torch(r, put)


def put_first(patch: pytest.MonkeyPatch) -> None:
    """From here on the kernels in Triton come before all others in the table."""
    rows = (replace(r, place=r.place - 10 * (r.name == "triton")) for r in table.ROWS_IN_ALL)
    first = table.Table(rows)
    patch.setattr(table, "_TABLE", first)
    # What runs the scores of one rank, too.
    patch.setattr(kernel, "TABLE", first)


class NoWaiting(TorchDispatchMode):
    """Refuses every operation that a device is waited for, which no CUDA graph can hold."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero", "is_nonzero", "equal"), name
        return func(*args, **(kwargs or {}))


class Launches:
    """In place of a kernel: what would have been launched is counted, and nothing runs."""

    def __init__(self) -> None:
        self.count = 0

    def __getitem__(self, grid: Any) -> Any:
        def launch(*given: Any, **options: Any) -> None:
            self.count += 1

        return launch


def kernel_of(p: Any, q: Any) -> Pair:
    """The pair as the Triton kernel is given it; KernelRefused where that does not take it."""
    with table.using("triton"):
        return prepare(p, q)


def allowing_16_bits(truth: slopes.Slopes) -> slopes.Slopes:
    """N2 where gradients of scores are rounded to bfloat16 before products carry them on.

    Each product is off by half a unit of bfloat16 more; the bias gets the unrounded sum.
    """
    if truth.dtype != bounds.BFLOAT16 or not slopes.is_linear(truth.q):
        return truth
    hidden, weight = (np.array(oracle.rows(getattr(truth.q.prediction, n)), float)
                      for n in ("hidden", "weight"))  # fmt: skip
    sizes = np.abs(np.array(truth.truth, float))
    off = {"hidden": sizes @ np.abs(weight), "weight": sizes.T @ np.abs(hidden)}
    found = copy(truth)
    found.expected = dict(truth.expected)
    for name, each in off.items():
        gradient = found.expected[name] = copy(truth.expected[name])
        more = bounds.rounding(bounds.BFLOAT16) * each.reshape(-1)
        gradient.allowed = gradient.allowed + 1.01 * more
    return found
