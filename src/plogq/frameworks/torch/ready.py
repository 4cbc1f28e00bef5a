"""Which tensors are ready as they stand: of the right kind, and nothing is to be done to them."""

from __future__ import annotations

from typing import Any

import torch

from ...native import _cpu
from ..verbs import several
from .modes import followed, tracing

Tensor = torch.Tensor

FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
INTEGERS = (
    torch.int64,
    torch.uint8,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
)


def ready(x: Tensor, of: str, axis: Any = None) -> bool:
    """Whether x is a tensor of this kind, "float" or "integer", that nothing is to be done to.

    With an `axis`, also whether there are two classes on it at least.
    """
    if followed():
        return False
    integer = of == "integer"
    if _cpu.ready_tensor(x, integer) if axis is None else _cpu.ready_scores(x, axis):
        return True
    if (
        tracing()
        or x.layout is not torch.strided
        or x.is_nested
        or x.is_quantized
        or x.is_neg()
        or x._is_zerotensor()
    ):
        return False
    return x.dtype in (INTEGERS if integer else FLOATS) and several(x, axis)
