"""The C++ kernels on PyTorch tensors in this process's memory, which they share with NumPy."""

# PyTorch types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportIncompatibleMethodOverride=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch.library import custom_op

from ..arrays import torch as verbs
from ..arrays.pages import LARGE
from ..formula import Formula
from .cpu import binding
from .cpu.binding import BF16, F16, F32, F64
from .labels import label_range
from .linear import Tiled
from .triton import binding as triton
from .triton.given import refuses

Tensor = torch.Tensor

CODES = {torch.float64: F64, torch.float32: F32, torch.float16: F16, torch.bfloat16: BF16}
_DTYPES = {F64: torch.float64, F32: torch.float32}


class _Memory:
    """Tensors: what they export is the NumPy array on the same memory."""

    verbs: Any = verbs

    def code(self, x: Tensor) -> int | None:
        return CODES.get(x.dtype)

    def refuses(self, x: Tensor, role: str) -> str | None:
        if not x.is_cpu:
            return f"{role} is on {x.device}; these kernels are for the CPU"
        if verbs.transformed(x):
            return "under forward mode and torch.func PyTorch's own operations are at work"
        if not torch.compiler.is_compiling() and not verbs.ordinary(x):
            return f"{role} is a {type(x).__name__}; these kernels take plain tensors"
        if x.dtype in CODES:
            return None
        return f"{role} is {verbs.dtype_name(x)}; the kernels take {', '.join(verbs.float_names)}"

    def exported(self, x: Tensor) -> Any:
        x = x.detach()
        return (x.view(torch.uint16) if x.dtype is torch.bfloat16 else x).numpy()

    def host(self, x: Tensor) -> Any:
        return x.detach().numpy()

    def empty(self, shape: tuple[int, ...], dtype: int) -> Tensor:
        kind = _DTYPES[dtype]
        if prod(shape) * kind.itemsize >= LARGE:
            return verbs.large(shape, kind)
        # Said outright, for a block in which the default device is another.
        return torch.empty(shape, dtype=kind, device="cpu")

    def like(self, x: Tensor) -> Tensor:
        if x.numel() * x.itemsize < LARGE or not x.is_contiguous():
            return torch.empty_like(x)
        return verbs.large(tuple(x.shape), x.dtype)


memory = _Memory()
stored = binding.Stored(memory)
binary = binding.Binary(memory)
linear = Tiled(verbs, binding.Stored(memory, flush=True), triton.stored, Formula(verbs))


def row_sums(x: Tensor, axis: int, weight: Any = None) -> tuple[Tensor, Tensor] | None:
    """The sums and the least entries of the rows, or None where the verbs have to do it."""
    if _recorded(x, weight) or verbs.tracing():
        return None
    if not verbs.plain(x):
        there = x.shape[axis] and refuses(x, "P") is None
        return triton.row_sums(x, axis, weight) if there else None
    return binding.row_sums(memory, x, axis, weight)


def total(x: Tensor) -> float:
    """The sum of what is plain."""
    return binding.total(memory, x.detach().contiguous())


class _Total(torch.autograd.Function):
    """The sum of everything: PyTorch's own depends on how many threads there are."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.like = x.shape, x.dtype
        return torch.full((), total(x), dtype=torch.float64, device="cpu")

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> Tensor:
        shape, dtype = ctx.like
        return d.to(dtype).expand(shape)


def whole_sum(x: Tensor) -> Tensor | None:
    """The sum of everything, or None where the verbs have to do it."""
    if x.dtype not in (torch.float64, torch.float32) or not verbs.plain(x):
        return None
    return _Total.apply(x)


def value_range(x: Tensor) -> tuple[float, float] | None:
    """The least and the greatest element, NaN where one is, or None for the verbs to do it."""
    return binding.value_range(memory, x) if verbs.plain(x) else None


def _recorded(*arrays: Any) -> bool:
    """Whether a gradient with respect to any of these is to flow through what is done now."""
    recording = torch.is_grad_enabled() and any(map(verbs.wants_gradient, arrays))
    return recording or verbs.forward_mode()


@custom_op("plogq::labels", mutates_args=())
def checked_labels(
    index: Tensor, classes: int, ignore: int | None, weight: Tensor | None
) -> Tensor:
    """The labels as int64, once none of them that weighs something is out of range."""
    index = index.to(torch.int64, copy=True)
    label_range(verbs, index, classes, ignore, weight)
    return index


@checked_labels.register_fake
def _(index: Tensor, classes: int, ignore: int | None, weight: Tensor | None) -> Tensor:
    return torch.empty_like(index, dtype=torch.int64)


def unread_labels(
    index: Tensor, classes: int, ignore: int | None, weight: Any = None
) -> tuple[Tensor, Any]:
    """Labels within [0, classes) and their masses, without a look at their values now.

    A program recorded for the CPU looks at them when it runs, and raises.
    """
    if index.is_cpu and torch.compiler.is_compiling() and not verbs.transformed(index):
        known = None if weight is None else weight.detach()
        index = checked_labels(index, classes, ignore, known)
        if ignore is None and weight is None:
            return index, None
        kept = (index >= 0) & (index < classes)
        if ignore is not None:
            kept = kept & (index != ignore)
        return torch.where(kept, index, 0), kept.to(torch.float64)
    index = index.to(torch.int64)
    inside = (index >= 0) & (index < classes)
    mass = torch.where(inside, 1.0, float("nan")).to(verbs.weights(inside).dtype)
    if ignore is not None:
        mass = torch.where(index == ignore, 0.0, mass)
    return torch.where(inside & (index != ignore) if ignore is not None else inside, index, 0), mass
