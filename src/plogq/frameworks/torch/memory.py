"""Tensors in this process's memory as the C++ kernels take them: the NumPy arrays on it."""

from __future__ import annotations

from math import prod
from typing import Any

import torch

from ...native.sums import BF16, F16, F32, F64
from ..pages import LARGE, pages
from .modes import ordinary, transformed

Tensor = torch.Tensor


FLOAT_NAMES = ("float64", "float32", "float16", "bfloat16")
CODES = {torch.float64: F64, torch.float32: F32, torch.float16: F16, torch.bfloat16: BF16}


_DTYPES = {F64: torch.float64, F32: torch.float32}


def large(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A new tensor in memory that the last one of its kind may have left behind."""
    raw = pages(prod(shape) * dtype.itemsize)
    return torch.from_numpy(raw).view(dtype).view(shape)


class _Memory:
    """Tensors: what they export is the NumPy array on the same memory."""

    def code(self, x: Tensor) -> int | None:
        return CODES.get(x.dtype)

    def refuses(self, x: Tensor, role: str) -> str | None:
        if not x.is_cpu:
            return f"{role} is on {x.device}; these kernels are for the CPU"
        if transformed(x):
            return "under forward mode and torch.func PyTorch's own operations are at work"
        if not torch.compiler.is_compiling() and not ordinary(x):
            return f"{role} is a {type(x).__name__}; these kernels take plain tensors"
        if x.dtype in CODES:
            return None
        kind = str(x.dtype).removeprefix("torch.")
        return f"{role} is {kind}; the kernels take {', '.join(FLOAT_NAMES)}"

    def exported(self, x: Tensor) -> Any:
        x = x.detach()
        return (x.view(torch.uint16) if x.dtype is torch.bfloat16 else x).numpy()

    def host(self, x: Tensor) -> Any:
        return x.detach().numpy()

    def empty(self, shape: tuple[int, ...], dtype: int) -> Tensor:
        kind = _DTYPES[dtype]
        if prod(shape) * kind.itemsize >= LARGE:
            return large(shape, kind)
        # Said outright, for a block in which the default device is another.
        return torch.empty(shape, dtype=kind, device="cpu")

    def like(self, x: Tensor) -> Tensor:
        if x.numel() * x.itemsize < LARGE or not x.is_contiguous():
            return torch.empty_like(x)
        return large(tuple(x.shape), x.dtype)


memory = _Memory()


def host(x: Tensor) -> Any:
    """x where NumPy can read it."""
    x = x.detach().cpu()
    return (x.float() if x.dtype is torch.bfloat16 else x).numpy()
