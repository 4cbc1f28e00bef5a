"""Labels × Logits on a GPU, reduced to one number: the short way to the same kernel.

The kernel looks at the labels itself, so that none of the small operations are launched that would
say which are ignored or out of range. Nothing waits for the device.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from ...algebra.plain import Plain
from ...algebra.scores import Scores
from . import arrays as xp
from .triton.binding import Unread, small, stored
from .triton.layout import FLOATS
from .uncompiled_derivatives import again, in_depth

Tensor = torch.Tensor


def short(p: Plain, x: Tensor, axis: int, softcap: float | None, reduction: str) -> Tensor | None:
    """The sum or the mean of H(Labels(y), Logits(x)), or None for what is not plain."""
    if p.__class__ is not Plain:
        return None
    y, ignore = p.index, p.ignore[0] if p.ignore else None
    if (
        reduction not in ("mean", "sum")
        or softcap is not None
        or axis not in (-1, x.ndim - 1)
        or p.epsilon
        or len(p.ignore) > 1
        or p.sample_weight is not None
        or p.class_weight is not None
        or y.dtype is not torch.int64
        or y.shape != x.shape[:-1]
        or y.device != x.device
        or y.__class__ not in xp.PLAIN
        or not y.numel()
        or x.shape[-1] < 2
        or not (_taken(x) or stored.refuses(_labels(y, x, ignore), _logits(x)) is None)
    ):
        return None
    mean = reduction == "mean"
    if (
        x.numel() <= _SMALL
        and x.dtype is torch.float32
        and x.requires_grad
        and torch.is_grad_enabled()
        and x.is_contiguous()
        and y.is_contiguous()
    ):
        return _Small.apply(x, y, ignore, mean)
    return _Short.apply(x, y, ignore, mean)


# Elements whose gradient takes less time to make than to ask for a second time. A gradient of 16
# bits would be rounded again by what flows back.
_SMALL = 1 << 20


def _taken(x: Tensor) -> bool:
    """Whether the kernels take x, as they most often do; what they refuse is asked of them."""
    return x.is_cuda and x.dtype in FLOATS and "triton" in sys.modules and xp.ordinary(x)


def _divisor(y: Tensor, ignore: int | None, mean: bool) -> Any:
    """What the sum is divided by; where nothing counts the sum is 0, and so is the mean (N6)."""
    if not mean:
        return 1
    return y.numel() if ignore is None else (y != ignore).sum().clamp(min=1)


class _Small(torch.autograd.Function):
    """Loss and gradient by one launch, and the way back only multiplies."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, ignore: int | None, mean: bool) -> Tensor:
        divisor = _divisor(y, ignore, mean)
        known = isinstance(divisor, int)
        ctx.each = 1.0 / divisor if known else 1.0
        losses, ctx.gradient = small(x, y, ignore, ctx.each)
        ctx.save_for_backward(x, y)
        ctx.ignore, ctx.divisor = ignore, None if known else divisor
        if not mean:
            return losses.sum()
        return losses.mean() if known else losses.sum() / divisor

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        x, y = ctx.saved_tensors
        each = d_loss if ctx.divisor is None else d_loss / ctx.divisor
        if in_depth(d_loss):
            return (again(x, _plain(y, ctx.ignore), each * ctx.each), None, None, None)
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is None:
            # That of the forward pass has been given away.
            _, gradient = small(x, y, ctx.ignore, ctx.each)
        return (gradient.mul_(each), None, None, None)


def _plain(y: Tensor, ignore: int | None) -> Plain:
    return Plain(y, () if ignore is None else (ignore,))


def _labels(y: Tensor, x: Tensor, ignore: int | None) -> Unread:
    return Unread(tuple(y.shape), x.shape[-1], y.unsqueeze(-1), ignore=ignore)


def _logits(x: Tensor) -> Scores:
    return Scores("logits", x, x.ndim - 1)


class _Short(torch.autograd.Function):
    """One step forward and one back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, ignore: int | None, mean: bool) -> Tensor:
        result = stored.forward(_labels(y, x, ignore), _logits(x))
        ctx.save_for_backward(x, y, *result.residual)
        ctx.ignore, ctx.divisor = ignore, _divisor(y, ignore, mean)
        total = result.loss.sum()
        return total / ctx.divisor if mean else total

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        x, y, *residual = ctx.saved_tensors
        each = d_loss / ctx.divisor
        if in_depth(d_loss):
            return (
                again(x, _plain(y, ctx.ignore), each),
                None,
                None,
                None,
            )
        p = _labels(y, x, ctx.ignore)
        (gradient,) = stored.backward(p, _logits(x), residual, each, 0.0)
        return (gradient, None, None, None)
