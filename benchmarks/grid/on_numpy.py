"""plogq on NumPy arrays, beside F.cross_entropy on torch.from_numpy of the same."""

from __future__ import annotations

from typing import Any

import plogq

from ..case import Run
from . import on_torch
from .losses import called

DTYPES = ("float32",)


def _ours(kind: str, arrays: Any, gradient: bool) -> Run:
    function = called(plogq.value_and_grad if gradient else plogq.cross_entropy, kind)
    return lambda: function(*arrays)


WAYS = {"arrays": (_ours, on_torch.WAYS["eager"][1])}
