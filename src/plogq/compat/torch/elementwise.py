"""torch's losses that take each element by itself, as the P and the Q that they stand for."""

from __future__ import annotations

import warnings
from typing import Any, cast

import torch

import plogq

from ... import BinaryLogits, BinaryProbs, Labels, LogProbs, Probs, Weighted
from ...frameworks.torch.arrays import plain
from ..declared import EXCLUSIVE, YES_NO, declares
from .quirks import (
    in_dtype,
    mean_of,
    reduction_name,
    require_floating,
    require_tensors,
    scalar_type,
    unchecked,
)

Tensor = torch.Tensor


@declares(
    "torch",
    "binary_cross_entropy",
    outcomes=YES_NO,
    target="the probability of yes, of the input's shape",
    prediction="the probability of yes",
    reduction="mean over the elements; sum; none",
    call="cross_entropy(Weighted(BinaryProbs(target), sample_weight=weight), BinaryProbs(input), "
    "reduction='sum_over_batch_size' if reduction == 'mean' else reduction)",
    quirks=(
        "logarithms stop at -100, and the gradient divides by max(x (1 - x), 1e-12)",
        "the mean divides by the number of elements, whatever their weights",
    ),
    note="What would cost more than 100 costs ∞ in plogq, as it is.",
)
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`torch.nn.functional.binary_cross_entropy`.

    `Weighted(Probs([1 - t, t]), sample_weight=w)` with `LogProbs([log(1 - x), log x])`, no
    log-probability below -100; the mean divides by the number of elements. The gradient divides
    by max(x (1 - x), 1e-12). The loss has the input's dtype.

    Raises:
        RuntimeError: an input or a target outside [0, 1] on the CPU, or of two dtypes, or a weight
            that does not broadcast to them.
        ValueError: two shapes, or a reduction that does not exist.
        TypeError: something that is no tensor.

    Examples:
        >>> import torch
        >>> from plogq.compat.torch import binary_cross_entropy
        >>> binary_cross_entropy(torch.tensor([0.8, 0.0]), torch.tensor([1.0, 1.0]))
        tensor(50.1116)
    """
    require_tensors("binary_cross_entropy", input=input, target=target, weight=weight)
    reduction = reduction_name(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}) is deprecated. Please ensure they have the same size: write "
            "target.reshape(input.shape) if they hold the same outcomes"
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(
            f"Found dtype {scalar_type(target)} but expected {scalar_type(input)}; write "
            "target.to(input.dtype)"
        )
    require_floating("binary_cross_entropy", input)
    for role, x in (("input", input), ("target", target)):
        _check_unit(role, x)
    y = _statistics(target)
    p = Probs(torch.stack((1.0 - y, y)), axis=0)
    # torch.compile records no function that says its own forward mode.
    clamped = _ClampedLogs if torch.compiler.is_compiling() else _ClampedLogsForward
    clamped_logs = cast(Any, clamped).apply
    q = LogProbs(clamped_logs(_statistics(input)), axis=0)
    return _reduced(p, q, input, weight, reduction, input.dtype)


@declares(
    "torch",
    "binary_cross_entropy_with_logits",
    outcomes=YES_NO,
    target="the probability of yes, of the input's shape",
    prediction="scores",
    reduction="mean over the elements; sum; none",
    call="cross_entropy(Weighted(BinaryProbs(target), sample_weight=weight, class_weight=None if "
    "pos_weight is None else (1.0, pos_weight)), BinaryLogits(input), "
    "reduction='sum_over_batch_size' if reduction == 'mean' else reduction)",
    quirks=("the mean divides by the number of elements, whatever their weights",),
    note="plogq's own mean divides by Σ mass, so that weights do not change its size.",
)
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`torch.nn.functional.binary_cross_entropy_with_logits`.

    `Weighted(BinaryProbs(t), class_weight=(1, pos_weight), sample_weight=w)` with
    `BinaryLogits(x)`; the mean divides by the number of elements. The loss has the target's dtype.

    Raises:
        RuntimeError: an input or a target that is not floating point, or a weight that does not
            broadcast to the input.
        ValueError: two shapes, or a reduction that does not exist.
        TypeError: something that is no tensor.

    Examples:
        >>> import torch
        >>> from plogq.compat.torch import binary_cross_entropy_with_logits
        >>> x, y = torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0])
        >>> binary_cross_entropy_with_logits(x, y, pos_weight=torch.tensor(3.0))
        tensor(0.3470)
    """
    name = "binary_cross_entropy_with_logits"
    require_tensors(name, input=input, target=target, weight=weight, pos_weight=pos_weight)
    reduction = reduction_name(size_average, reduce, reduction)
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape}): write "
            "target.reshape(input.shape) if they hold the same outcomes"
        )
    require_floating(name, input)
    if not target.is_floating_point():
        raise RuntimeError(
            f"result type {scalar_type(input)} can't be cast to the desired output type "
            f"{scalar_type(target)}; write target.to(input.dtype)"
        )
    shape = input.shape
    if pos_weight is None:
        p: Any = BinaryProbs(target)
    else:
        sides = _sides(pos_weight, input)
        # A class weight without axes is read as a number; one axis keeps it an array.
        input, target = (x if shape else x.reshape(1) for x in (input, target))
        with unchecked():
            p = Weighted(BinaryProbs(target), class_weight=sides)
    loss = _reduced(p, BinaryLogits(input), input, weight, reduction, target.dtype)
    return loss if shape else loss.reshape(())


@declares(
    "torch",
    "kl_div",
    outcomes=EXCLUSIVE,
    target="probabilities, or log-probabilities with log_target",
    prediction="log-probabilities, taken as they are",
    reduction="mean over elements; batchmean over events; sum; none, per element",
    call="kl_divergence(Probs(target), LogProbs(input))",
    quirks=(
        "every element is an event of its own, and the two broadcast",
        "the mean divides by the number of elements; batchmean by the length of the first axis",
    ),
    note="The call is that of reduction='batchmean' with two axes, which is the divergence per "
    "event.",
)
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """`torch.nn.functional.kl_div`.

    Every element is an event of its own: t · (log t - x) is the cost -log(q / p) of an outcome
    of mass t, `Weighted(Labels(0), sample_weight=t)` with `LogProbs(x - log t)`. The two shapes
    broadcast; "batchmean" divides by the length of the input's first axis, "mean" by the number of
    elements.

    Raises:
        RuntimeError: an input or a target that is not floating point, or shapes that do not
            broadcast.
        ValueError: a reduction that does not exist.
        TypeError: something that is no tensor.

    Examples:
        >>> import torch
        >>> from plogq.compat.torch import kl_div
        >>> q, p = torch.tensor([[0.25, 0.5, 0.25]]), torch.tensor([[0.5, 0.25, 0.25]])
        >>> kl_div(q.log(), p, reduction="batchmean")
        tensor(0.1733)
    """
    require_tensors("kl_div", input=input, target=target)
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size: "
            "write reduction='batchmean' for the Kullback-Leibler divergence per event",
            stacklevel=2,
        )
    each = "sum" if reduction == "batchmean" else reduction
    each = reduction_name(size_average, reduce, each)
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError(
            "kl_div: Integral inputs not supported: input holds log-probabilities and target "
            f"probabilities, got {scalar_type(input)} and {scalar_type(target)}; write x.float()"
        )
    dtype = torch.promote_types(input.dtype, target.dtype)
    broadcast = cast(Any, torch).broadcast_tensors
    x, t = broadcast(_statistics(input), _statistics(target))
    mass, log_t = (t.exp(), t) if log_target else (t, t.log())
    log_ratio = x - log_t
    if each == "none" or x.numel() < 2:
        # Exclusive classes are two at least, so the one outcome is seen twice: a view, not a copy.
        q = LogProbs(log_ratio.unsqueeze(-1).expand(*x.shape, 2))
        y = torch.zeros((), dtype=torch.int64, device=x.device).expand(x.shape)
        loss = _reduced(Labels(y), q, x, mass, each, dtype)
    else:
        # A sum over elements is that of one event, of which they are the classes.
        p, q = Probs(mass.reshape(-1)), LogProbs(log_ratio.reshape(-1))
        with unchecked():
            count = x.numel() if each == "mean" else None
            loss = plogq.cross_entropy(p, q, reduction="sum", normalizer=count)
        loss = in_dtype(loss, dtype)
    return loss / input.shape[0] if reduction == "batchmean" and input.ndim else loss


def _reduced(
    p: Any, q: Any, like: Tensor, weight: Tensor | None, reduction: str, dtype: torch.dtype
) -> Tensor:
    """The losses of elements, weighted; torch's mean divides by their number, not their mass."""
    with unchecked():
        if weight is not None:
            p = Weighted(p, sample_weight=_expanded(weight, like))
        how = "sum_over_batch_size" if reduction == "mean" else reduction
        loss = plogq.cross_entropy(p, q, reduction=how)
    if reduction == "mean" and not like.numel():
        loss = mean_of(loss, 0)
    return in_dtype(loss, dtype)


def _expanded(weight: Tensor, like: Tensor) -> Tensor:
    """A weight for every element; it may broadcast, but not beyond them."""
    try:
        return weight.expand(like.shape)
    except RuntimeError:
        raise RuntimeError(
            f"weight has shape {list(weight.shape)}, which does not broadcast to the input's "
            f"shape {list(like.shape)}"
        ) from None


def _sides(pos_weight: Tensor, like: Tensor) -> tuple[Any, Any]:
    """The weights of no and yes: numbers where that waits for nothing, which the kernels take."""
    each = _expanded(pos_weight, like)
    if pos_weight.numel() == 1 and not pos_weight.requires_grad and plain(pos_weight):
        return 1.0, float(pos_weight)
    return pos_weight.new_ones(1), each if each.ndim else each.reshape(1)


def _statistics(x: Tensor) -> Tensor:
    """x in the type that its logarithms are taken in."""
    return x.float() if x.dtype.itemsize < 4 else x


def _check_unit(role: str, x: Tensor) -> None:
    if not plain(x) or not x.numel():
        return
    low, high = torch.aminmax(x.detach())
    # Written so that NaN is refused too, as torch does.
    if not (low >= 0 and high <= 1):
        hint = "; these look like scores, write binary_cross_entropy_with_logits"
        raise RuntimeError(
            f"all elements of {role} should be between 0 and 1, and they go from {float(low):.6g} "
            f"to {float(high):.6g}{hint if role == 'input' else ''}"
        )


class _ClampedLogs(torch.autograd.Function):
    """[log(1 - x), log x], no less than -100, and torch's gradient of what is made of them.

    It is that of the logarithms, with x (1 - x) never below 1e-12.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.stack(((-x).log1p(), x.log())).clamp_min(-100.0)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Tensor:
        (x,) = ctx.saved_tensors
        no, yes = grad_outputs[0].unbind()
        return (yes * (1.0 - x) - no * x) / (x * (1.0 - x)).clamp_min(1e-12)


class _ClampedLogsForward(_ClampedLogs):
    """The same, and its forward mode."""

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Tensor:
        (x,) = ctx.saved_tensors
        each = grad_inputs[0] / (x * (1.0 - x)).clamp_min(1e-12)
        return torch.stack((-x * each, (1.0 - x) * each))
