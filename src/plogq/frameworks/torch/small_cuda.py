"""Labels × Logits on a GPU, reduced to one number: the short way to the same kernel.

The kernel looks at the labels itself, so that none of the small operations are launched that would
say which are ignored or out of range. Nothing waits for the device.
"""

# PyTorch types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportIncompatibleMethodOverride=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import torch

from ...algebra.plain import Plain
from ...algebra.scores import Scores
from . import arrays as xp
from .triton.binding import Unread, stored
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
        or not xp.ordinary(y)
        or not y.numel()
        or x.shape[-1] < 2
        or stored.refuses(_labels(y, x, ignore), _logits(x)) is not None
    ):
        return None
    return _Short.apply(x, y, ignore, reduction == "mean")


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
        ctx.ignore, ctx.divisor = ignore, 1 if not mean else y.numel()
        if mean and ignore is not None:
            # Where nothing counts the sum is 0, and so is the mean (N6).
            ctx.divisor = (y != ignore).sum().clamp(min=1)
        total = result.loss.sum()
        return total / ctx.divisor if mean else total

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor) -> Any:
        x, y, *residual = ctx.saved_tensors
        each = d_loss / ctx.divisor
        if in_depth(d_loss):
            return (
                again(x, Plain(y, () if ctx.ignore is None else (ctx.ignore,)), each),
                None,
                None,
                None,
            )
        p = _labels(y, x, ctx.ignore)
        (gradient,) = stored.backward(p, _logits(x), residual, each, 0.0)
        return (gradient, None, None, None)
