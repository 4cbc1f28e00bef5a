"""PyTorch with the kernels in Triton, on a GPU or under the interpreter, as the suites ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import plogq
from plogq.kernels import table
from plogq.kernels.triton import binding

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


class Triton(Torch):
    name = "triton"
    ways = ("one tile", "tiles")
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
            "stored probabilities": _refused(plogq.Probs(third), "there is no kernel 'triton'"),
            "float64": _refused(plogq.Logits(np.zeros((2, 3))), "Q is float64"),
            "second derivatives": Cannot("PyTorch's own operations run there", lambda: None),
            "NumPy's bits": Cannot("a GPU adds in another order", lambda: None),
        }

    def some(self, values: Sequence[Any], step: int = 3) -> Sequence[Any]:
        return values[::step]

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        """In one tile a row as it comes, or in tiles of two scores, a program for each."""
        few = {"_TILE": 2, "_RUN": 1} if way == "tiles" else {"_RUN": binding._RUN}
        with patch.multiple(binding, **few), table.using("triton"):
            yield

    def reached(self, way: str, check: Any, classes: int = 2) -> Any:
        """The interpreter's exp is NumPy's, and subnormal terms are added up in float32."""
        more = 3 * bounds.least(bounds.loss_dtype(check.dtype))
        check.allowed = np.where(check.allowed > 0, check.allowed + more, 0.0)
        return check


FRAMEWORK = Triton()
