"""Labels × Logits on plain CPU tensors, reduced to one number: the short way to the same kernel.

In a small batch it takes longer to find out what the arrays are than to compute with them. What
most training loops do is recognised here by a few comparisons, and the C++ kernel is given
addresses. Whatever is not plain goes the long way, and says what is wrong with it there.
"""

# PyTorch types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportIncompatibleMethodOverride=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...algebra.derivatives import taken_apart
from ...algebra.labels import label_range
from ...algebra.measure import Measure
from ...algebra.scores import Scores
from ...native import _cpu
from ...native.processor import chosen, threads
from ...native.sums import F64
from . import arrays as xp
from .memory import CODES, memory
from .uncompiled_derivatives import formula, in_depth, in_operations

Tensor = torch.Tensor


def short(y: Tensor, x: Tensor, ignore: int | None, mean: bool) -> Tensor | None:
    """The sum or the mean of H(Labels(y), Logits(x)), or None for what is not plain."""
    code = _code(y, x)
    return None if code is None else _apply(x, y, ignore, mean, code)


def _code(y: Tensor, x: Tensor) -> int | None:
    """The kernels' number for the dtype of scores that lie as the short way takes them, or None."""
    if (
        y.dtype is not torch.int64
        or y.shape != x.shape[:-1]
        or not xp.plain(x, y)
        or not x.is_contiguous()
        or not y.is_contiguous()
    ):
        return None
    return CODES.get(x.dtype)


class _Short(torch.autograd.Function):
    """One step forward and one back."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, ignore: int | None, mean: bool, code: int
    ) -> Tensor:
        events, count = y.numel(), x.numel()
        # Two numbers per event, and its label as it was checked, for whoever shares the memory of
        # the labels may write to it. No tensor, which would take longer to make than to fill.
        residual = np.empty((3, events))
        dtype = torch.float64 if code == F64 else torch.float32
        # Said outright, for a block in which the default device is another.
        loss = torch.empty((), dtype=dtype, device="cpu")
        ctx.workers, ctx.code, ctx.place = threads(count), code, x.data_ptr()
        divisor = _cpu.labels_sum(
            chosen(),
            ctx.workers,
            ctx.place,
            events,
            x.shape[-1],
            code,
            y.data_ptr(),
            ignore,
            residual,
            loss.data_ptr(),
            mean,
        )
        if divisor < 0:
            label_range(xp.host, y, x.shape[-1], ignore)
        ctx.ignore, ctx.divisor, ctx.residual = ignore, divisor, residual
        ctx.save_for_backward(x, y)
        return loss

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        x, y = ctx.saved_tensors
        # A hook on saved tensors may give back others than it took.
        place = x.data_ptr()
        if in_depth(d_loss) or (place != ctx.place and _code(y, x) != ctx.code):
            each = d_loss / ctx.divisor if ctx.divisor else d_loss * 0.0
            return (again(x, y, ctx.ignore, each), None, None, None, None)
        each = d_loss.item() / ctx.divisor if ctx.divisor else 0.0
        gradient = memory.like(x)
        _cpu.labels_gradient(
            chosen(),
            ctx.workers,
            place,
            ctx.residual.shape[1],
            x.shape[-1],
            ctx.code,
            ctx.ignore is not None,
            ctx.residual,
            each,
            gradient.data_ptr(),
        )
        return gradient, None, None, None, None


# What Function.apply comes to where no transform of torch.func is at work.
_apply: Any = super(torch.autograd.Function, _Short).apply


def again(x: Tensor, y: Tensor, ignore: int | None, d_loss: Tensor) -> Tensor | None:
    """The gradient in PyTorch's own operations, differentiable again; `d_loss` is per event."""
    index, value = xp.unread_labels(y.unsqueeze(-1), x.shape[-1], ignore)
    p = Measure(tuple(y.shape), x.shape[-1], index, value)
    call, arrays = taken_apart(formula, p, Scores("logits", x, x.ndim - 1), False)
    return in_operations(call, arrays, [a is x for a in arrays], d_loss, 0.0)[-1]
