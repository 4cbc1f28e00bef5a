"""torch's losses over exclusive classes, each as the P and the Q that it stands for."""

from __future__ import annotations

import re
from math import prod
from typing import Any

import torch

import plogq

from ... import Labels, Logits, LogProbs, Probs, Smoothed, Weighted
from ...errors import LabelError
from ..declared import EXCLUSIVE, declares
from .quirks import (
    counted,
    in_dtype,
    mean_of,
    reduction_name,
    require_floating,
    require_tensors,
    scalar_type,
    unchecked,
)

Tensor = torch.Tensor

_MEANS = (
    "the mean is NaN where nothing counts",
    "labels are int64 or uint8",
    "one class costs 0",
)


@declares(
    "torch",
    "cross_entropy",
    outcomes=EXCLUSIVE,
    target="a class index per event; or a distribution, of the input's shape",
    prediction="scores, classes on axis 1",
    reduction="mean over the mass; sum; none",
    call="cross_entropy(Weighted(Smoothed(Labels(target, ignore=ignore_index), label_smoothing), "
    "class_weight=weight), Logits(input, axis=1), reduction=reduction)",
    quirks=(
        *_MEANS,
        "the mean divides by Σ w_y of the labels, smoothed or not",
        "with distributions the mean divides by the number of events, and a / K is spread whatever "
        "a row sums to",
    ),
    note="The shape of the target says whether it is hard or soft. A distribution is "
    "Probs(target, axis=1).",
)
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """`torch.nn.functional.cross_entropy`.

    Class indices: `Weighted(Smoothed(Labels(y, ignore=-100), a), class_weight=w)` with
    `Logits(x, axis=1)`, and the mean divides by Σ w_y over the labels that are kept; NaN where
    none is. Probabilities, of the shape of `input`: `Weighted(Probs(t), class_weight=w)`, and the
    mean divides by the number of events. The loss has the input's dtype.

    Raises:
        IndexError: a label outside the classes.
        ValueError, RuntimeError: shapes, dtypes and options where torch raises them.
        TypeError: something that is no tensor.

    Examples:
        >>> import torch
        >>> from plogq.compat.torch import cross_entropy
        >>> cross_entropy(torch.tensor([[2.0, 5.0, 1.0]]), torch.tensor([1]))
        tensor(0.0659)
    """
    require_tensors("cross_entropy", input=input, target=target, weight=weight)
    reduction = reduction_name(size_average, reduce, reduction)
    require_floating("cross_entropy", input)
    shape = tuple(input.shape)
    options = (weight, ignore_index, reduction, label_smoothing)
    if target.shape == input.shape:
        return of_probabilities(Logits, input, shape, target, *options)
    return of_indices(Logits, input, shape, target, *options)


@declares(
    "torch",
    "nll_loss",
    outcomes=EXCLUSIVE,
    target="a class index per event",
    prediction="log-probabilities, taken as they are, classes on axis 1",
    reduction="mean over the mass; sum; none",
    call="cross_entropy(Weighted(Labels(target, ignore=ignore_index), class_weight=weight), "
    "LogProbs(input, axis=1), reduction=reduction)",
    quirks=_MEANS,
    note="Scores need no log_softmax first: write Logits(scores, axis=1).",
)
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`torch.nn.functional.nll_loss`.

    `Weighted(Labels(y, ignore=-100), class_weight=w)` with `LogProbs(x, axis=1)`, which are taken
    as they are; reductions and dtypes are those of `cross_entropy`.

    Raises:
        IndexError: a label outside the classes.
        ValueError, RuntimeError: shapes, dtypes and options where torch raises them.
        TypeError: something that is no tensor.

    Examples:
        >>> import torch
        >>> from plogq.compat.torch import nll_loss
        >>> nll_loss(torch.tensor([[0.1, 0.8, 0.1]]).log(), torch.tensor([1]))
        tensor(0.2231)
    """
    require_tensors("nll_loss", input=input, target=target, weight=weight)
    reduction = reduction_name(size_average, reduce, reduction)
    require_floating("nll_loss", input)
    shape = tuple(input.shape)
    return of_indices(LogProbs, input, shape, target, weight, ignore_index, reduction, 0.0)


def of_indices(
    prediction: Any,
    input: Tensor,
    shape: tuple[int, ...],
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """Class indices and a prediction whose scores have this shape."""
    axis, classes = _class_axis(shape)
    _check_smoothing(smoothing)
    _check_weight(weight, classes, "")
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_type(input)} but found {scalar_type(weight)}: the "
            "weights have the input's dtype, write weight.to(input.dtype)"
        )
    if axis and target.ndim and target.shape[0] != shape[0]:
        raise ValueError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size "
            f"({target.shape[0]}): input has shape {list(shape)}, the classes on axis 1, and "
            f"target {list(target.shape)}"
        )
    if target.dtype not in (torch.int64, torch.uint8):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_type(target)}; write "
            "target.long() for class indices; class probabilities have the shape of the input, "
            f"{list(shape)}"
        )
    _check_events(shape, tuple(target.shape), axis)
    # ignore_index is compared as a number: 156 is not -100, though as uint8 they are one.
    y = target.long().reshape(()) if len(shape) == 1 else target.long()
    if classes < 2:
        _check_few(y, classes, ignore_index)
        input, weight, smoothing = _widened(input, axis, classes), _of_few(weight), 0.0
    p: Any = Labels(y, ignore=ignore_index)
    if smoothing > 0:
        p = Smoothed(p, smoothing)
    normalizer = None
    if weight is not None:
        # Each class's share of a smoothed label has that class's weight: torch's formula. Its mean
        # divides by the weights of the labels alone.
        with unchecked():
            p = Weighted(p, class_weight=weight)
        if reduction == "mean":
            normalizer = _mass(y, weight, ignore_index)
    try:
        # torch takes log-probabilities as they come.
        with unchecked():
            loss = plogq.cross_entropy(
                p, prediction(input, axis=axis), reduction=reduction, normalizer=normalizer
            )
    except LabelError as error:
        # torch raises an IndexError, and has another name for the label that is ignored.
        said = re.sub(r"Labels\(y, ignore=(-?\d+)\)", r"ignore_index=\1", str(error))
        raise IndexError(f"Target is out of bounds: {said}") from None
    if reduction == "mean" and not counted(loss):
        loss = mean_of(loss, (y != ignore_index).any() if normalizer is None else normalizer)
    return in_dtype(loss, input.dtype)


def of_probabilities(
    prediction: Any,
    input: Tensor,
    shape: tuple[int, ...],
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    """A probability for every class, and a prediction whose scores have this shape."""
    axis, classes = _class_axis(shape)
    if not target.is_floating_point():
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{scalar_type(target)}: a target of the input's shape {list(shape)} holds "
            "probabilities, write target.float(); class indices have that shape without axis "
            f"{axis}"
        )
    _check_smoothing(smoothing)
    if ignore_index >= 0:
        raise RuntimeError(
            "ignore_index is not supported for floating point target; give events that do not "
            "count a row of zeros"
        )
    _check_weight(weight, classes, "cross_entropy: ")
    dtype = torch.promote_types(input.dtype, target.dtype)
    if classes < 2:
        input, target = (_widened(x, axis, classes, probs=x is target) for x in (input, target))
        weight, smoothing = _of_few(weight), 0.0
    if smoothing > 0:
        # torch spreads a / K whatever a row sums to; `Smoothed` would spread a · mass / K.
        target = target * (1.0 - smoothing) + smoothing / classes
    p: Any = Probs(target, axis=axis)
    events = prod(shape[:axis] + shape[axis + 1 :])
    with unchecked():
        if weight is not None:
            dtype = torch.promote_types(dtype, weight.dtype)
            p = Weighted(p, class_weight=weight)
        # torch's mean divides by the number of events, whatever their mass.
        how = "sum_over_batch_size" if reduction == "mean" else reduction
        loss = plogq.cross_entropy(p, prediction(input, axis=axis), reduction=how)
    if reduction == "mean" and not events * classes:
        loss = mean_of(loss, 0)
    return in_dtype(loss, dtype)


def _mass(y: Tensor, weight: Tensor, ignore_index: int) -> Tensor:
    """Σ w_y over the labels that are kept, in float32 at least."""
    flat = y.reshape(-1)
    each = weight.gather(0, flat.clamp(0, len(weight) - 1))
    kept = torch.where(flat == ignore_index, 0, each)
    return kept.sum(dtype=torch.promote_types(weight.dtype, torch.float32))


def _class_axis(shape: tuple[int, ...]) -> tuple[int, int]:
    """The axis that torch takes for the classes, and their number."""
    if not shape:
        raise IndexError(
            "input is a single number, it needs a class axis: shape (C), (N, C) or (N, C, d1, …)"
        )
    axis = 0 if len(shape) == 1 else 1
    return axis, shape[axis]


def _check_smoothing(smoothing: float) -> None:
    # torch lets a smoothing below 0 pass, as no smoothing.
    if smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {smoothing}")


def _check_weight(weight: Tensor | None, classes: int, where: str) -> None:
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"{where}weight tensor should be defined either for all {classes} classes or no "
            f"classes but got weight tensor of shape: {list(weight.shape)}"
        )


def _check_events(shape: tuple[int, ...], target: tuple[int, ...], axis: int) -> None:
    """Class indices have the input's shape without its class axis."""
    expected = shape[:axis] + shape[axis + 1 :]
    if target == expected:
        return
    if axis == 0:
        # torch takes one label with an axis of its own, too.
        if target != (1,):
            raise ValueError(
                f"For 1D input, 1D target must have size 1, but got target of shape {list(target)};"
                " a batch of inputs has shape (N, C)"
            )
    else:
        hint = "; 0D or 1D target tensor expected, multi-target not supported"
        raise RuntimeError(
            f"Expected target size {list(expected)}, got {list(target)}: input has shape "
            f"{list(shape)}, the classes on axis 1{hint if len(shape) == 2 else ''}"
        )


def _check_few(y: Tensor, classes: int, ignore_index: int) -> None:
    """The range of labels where there are no classes, or one: 0, which costs nothing."""
    if torch.compiler.is_compiling() or not y.is_cpu:
        return
    bad = ((y < 0) | (y >= classes)) & (y != ignore_index)
    if bad.any():
        raise IndexError(f"Target {y[bad][0].item()} is out of bounds: there is {classes} class")


def _of_few(weight: Tensor | None) -> Tensor | None:
    """The weights of no class or of one, and 0 for those that are added."""
    if weight is None:
        return None
    return torch.cat((weight, weight.new_zeros(2 - len(weight))))


def _widened(x: Tensor, axis: int, classes: int, probs: bool = False) -> Tensor:
    """x with two classes where it has none or one: those that are added are ruled out.

    plogq refuses one exclusive class, whose loss is always 0; torch returns that 0.
    """
    filling = (0.0, 0.0) if probs else (0.0, float("-inf"))
    tail = x.new_tensor(filling[classes:])
    size = list(x.shape)
    size[axis] = len(tail)
    shape = [1] * x.ndim
    shape[axis] = len(tail)
    return torch.cat((x, tail.reshape(shape).expand(size)), dim=axis)
