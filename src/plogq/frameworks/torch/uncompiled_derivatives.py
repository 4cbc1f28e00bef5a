"""Gradients in PyTorch's own operations, differentiable again, and when they are asked for."""

from __future__ import annotations

from typing import Any

import torch

from ...algebra.derivatives import Call, of_target, taken_apart
from ...algebra.formula import Formula
from ...algebra.plain import AnyPlain, PlainYesNo
from ...algebra.scores import BinaryScores, Scores
from . import arrays as xp

Tensor = torch.Tensor
Arrays = tuple[Tensor | None, ...]

formula = Formula(xp)


def in_depth(*upstream: Any) -> bool:
    """Whether this backward is itself to be differentiated, or runs inside a transform."""
    if torch.is_grad_enabled():
        return True
    for x in upstream:  # noqa: SIM110 - a generator takes longer than the checks
        if isinstance(x, torch.Tensor) and xp.transformed(x):
            return True
    return False


def in_operations(call: Call, arrays: Arrays, needs: Any, d_loss: Any, d_log_z: Any) -> Arrays:
    """The gradients in PyTorch's own operations, differentiable again."""
    if not getattr(call.kernel, "whole", True):
        call.kernel.refuse_operations()
    measure, q = call.filled(arrays)
    found: list[Any] = [None] * len(arrays)
    if any(needs[: call.parts]):
        found[: call.parts] = of_target(formula, measure, q, needs, d_loss)
    if any(needs[call.parts :]):
        found[call.parts :] = formula.backward(measure, q, None, d_loss, d_log_z)
    return tuple(g if need else None for g, need in zip(found, needs, strict=True))


def again(x: Tensor, p: AnyPlain, d_loss: Tensor, softcap: float | None = None) -> Tensor | None:
    """The gradient in PyTorch's own operations, differentiable again; `d_loss` is per event."""
    measure = p.measure(xp, x.shape[-1] if x.ndim else 1)
    if p.__class__ is PlainYesNo:
        q: Any = BinaryScores("logits", x)
    else:
        q = Scores("logits", x, x.ndim - 1, softcap)
    call, arrays = taken_apart(formula, measure, q, False)
    return in_operations(call, arrays, [a is x for a in arrays], d_loss, 0.0)[-1]
