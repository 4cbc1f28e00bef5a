"""P × Logits on plain CPU tensors: from the tensors to the reduced loss by one C++ object.

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
from ...algebra.plain import AnyPlain, Plain, PlainRows, PlainYesNo
from ...algebra.scores import BinaryScores, Scores
from ...native.labelled import Job, of_labels, of_rows, of_yes_no
from ...native.sums import F32, F64, U8
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


def short(
    p: AnyPlain, x: Tensor, axis: int, softcap: float | None, reduction: str
) -> Tensor | None:
    """H(P, Logits(x)) reduced, or None for what is not plain."""
    code = CODES.get(x.dtype)
    kind = p.__class__
    y = p[0]
    if code is None or (kind is not PlainYesNo and axis not in (-1, x.ndim - 1)):
        return None
    if not xp.plain(x, y) or not x.is_contiguous() or not y.is_contiguous() or not x.numel():
        return None
    recorded = x.requires_grad and torch.is_grad_enabled()
    if kind is Plain:
        job, arrays = _labelled(p, x, code, softcap, recorded)
    elif y.requires_grad and torch.is_grad_enabled():
        return None
    else:
        job, arrays = (_rows if kind is PlainRows else _yes_no)(p, x, code, softcap, recorded)
    if job is None or not job.fits:
        return None
    shape = () if reduction != "none" else x.shape if kind is PlainYesNo else x.shape[:-1]
    # A tensor of the scores' own type takes half as long to make.
    loss = x.new_empty(shape) if code in _OWN else x.new_empty(shape, dtype=torch.float32)
    divisor, _ = job.forward(x.data_ptr(), reduction, loss.data_ptr())
    if divisor < 0:
        return None
    if not recorded:
        return loss
    return _apply(loss, job, None if reduction == "none" else divisor, p, x, *arrays)


Found = tuple[Job | None, tuple[Tensor | None, ...]]  # and the arrays of P as they were read


def _labelled(p: Plain, x: Tensor, code: int, softcap: float | None, keeps: bool) -> Found:
    y, sample, by_class = p.index, p.sample_weight, p.class_weight
    classes = x.shape[-1]
    if y.dtype not in _LABELS or y.shape != x.shape[:-1]:
        return None, ()
    if sample is not None:
        sample = _wide(sample, y.shape)
        if sample is None:
            return None, ()
    if by_class is not None:
        by_class = _wide(by_class, (classes,))
        if by_class is None:
            return None, ()
    weights = (
        None if sample is None else sample.data_ptr(),
        None if by_class is None else by_class.data_ptr(),
    )
    kind, size = _LABELS[y.dtype], (y.numel(), classes)
    job = of_labels(y.data_ptr(), kind, p, weights, size, code, 1, softcap, keeps)
    return job, (y, sample, by_class)


def _rows(p: PlainRows, x: Tensor, code: int, softcap: float | None, keeps: bool) -> Found:
    probs = p.probs
    dtype = CODES.get(probs.dtype)
    if dtype is None or probs.shape != x.shape or p.axis not in (-1, x.ndim - 1):
        return None, ()
    size = x.numel() // x.shape[-1], x.shape[-1]
    held = PlainRows(probs, 1, p.tolerance)
    return of_rows(probs.data_ptr(), dtype, held, size, code, 1, softcap, keeps), (probs,)


def _yes_no(p: PlainYesNo, x: Tensor, code: int, softcap: float | None, keeps: bool) -> Found:
    y = p.probs
    dtype = U8 if y.dtype is torch.bool else CODES.get(y.dtype)
    if dtype is None or y.shape != x.shape:
        return None, ()
    return of_yes_no(y.data_ptr(), dtype, x.numel(), code), (y,)


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
        p: AnyPlain,
        x: Tensor,
        *arrays: Tensor | None,
    ) -> Tensor:
        ctx.job, ctx.divisor, ctx.place = job, divisor, x.data_ptr()
        ctx.softcap = job.softcap or None
        ctx.bare = p.holding((None,) * len(arrays))
        ctx.save_for_backward(x, *arrays)
        # As it is, and not as a view of it, which nobody may write to.
        ctx.mark_dirty(loss)
        return loss

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        x, *arrays = ctx.saved_tensors
        divisor = ctx.divisor
        nothing = (None,) * len(arrays)
        place = x.data_ptr()
        # A hook on saved tensors may give back others than it took.
        if in_depth(d_loss) or (place != ctx.place and not _alike(x, ctx.job)):
            if divisor is not None:
                d_loss = d_loss / divisor if divisor else d_loss * 0.0
            p = ctx.bare.holding(arrays)
            return None, None, None, None, again(x, p, d_loss, ctx.softcap), *nothing
        gradient = torch.empty_like(x) if x.numel() < _FEW else memory.like(x)
        if divisor is None:
            each = d_loss.to(torch.float64).contiguous()
            ctx.job.backward(place, each.data_ptr(), gradient.data_ptr())
        else:
            each = d_loss.item() / divisor if divisor else 0.0
            ctx.job.backward(place, each, gradient.data_ptr())
        return None, None, None, None, gradient, *nothing


def _alike(x: Tensor, job: Job) -> bool:
    """Whether the kernel can read x in place of the scores that it was given in forward."""
    return CODES.get(x.dtype) == job.dtype and xp.plain(x) and x.is_contiguous()


# What Function.apply comes to where no transform of torch.func is at work.
_apply: Any = super(torch.autograd.Function, _Short).apply


def again(x: Tensor, p: AnyPlain, d_loss: Tensor, softcap: float | None = None) -> Tensor | None:
    """The gradient in PyTorch's own operations, differentiable again; `d_loss` is per event."""
    measure = p.measure(xp, x.shape[-1] if x.ndim else 1)
    if p.__class__ is PlainYesNo:
        q: Any = BinaryScores("logits", x)
    else:
        q = Scores("logits", x, x.ndim - 1, softcap)
    call, arrays = taken_apart(formula, measure, q, False)
    return in_operations(call, arrays, [a is x for a in arrays], d_loss, 0.0)[-1]
