"""PyTorch's autograd around a kernel: what is saved for backward is the inputs and the residual.

Three ways lead to the same closed form. A plain backward runs the kernel. A backward that is to be
differentiated again runs the formula in PyTorch's own differentiable operations. Under the
transforms of torch.func, and in forward mode, everything runs in those operations. While a program
is being recorded (torch.compile, torch.export) the kernel is a custom operator.
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign, inf
from typing import Any

import torch

from ...algebra.derivatives import Call, along_scores, along_target, of_target, taken_apart
from ...algebra.scores import Versus
from . import arrays as xp
from .arrays import plain_total
from .modes import functorch
from .uncompiled_derivatives import Arrays, formula, in_depth, in_operations

Tensor = torch.Tensor
Reduced = Callable[[Tensor, "Tensor | None"], Tensor]


def losses(kernel: Any, measure: Any, scores: Any, log_z: bool) -> tuple[Tensor, Tensor | None]:
    """The loss per event, and log Z per event if it is asked for, differentiable."""
    if torch.compiler.is_compiling() and not getattr(kernel, "whole", True):
        # A kernel that has some of the classes looks at what other ranks have found.
        from .uncompiled import unrecorded

        return unrecorded(losses, kernel, measure, scores, log_z)
    if torch.compiler.is_compiling() and kernel.name != "formula":
        if isinstance(scores, Versus):
            from .compiled_pairs import recorded as recorded_pair

            return recorded_pair(kernel, measure, scores, log_z)
        from .compiled import recorded

        return recorded(kernel, measure, scores, log_z)
    call, arrays = taken_apart(kernel, measure, scores, log_z)
    if _transformed(arrays):
        if torch.compiler.is_compiling() or _forward_over_forward():
            # torch.compile traces no Function with a jvp, and PyTorch gives 0 for the second
            # derivative of one, so here PyTorch differentiates the formula.
            result = formula.forward(measure, scores)
            return result.loss, result.log_z
        return _Transformed.apply(call, *arrays)
    if torch.compiler.is_compiling():
        arrays = _distinct(arrays)
    return _Losses.apply(call, *arrays)


def summed(kernel: Any, measure: Any, scores: Any, divisor: Any) -> Tensor | None:
    """Σ loss / divisor as one step of autograd; None where the divisor has a gradient of its own.

    It waits for the device, so it is for the CPU.
    """
    known = not isinstance(divisor, torch.Tensor) or (
        divisor.numel() == 1 and not divisor.requires_grad and xp.plain(divisor)
    )
    array = scores.arrays()[0]
    if not known or not xp.plain(array):
        return None
    divisor = float(divisor)
    if divisor == 0.0:
        return None
    call, arrays = taken_apart(kernel, measure, scores, False)
    return _Sum.apply(call, divisor, *arrays)


def at_once(
    kernel: Any, measure: Any, scores: Any, divisor: Any, z_loss: float, reduced: Reduced
) -> Tensor | None:
    """The loss that `reduced` makes of losses and log Z, its gradients made with it.

    None where step by step is no longer: where no gradient is asked for, or one of P too, and where
    autograd is not all that looks on.
    """
    if torch.compiler.is_compiling() or not torch.is_grad_enabled():
        return None
    if not getattr(kernel, "at_once", False) or measure.total is not None:
        return None
    if isinstance(divisor, torch.Tensor) and divisor.requires_grad:
        return None
    call, arrays = taken_apart(kernel, measure, scores, z_loss != 0)
    wanted = [x is not None and x.requires_grad for x in arrays]
    if any(wanted[: call.parts]) or not any(wanted) or _transformed(arrays):
        return None
    one: Any = 1.0
    d_loss: Any = xp.ratio(one, divisor)
    if isinstance(d_loss, torch.Tensor) and not scores.arrays()[0].is_cuda:
        d_loss = float(d_loss)
    return _AtOnce.apply(call, d_loss, z_loss, reduced, *arrays)


def _forward_over_forward() -> bool:
    """Whether derivatives are carried along twice over."""
    stack = functorch.get_interpreter_stack() or ()
    return sum(level.key() == functorch.TransformType.Jvp for level in stack) > 1


def _distinct(arrays: Arrays) -> Arrays:
    """The same arrays, none of them twice: torch.compile does not trace a Function given that."""
    seen: list[Tensor] = []
    found: list[Tensor | None] = []
    for x in arrays:
        again = x is not None and any(x is other for other in seen)
        if x is not None:
            seen.append(x)
        found.append(x.view(x.shape) if x is not None and again else x)
    return tuple(found)


def _transformed(arrays: Arrays) -> bool:
    return any(x is not None and xp.transformed(x) for x in arrays)


def _save(ctx: Any, call: Call, arrays: Arrays, residual: Any) -> None:
    """Keep the inputs and two numbers per event: never the gaps that the formula has made."""
    ctx.call, ctx.count = call, len(arrays)
    ctx.save_for_backward(*arrays, *(residual if type(residual) is tuple else ()))


def _backward(ctx: Any, d_loss: Any, d_log_z: Any) -> Arrays:
    """The gradients of P's and Q's arrays, None where none is asked for."""
    saved = ctx.saved_tensors
    arrays, residual = saved[: ctx.count], saved[ctx.count :] or None
    call, needs = ctx.call, ctx.needs_input_grad[-ctx.count :]
    if in_depth(d_loss, d_log_z):
        return in_operations(call, arrays, needs, d_loss, d_log_z)
    measure, q = call.filled(arrays)
    found: list[Any] = [None] * ctx.count
    if any(needs[: call.parts]):
        found[: call.parts] = of_target(formula, measure, q, needs, d_loss)
    if any(needs[call.parts :]):
        if isinstance(q, Versus):
            q = q.wanting(needs[call.parts :])
        gradients = call.kernel.backward(measure, q, residual, d_loss, d_log_z)
        found[call.parts :] = gradients
    return tuple(g if need else None for g, need in zip(found, needs, strict=True))


class _Losses(torch.autograd.Function):
    """The loss per event and log Z per event."""

    @staticmethod
    def forward(ctx: Any, call: Call, *arrays: Tensor | None) -> tuple[Tensor, Tensor | None]:
        result = call.kernel.forward(*call.filled(arrays), log_z=call.log_z)
        _save(ctx, call, arrays, result.residual)
        ctx.set_materialize_grads(False)
        return result.loss, result.log_z if call.log_z else None

    @staticmethod
    def backward(ctx: Any, d_loss: Any, d_log_z: Any) -> Any:
        return (
            None,
            *_backward(ctx, 0.0 if d_loss is None else d_loss, 0.0 if d_log_z is None else d_log_z),
        )


class _Sum(torch.autograd.Function):
    """Σ loss / divisor: one step forward and one back, for small batches."""

    @staticmethod
    def forward(ctx: Any, call: Call, divisor: float, *arrays: Tensor | None) -> Tensor:
        result = call.kernel.forward(*call.filled(arrays))
        _save(ctx, call, arrays, result.residual)
        ctx.divisor = divisor
        value = plain_total(result.loss) / divisor
        try:
            return result.loss.new_full((), value)
        except RuntimeError:
            # What no float32 holds is infinite.
            return result.loss.new_full((), copysign(inf, value))

    @staticmethod
    def backward(ctx: Any, d_loss: Any) -> Any:
        each = d_loss / ctx.divisor if in_depth(d_loss) else d_loss.item() / ctx.divisor
        return (None, None, *_backward(ctx, each, 0.0))


class _AtOnce(torch.autograd.Function):
    """One number whose gradients are made in the forward pass: those where 1 flows back to it."""

    @staticmethod
    def forward(
        ctx: Any, call: Call, d_loss: Any, z_loss: float, reduced: Reduced, *arrays: Tensor | None
    ) -> Tensor:
        ctx.call, ctx.d_loss, ctx.z_loss, ctx.reduced = call, d_loss, z_loss, reduced
        ctx.save_for_backward(*arrays)
        result, ctx.gradients = _made_at_once(ctx, arrays, d_loss)
        return reduced(result.loss, result.log_z)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> Any:
        arrays, needs = ctx.saved_tensors, ctx.needs_input_grad[4:]
        if in_depth(d):
            # Step by step again, in what can be differentiated.
            with torch.enable_grad():
                value = ctx.reduced(*_Losses.apply(ctx.call, *arrays))
            wanted = [x for x, need in zip(arrays, needs, strict=True) if need]
            found = iter(torch.autograd.grad(value, wanted, d, create_graph=True))
            return (None,) * 4 + tuple(next(found) if need else None for need in needs)
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            # Those of the forward pass have been given away.
            each = ctx.d_loss * (d if d.is_cuda else d.item())
            _, gradients = _made_at_once(ctx, arrays, each)
        elif d.is_cuda or d.item() != 1.0:
            for g in gradients:
                if g is not None:
                    g.mul_(d)
        return (None,) * (4 + ctx.call.parts) + tuple(gradients)


def _made_at_once(ctx: Any, arrays: Arrays, d_loss: Any) -> tuple[Any, list[Tensor | None]]:
    """What the kernel finds, and the gradients of Q's arrays that are asked for."""
    call = ctx.call
    measure, q = call.filled(arrays)
    needs = ctx.needs_input_grad[4 + call.parts :]
    result, gradients = call.kernel.fused(measure, q, d_loss, ctx.z_loss, needs=needs)
    return result, list(gradients)


class _Transformed(torch.autograd.Function):
    """The same in PyTorch's own operations, for vmap, for forward mode and for what they nest."""

    generate_vmap_rule = True

    @staticmethod
    def forward(call: Call, *arrays: Tensor | None) -> tuple[Tensor, Tensor]:
        measure, scores = call.filled(arrays)
        result = formula.forward(measure, scores)
        return result.loss, result.log_z

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        call, *arrays = inputs
        ctx.call = call
        ctx.save_for_backward(*arrays)
        ctx.save_for_forward(*arrays)

    @staticmethod
    def backward(ctx: Any, d_loss: Tensor, d_log_z: Tensor) -> Any:
        needs = ctx.needs_input_grad[1:]
        return (None, *in_operations(ctx.call, ctx.saved_tensors, needs, d_loss, d_log_z))

    @staticmethod
    def jvp(ctx: Any, _: None, *tangents: Tensor | None) -> tuple[Tensor, Tensor]:
        return _along(ctx.call, ctx.saved_tensors, tangents)


def _along(call: Call, arrays: Arrays, tangents: Arrays) -> tuple[Tensor, Tensor]:
    """The change of the losses and of log Z per event as the arrays change by `tangents`."""
    measure, q = call.filled(arrays)
    array = q.arrays()[0]
    loss = along_target(formula, measure, q, tangents[: call.parts])
    log_z = xp.full(tuple(loss.shape), 0.0, array)
    moved = along_scores(formula, measure, q, tangents[call.parts :])
    if moved is not None:
        loss, log_z = loss + moved[0], log_z + moved[1]
    like = xp.statistics(array)
    return xp.cast_like(loss, like), xp.cast_like(log_z, like)
