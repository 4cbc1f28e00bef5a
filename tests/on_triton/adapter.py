"""PyTorch with the kernels in Triton, on a GPU or under the interpreter, as the suites ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import plogq
from plogq.frameworks.torch.triton import binding, layout
from plogq.kernels import table

from .. import bounds, makers
from ..on_torch.adapter import Torch
from ..suite.framework import PAIRS, Cannot
from .device import DEVICE, TAKEN

PREDICTIONS = ("Logits", "Logits(softcap)", *(q for q in makers.PREDICTIONS if q[:6] == "Linear"))


def _refused(q: Any, says: str) -> Cannot:
    def check() -> None:
        p = plogq.Labels(np.array([0, 1]))
        with table.using("triton"), pytest.raises(plogq.KernelRefused, match=says):
            plogq.cross_entropy(FRAMEWORK.on(p), FRAMEWORK.on(q))

    return Cannot(says, check)


def _other_kernel() -> None:
    p, q = plogq.Labels(np.array([0])), plogq.Logits(np.zeros((1, 2), np.float32))
    with table.using("triton"):
        assert plogq.explain(FRAMEWORK.on(p), FRAMEWORK.on(q)).chosen == "triton"


class Triton(Torch):
    name = "triton"
    thin = True
    chunks = ()
    lengths = (7,)
    long_rows = (2, 64, 20_011)
    ways = ("one tile", "tiles")
    # Each tile is a program, which the interpreter takes its time for.
    slow = ways[1:]
    main = ways[:1]
    paths = ways
    device = DEVICE
    dtypes = TAKEN
    few = (TAKEN[0], bounds.BFLOAT16)
    predictions = PREDICTIONS
    yes_no = ("BinaryLogits",)
    pairs = tuple(
        (p, q) for p, q in PAIRS if q in (*PREDICTIONS, "BinaryLogits") and ">both" not in p
    )
    examples = 2
    many = 1

    def __init__(self) -> None:
        super().__init__()
        third = np.full((2, 3), 1 / 3, np.float32)
        self.cannot = {
            "stored probabilities": _refused(plogq.Probs(third), "this kernel takes stored logits"),
            "float64": _refused(plogq.Logits(np.zeros((2, 3))), "Q is float64"),
            "second derivatives": Cannot("PyTorch's own operations run there", _other_kernel),
            "NumPy's bits": Cannot("a GPU adds in another order", _other_kernel),
        }

    def columns(self, way: str) -> bool:
        return way == "one tile"

    def slow_rows(self, way: str) -> bool:
        return True

    def takes(self, p: Any, q: Any) -> bool:
        """What is stored as probabilities has a kernel on the CPU alone, and so have rows that are
        mixed, which are float64."""
        if isinstance(p, plogq.Smoothed) and p.to is not None and p.to.ndim > 1:
            return False
        return isinstance(q, plogq.Logits | plogq.LinearLogits | plogq.BinaryLogits)

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        """In one tile a row as it comes, or in tiles of two scores, a program for each."""
        tile, run = (2, 1) if way == "tiles" else (layout._TILE, binding._RUN)
        with (
            patch.object(layout, "_TILE", tile),
            patch.object(binding, "_RUN", run),
            table.using("triton"),
        ):
            yield

    def reached(self, way: str, check: Any, classes: int = 2) -> Any:
        """The interpreter's exp is NumPy's, and subnormal terms are added up in float32."""
        more = 3 * bounds.least(bounds.loss_dtype(check.dtype))
        check.allowed = np.where(check.allowed > 0, check.allowed + more, 0.0)
        return check


FRAMEWORK = Triton()
