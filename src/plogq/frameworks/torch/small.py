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

from ...algebra.plain import AnyPlain
from ...native import _cpu, processor
from ...native.sums import U8
from . import arrays as xp
from .memory import CODES, memory
from .modes import PLAIN, _functorch_active, _legacy, _modes, forward_ad
from .modes import tracing as tracing
from .uncompiled_derivatives import again, in_depth

Tensor = torch.Tensor

_FEW = 1 << 16  # elements whose memory is not worth keeping
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
    if not x.is_cpu or _legacy(x) or not x.is_contiguous():
        return None
    dtype = U8 if x.dtype is torch.bool else CODES.get(x.dtype, -1)
    return x.data_ptr(), dtype, _INTEGERS.get(x.dtype, 0), tuple(x.shape)


def _losses(wide: bool, shape: tuple[int, ...]) -> Tensor:
    """A new tensor for losses of this shape."""
    return torch.empty(shape, dtype=torch.float64 if wide else torch.float32, device="cpu")


def _like(x: Tensor) -> Tensor:
    """A new tensor for the gradient by x."""
    return torch.empty_like(x) if x.numel() < _FEW else memory.like(x)


def _wide(x: Tensor) -> Tensor | None:
    """Numbers as float64 without gaps; None for what is not plain."""
    return x.to(torch.float64).contiguous() if xp.plain(x) else None


_cpu.read_tensors(
    getattr(torch.Tensor, "__dlpack_c_exchange_api__", None), _described, processor.threads
)
_cpu.read_modes(
    PLAIN,
    forward_ad.__dict__,
    torch.is_grad_enabled,
    _functorch_active,
    _modes,
    _losses,
    _like,
    _wide,
)


@cache
def _on_cuda() -> Callable[..., Tensor | None]:
    from .small_cuda import short

    return short


def whole(p: AnyPlain, q: Any, reduction: str, gradient: bool) -> Any | None:
    """H(P, Q) reduced, or None for what is not plain; `gradient` is for arrays without autodiff."""
    found = _cpu.loss_of_pair(p, q, reduction, gradient)
    return _apply(found, q.scores) if found.__class__ is tuple else found


def short(
    p: AnyPlain, x: Tensor, axis: int, softcap: float | None, reduction: str
) -> Tensor | None:
    """The same on a GPU."""
    return _on_cuda()(p, x, axis, softcap, reduction) if x.is_cuda else None


class _Short(torch.autograd.Function):
    """The way back from a loss that is there already, and perhaps its gradient too."""

    @staticmethod
    def forward(ctx: Any, state: tuple[Any, ...], x: Tensor) -> Tensor:
        ctx.job, ctx.divisor, ctx.threads, loss, ctx.gradient, ctx.at, ctx.p, *ctx.rest = state
        ctx.save_for_backward(x, *ctx.p.arrays())
        return loss

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        x, *arrays = ctx.saved_tensors
        softcap, whole = ctx.rest
        back = ctx.job.back_tensors
        # What has been given away is not given to another: a second time it is made anew.
        ready, ctx.gradient = ctx.gradient, None
        gradient = back(ctx.threads, x, softcap, ctx.divisor, d_loss, ready, ctx.at)
        if gradient is None and not whole and not in_depth(d_loss):
            each = _wide(d_loss)
            if each is not None:
                gradient = back(ctx.threads, x, softcap, ctx.divisor, each, None, 0)
        # A hook on saved tensors may give back others than it took.
        if gradient is None:
            if whole:
                d_loss = d_loss / ctx.divisor if ctx.divisor else d_loss * 0.0
            gradient = again(x, ctx.p.holding(arrays), d_loss, softcap or None)
        return None, gradient


# What Function.apply comes to where no transform of torch.func is at work.
_apply = cast("Any", super(torch.autograd.Function, _Short)).apply
