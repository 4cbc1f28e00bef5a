"""P × Logits on plain CPU tensors: from the tensors to the reduced loss by one C++ object.

In a small batch it takes longer to find out what the arrays are than to compute with them. What
most training loops do is recognised here by a few comparisons, and the C++ kernel is given
addresses. Whatever is not plain goes the long way, and says what is wrong with it there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import torch

from ...algebra.plain import AnyPlain, Plain, PlainRows, PlainYesNo
from ...native import _cpu, processor
from ...native.labelled import REDUCTIONS
from ...native.processor import set_now
from ...native.sums import U8
from . import arrays as xp
from .memory import CODES, memory
from .modes import PLAIN, _functorch_active, _legacy, _modes, forward_ad
from .modes import tracing as tracing
from .uncompiled_derivatives import again, in_depth

Tensor = torch.Tensor

_FEW = 1 << 16  # elements whose memory is not worth keeping
# What the losses of scores of a type are made like, which takes less time than to say what they
# are. Made when they are first asked for, as what is made while a program is recorded is no tensor.
_LOSSES: dict[torch.dtype, Tensor] = {}
_INTEGERS = {
    torch.int64: 8,
    torch.int32: 4,
    torch.int16: 2,
    torch.int8: 1,
    torch.uint8: -1,
    torch.uint16: -2,
    torch.uint32: -4,
    torch.uint64: -8,
}


def _described(x: Tensor) -> tuple[int, int, int, tuple[int, ...]] | None:
    """What C++ reads of a tensor, where this PyTorch has no function of C that tells it."""
    if not x.is_cpu or not x.is_contiguous():
        return None
    dtype = U8 if x.dtype is torch.bool else CODES.get(x.dtype, -1)
    return x.data_ptr(), dtype, _INTEGERS.get(x.dtype, 0), tuple(x.shape)


_cpu.read_tensors(
    getattr(torch.Tensor, "__dlpack_c_exchange_api__", None), _described, processor.threads
)

# The job for the way back, what the loss is divided by, the threads; and P's arrays as they were
# read.
Arrays = tuple[Tensor | None, ...]
Found = tuple[tuple[Any, float, int] | None, Arrays]


def _loss_like(dtype: torch.dtype) -> Tensor:
    wide = torch.float64 if dtype is torch.float64 else torch.float32
    found = _LOSSES[dtype] = torch.ones((), dtype=wide, device="cpu")
    return found


@cache
def _on_cuda() -> Callable[..., Tensor | None]:
    from .small_cuda import short

    return short


def short(
    p: AnyPlain, x: Tensor, axis: int, softcap: float | None, reduction: str
) -> Tensor | None:
    """H(P, Logits(x)) reduced, or None for what is not plain."""
    if x.is_cuda:
        return _on_cuda()(p, x, axis, softcap, reduction)
    kind, y = p.__class__, p[0]
    if forward_ad._current_level >= 0 or _functorch_active() or _modes() > 0 or _legacy(x):
        return None
    if x.__class__ not in PLAIN or y.__class__ not in PLAIN:
        return None
    if kind is not PlainYesNo and axis != -1 and axis != x.ndim - 1:
        return None
    recording = torch.is_grad_enabled()
    recorded = x.requires_grad and recording
    like = _LOSSES.get(x.dtype)
    if like is None:
        like = _loss_like(x.dtype)
    if reduction != "none":
        loss = torch.empty_like(like)
    else:
        loss = like.new_empty(x.shape if kind is PlainYesNo else x.shape[:-1])
    cap, how = softcap or 0.0, REDUCTIONS[reduction]
    if isinstance(p, Plain):
        found, arrays = _labelled(p, x, loss, cap, how, recorded)
    elif y.requires_grad and recording:
        return None
    elif isinstance(p, PlainRows):
        found, arrays = _rows(p, x, loss, cap, how, recorded)
    else:
        found, arrays = _yes_no(p, x, loss, how)
    if found is None:
        return None
    if not recorded:
        return loss
    return _apply((found, loss, reduction != "none", cap, p, arrays), x)


def _labelled(
    p: Plain, x: Tensor, loss: Tensor, softcap: float, reduction: int, keeps: bool
) -> Found:
    y, sample, by_class = p.index, p.sample_weight, p.class_weight
    if sample is not None:
        sample = _wide(sample, y.shape)
        if sample is None:
            return None, ()
    if by_class is not None:
        by_class = _wide(by_class, x.shape[-1:])
        if by_class is None:
            return None, ()
    found = _cpu.labels_of_tensors(
        set_now.get(),
        y,
        x,
        loss,
        p.ignore,
        p.epsilon,
        None if sample is None else sample.data_ptr(),
        None if by_class is None else by_class.data_ptr(),
        softcap,
        reduction,
        keeps,
    )
    return found, (y, sample, by_class)


def _rows(
    p: PlainRows, x: Tensor, loss: Tensor, softcap: float, reduction: int, keeps: bool
) -> Found:
    if p.axis not in (-1, x.ndim - 1):
        return None, ()
    now = set_now.get()
    found = _cpu.rows_of_tensors(now, p.probs, x, loss, p.tolerance, softcap, reduction, keeps)
    return found, (p.probs,)


def _yes_no(p: PlainYesNo, x: Tensor, loss: Tensor, reduction: int) -> Found:
    return _cpu.yes_no_of_tensors(set_now.get(), p.probs, x, loss, reduction), (p.probs,)


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
        state: tuple[tuple[Any, float, int], Tensor, bool, float, AnyPlain, Arrays],
        x: Tensor,
    ) -> Tensor:
        found, loss, *ctx.rest, arrays = state
        ctx.job = found
        ctx.save_for_backward(x, *arrays)
        return loss

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        x, *arrays = ctx.saved_tensors
        part, divisor, threads = ctx.job
        whole, softcap, p = ctx.rest
        gradient = None
        if not in_depth(d_loss):
            gradient = torch.empty_like(x) if x.numel() < _FEW else memory.like(x)
            back, now = part.backward_tensors, set_now.get()
            done = back(now, threads, x, softcap, divisor, d_loss, gradient)
            if not done and not whole:
                each = d_loss.to(torch.float64).contiguous()
                done = back(now, threads, x, softcap, divisor, each, gradient)
            # A hook on saved tensors may give back others than it took.
            if not done:
                gradient = None
        if gradient is None:
            if whole:
                d_loss = d_loss / divisor if divisor else d_loss * 0.0
            gradient = again(x, p.holding(arrays), d_loss, softcap or None)
        return None, gradient


# What Function.apply comes to where no transform of torch.func is at work.
_apply = cast("Any", super(torch.autograd.Function, _Short)).apply
