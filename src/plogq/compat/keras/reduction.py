"""Keras' reductions: sample weights and masks of many shapes, from one loss per sample to one."""

from __future__ import annotations

import sys
from typing import Any

from ...frameworks import Verbs
from .inputs import like
from .quirks import count, shaped


def same_rank(x: Any, y: Any) -> tuple[Any, Any]:
    """The two, the last axis of one squeezed or added where ranks differ by 1, as in Keras."""
    if x.ndim == y.ndim + 1 and x.shape[-1] == 1:
        return (x, y[..., None]) if y.ndim == 1 else (x[..., 0], y)
    if y.ndim == x.ndim + 1 and y.shape[-1] == 1:
        return (x[..., None], y) if x.ndim == 1 else (x, y[..., 0])
    return x, y


def reduced(
    xp: Verbs, losses: Any, sample_weight: Any, mask: Any, reduction: str | None, dtype: str
) -> Any:
    """The losses, weighted and masked, and reduced to one of this dtype.

    "sum_over_batch_size" and "mean" divide by the number of losses, and under a mask by the number
    that is valid; "mean_with_sample_weight" divides by Σ w. 0 / 0 is 0. A single loss, and none in
    a batch, come back as they are.
    """
    values = xp.statistics(losses)
    weight = masked(xp, sample_weight, mask, values, reduction in ("mean", "sum_over_batch_size"))
    if weight is not None:
        values, weight = same_rank(values, weight)
        values = values * weight
    if reduction not in (None, "none") and tuple(values.shape) not in ((), (0,)):
        values = _of_all(xp, values, weight, reduction)
    return xp.to_dtype(values, dtype)


def masked(xp: Verbs, sample_weight: Any, mask: Any, values: Any, as_mean: bool) -> Any:
    """Sample weights that are 0 where the mask is, in the type of `values`, or None.

    For a mean over all, those that are left count for the ones that are not: total / valid.
    """
    weight = None
    if sample_weight is not None:
        weight = xp.cast_like(like(sample_weight, values), values)
    if mask is None:
        return weight
    mask = xp.cast_like(like(mask, values), values)
    if as_mean:
        mask = xp.where(mask != 0, xp.ratio(shaped(xp, count(xp, mask), mask), xp.total(mask)), 0.0)
        mask = xp.cast_like(mask, values)
    if weight is None:
        return mask
    mask, weight = same_rank(mask, weight)
    return weight * mask


def _of_all(xp: Verbs, values: Any, weight: Any, reduction: str | None) -> Any:
    """The sum of all values, or their mean."""
    loss = xp.total(values)
    if reduction != "sum":
        weighted = reduction == "mean_with_sample_weight" and weight is not None
        loss = xp.ratio(loss, xp.total(weight) if weighted else count(xp, values))
        loss = loss / replicas(xp)
    return xp.scalar_like(loss, values)


def replicas(xp: Verbs) -> int:
    """How many replicas of TensorFlow's strategy share the batch; Keras adds their losses up."""
    if xp.name != "tensorflow":
        return 1
    return sys.modules["tensorflow"].distribute.get_strategy().num_replicas_in_sync
