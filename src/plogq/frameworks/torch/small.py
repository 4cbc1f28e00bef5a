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
from .modes import PLAIN, _functorch_active, _legacy, _modes, followed, forward_ad
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


@cache
def _on_cuda() -> Callable[..., Tensor | None]:
    from .small_cuda import short

    return short


tracing = followed
# H(P, Q) reduced, or None for what is not plain; a gradient is for arrays without autodiff.
whole = _cpu.loss_of_pair


def short(
    p: AnyPlain, x: Tensor, axis: int, softcap: float | None, reduction: str
) -> Tensor | None:
    """The same on a GPU."""
    if not x.is_cuda or torch.compiler.is_compiling():
        return None
    return _on_cuda()(p, x, axis, softcap, reduction)


class _Short(torch.autograd.Function):
    """The way back from a loss that is there already, and perhaps its gradient too."""

    forward = staticmethod(_cpu.taken_by_autograd)

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        saved = ctx.saved_tensors
        gradient = ctx.way.gradient(saved[0], d_loss)
        if gradient is None:
            gradient = _closely(ctx.way, ctx.p, saved, d_loss)
        return None, gradient


def _closely(way: _cpu.Recorded, p: AnyPlain, saved: tuple[Any, ...], d_loss: Tensor) -> Any:
    """The gradient of what is looked at more closely, perhaps to be differentiated again."""
    # A hook on saved tensors may give back others than it took.
    x, *arrays = saved
    if not way.whole and not in_depth(d_loss):
        each = _wide(d_loss)
        gradient = None if each is None else way.gradient(x, each)
        if gradient is not None:
            return gradient
    if way.whole:
        d_loss = d_loss / way.divisor if way.divisor else d_loss * 0.0
    return again(x, p.holding(arrays), d_loss, way.softcap or None)


# What Function.apply comes to where no transform of torch.func is at work.
_apply = cast("Any", super(torch.autograd.Function, _Short)).apply

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
    _apply,
)
