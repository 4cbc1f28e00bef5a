"""torch's loss of hidden states and a weight matrix, as the Q that leads to scores."""

from __future__ import annotations

from typing import Any

import torch

from ... import LinearLogits
from ...frameworks.torch.arrays import transformed
from ..declared import EXCLUSIVE, declares
from .classes import cross_entropy, of_indices, of_probabilities
from .quirks import reduction_name, require_tensors

Tensor = torch.Tensor


@declares(
    "torch",
    "linear_cross_entropy",
    outcomes=EXCLUSIVE,
    target="a class index per event; or a distribution, of the shape of the scores",
    prediction="what leads to scores: hidden states and a weight matrix [K, D]",
    reduction="mean over the mass; sum; none",
    call="cross_entropy(Weighted(Smoothed(Labels(target, ignore=ignore_index), label_smoothing), "
    "class_weight=weight), LinearLogits(input, linear_weight, linear_bias), reduction=reduction)",
    quirks=("those of cross_entropy", "`options` are accepted and mean nothing"),
    note="plogq never stores the scores, whatever the options.",
)
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """`torch.nn.functional.linear_cross_entropy`.

    `cross_entropy` with `LinearLogits(input, linear_weight, linear_bias)`, whose scores are never
    stored; a weight with more than two axes goes through stored scores. `options` says how torch
    cuts its batches, which means nothing here: it is accepted and ignored.

    Raises:
        IndexError: a label outside the classes.
        ValueError, RuntimeError: shapes, dtypes and options where torch raises them.
        TypeError: something that is no tensor.

    Examples:
        >>> import torch
        >>> from plogq.compat.torch import linear_cross_entropy
        >>> hidden, weight = torch.eye(2), torch.tensor([[2.0, 0.0], [5.0, 1.0], [1.0, 0.0]])
        >>> linear_cross_entropy(hidden, weight, torch.tensor([1, 1]))
        tensor(0.3087)
    """
    require_tensors("linear_cross_entropy", input=input, linear_weight=linear_weight)
    require_tensors("linear_cross_entropy", input=input, target=target, weight=weight)
    shape = _projected_shape(input, linear_weight, linear_bias)
    reduction = reduction_name(None, None, reduction)
    soft = tuple(target.shape) == shape
    if soft and ignore_index is not None:
        raise RuntimeError(
            "ignore_index cannot be specified when target contains probabilities; leave it out, "
            "or give events that do not count a row of zeros"
        )
    ignored = -100 if ignore_index is None else ignore_index
    arrays = [x for x in (input, linear_weight, linear_bias) if x is not None]
    # Nor do torch.func and forward mode go through scores that are never stored.
    stored = linear_weight.ndim > 2 or shape[-1] < 2 or any(map(transformed, arrays))
    if stored or len({x.dtype for x in arrays}) > 1:
        flat = linear_weight.reshape(-1, linear_weight.shape[-1])
        bias = None if linear_bias is None else linear_bias.reshape(-1)
        scores = torch.nn.functional.linear(input, flat, bias).reshape(shape)
        return cross_entropy(
            scores,
            target,
            weight,
            ignore_index=ignored,
            reduction=reduction,
            label_smoothing=label_smoothing,
        )

    def projected(hidden: Tensor, axis: int) -> LinearLogits:
        return LinearLogits(hidden, linear_weight, linear_bias)

    of = of_probabilities if soft else of_indices
    return of(projected, input, shape, target, weight, ignored, reduction, label_smoothing)


def _projected_shape(input: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[int, ...]:
    """The shape of the scores: [*batch, C, *out_features]."""
    if not 1 <= input.ndim <= 2:
        raise RuntimeError(
            f"expected input with dimensionality 1 or 2, got {input.ndim}; write "
            "input.flatten(0, -2) and target.flatten()"
        )
    if weight.ndim < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {weight.ndim}: it is "
            "[C, in_features], as torch.nn.Linear has it"
        )
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {weight.shape[-1]}, respectively"
        )
    scores = tuple(weight.shape[:-1])
    if bias is not None and tuple(bias.shape) != scores:
        raise RuntimeError(f"expected linear_bias shape {scores}, got {tuple(bias.shape)}")
    if weight.ndim > 2 and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires "
            f"batched input, (N, {input.shape[-1]}), got unbatched input with shape "
            f"{tuple(input.shape)}; write input[None]"
        )
    return (*input.shape[:-1], *scores)
