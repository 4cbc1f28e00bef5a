"""Labels × Logits on plain CPU tensors: from the tensors to the reduced loss by one C++ object.

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

import torch

from ...algebra.derivatives import taken_apart
from ...algebra.plain import Plain
from ...algebra.scores import Scores
from ...native.labelled import Job
from ...native.sums import F32, F64
from . import arrays as xp
from .memory import CODES, memory
from .uncompiled_derivatives import formula, in_depth, in_operations

Tensor = torch.Tensor

_LABELS = {
    torch.int64: 8,
    torch.int32: 4,
    torch.int16: 2,
    torch.int8: 1,
    torch.uint8: -1,
    torch.uint16: -2,
    torch.uint32: -4,
    torch.uint64: -8,
}
# What the losses of scores of these types have.
_OWN = (F64, F32)
_FEW = 1 << 16  # elements whose memory is not worth keeping


def short(p: Plain, x: Tensor, axis: int, softcap: float | None, reduction: str) -> Tensor | None:
    """H(P, Logits(x)) reduced, or None for what is not plain."""
    y, sample, by_class = p.index, p.sample_weight, p.class_weight
    code = CODES.get(x.dtype)
    if (
        code is None
        or y.dtype not in _LABELS
        or axis not in (-1, x.ndim - 1)
        or y.shape != x.shape[:-1]
        or not xp.plain(x, y)
        or not x.is_contiguous()
        or not y.is_contiguous()
        or not x.numel()
    ):
        return None
    classes = x.shape[-1]
    if sample is not None:
        sample = _wide(sample, y.shape)
        if sample is None:
            return None
    if by_class is not None:
        by_class = _wide(by_class, (classes,))
        if by_class is None:
            return None
    recorded = x.requires_grad and torch.is_grad_enabled()
    job = Job(
        y.data_ptr(),
        _LABELS[y.dtype],
        p,
        (
            None if sample is None else sample.data_ptr(),
            None if by_class is None else by_class.data_ptr(),
        ),
        y.numel(),
        classes,
        1,
        code,
        softcap,
        recorded,
    )
    if not job.fits:
        return None
    shape = y.shape if reduction == "none" else ()
    # A tensor of the scores' own type takes half as long to make.
    loss = x.new_empty(shape) if code in _OWN else x.new_empty(shape, dtype=torch.float32)
    divisor, _ = job.forward(x.data_ptr(), reduction, loss.data_ptr())
    if divisor < 0:
        return None
    if not recorded:
        return loss
    each = None if reduction == "none" else divisor
    return _apply(loss, job, each, p, x, y, sample, by_class)


def _wide(weight: Any, shape: tuple[int, ...]) -> Tensor | None:
    """Weights as float64 without gaps; None for what is not plain, or has a gradient."""
    if not isinstance(weight, torch.Tensor) or not xp.plain(weight):
        return None
    if weight.shape != shape or weight.requires_grad:
        return None
    return weight.to(torch.float64).contiguous()


class _Short(torch.autograd.Function):
    """The way back from a loss that is there already."""

    @staticmethod
    def forward(
        ctx: Any,
        loss: Tensor,
        job: Job,
        divisor: float | None,
        p: Plain,
        x: Tensor,
        *arrays: Tensor | None,
    ) -> Tensor:
        ctx.job, ctx.divisor, ctx.place = job, divisor, x.data_ptr()
        ctx.softcap = job.softcap or None
        ctx.ignore, ctx.epsilon = p.ignore, p.epsilon
        ctx.save_for_backward(x, *arrays)
        # As it is, and not as a view of it, which nobody may write to.
        ctx.mark_dirty(loss)
        return loss

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        x, y, sample, by_class = ctx.saved_tensors
        p = Plain(y, ctx.ignore, ctx.epsilon, sample, by_class)
        divisor = ctx.divisor
        place = x.data_ptr()
        # A hook on saved tensors may give back others than it took.
        if in_depth(d_loss) or (place != ctx.place and not _alike(x, ctx.job)):
            if divisor is not None:
                d_loss = d_loss / divisor if divisor else d_loss * 0.0
            return None, None, None, None, again(x, p, d_loss, ctx.softcap), None, None, None
        gradient = torch.empty_like(x) if x.numel() < _FEW else memory.like(x)
        if divisor is None:
            each = d_loss.to(torch.float64).contiguous()
            ctx.job.backward(place, each.data_ptr(), gradient.data_ptr())
        else:
            each = d_loss.item() / divisor if divisor else 0.0
            ctx.job.backward(place, each, gradient.data_ptr())
        return None, None, None, None, gradient, None, None, None


def _alike(x: Tensor, job: Job) -> bool:
    """Whether the kernel can read x in place of the scores that it was given in forward."""
    return CODES.get(x.dtype) == job.dtype and xp.plain(x) and x.is_contiguous()


# What Function.apply comes to where no transform of torch.func is at work.
_apply: Any = super(torch.autograd.Function, _Short).apply


def again(x: Tensor, p: Plain, d_loss: Tensor, softcap: float | None = None) -> Tensor | None:
    """The gradient in PyTorch's own operations, differentiable again; `d_loss` is per event."""
    measure, q = p.measure(xp, x.shape[-1]), Scores("logits", x, x.ndim - 1, softcap)
    call, arrays = taken_apart(formula, measure, q, False)
    return in_operations(call, arrays, [a is x for a in arrays], d_loss, 0.0)[-1]
