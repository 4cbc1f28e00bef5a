"""The toy framework, as the suites ask: what NumPy does, in boxes, by the formula."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import plogq

from ..on_numpy.adapter import NumPy
from ..suite.apart import changed
from ..suite.framework import PAIRS, Array, Cannot
from .toybox import Box, unboxed


def _formula() -> None:
    p, q = plogq.Labels(np.array([0])), plogq.Logits(np.zeros((1, 2)))
    assert plogq.explain(FRAMEWORK.on(p), FRAMEWORK.on(q)).chosen == "formula"


class Toy(NumPy):
    name = "toybox"
    ways = ("formula",)
    pairs = PAIRS
    lengths = (130,)

    def __init__(self) -> None:
        super().__init__()
        del self.cannot["mixed frameworks"]
        self.cannot["NumPy's bits"] = Cannot("it has no kernels", _formula)

    def put(self, x: Any) -> Any:
        return Box(x)

    def get(self, x: Any) -> Array:
        assert isinstance(x, Box | float | int), f"{type(x)} came out of boxes"
        return unboxed(x)

    def on(self, r: Any) -> Any:
        return changed(r, self.put)

    @contextmanager
    def by(self, way: str) -> Iterator[None]:
        yield


FRAMEWORK = Toy()
