"""Labels × Logits on NumPy arrays: from the arrays to the reduced loss by one C++ object.

In a small batch it takes longer to find out what arrays are than to compute with them: what most
calls are is recognised by a few comparisons. Whatever is not, goes the long way to the same kernel.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...native.labelled import Job, Plain
from ...native.sums import F64
from .memory import memory

Array = Any

_LABELS = {
    np.dtype(f"{sign}int{bits}"): bits // (-8 if sign else 8)
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}


_OURS = (np.ndarray, type(None))


def _job(p: Plain, x: Array, axis: int, softcap: float | None) -> Job | None:
    """The pair, or None for what is not plain."""
    y, sample, by_class = p.index, p.sample_weight, p.class_weight
    # Lists, and arrays of other frameworks, have sentences of their own.
    if y.__class__ not in _OURS or sample.__class__ not in _OURS or by_class.__class__ not in _OURS:
        return None
    axis %= x.ndim
    shape = x.shape
    events, classes = shape[:axis] + shape[axis + 1 :], shape[axis]
    kind, dtype = _LABELS.get(y.dtype), memory.code(x)
    if kind is None or dtype is None or y.shape != events:
        return None
    if sample is not None:
        if sample.shape != events:
            return None
        sample = np.require(sample, np.float64, "CA")
    if by_class is not None:
        if by_class.shape != (classes,):
            return None
        by_class = np.require(by_class, np.float64, "CA")
    labels = y if y.flags.c_contiguous and y.flags.aligned else np.require(y, None, "CA")
    job = Job(labels, kind, p, (sample, by_class), prod(events), classes, axis, dtype, softcap)
    return job if job.fits else None


def short(p: Plain, x: Array, axis: int, softcap: float | None, reduction: str) -> Any | None:
    """H(P, Logits(x)) reduced, or None for what is not plain."""
    job = _job(p, x, axis, softcap)
    if job is None:
        return None
    kind = np.float64 if job.dtype == F64 else np.float32
    losses = np.empty(p.index.shape, kind) if reduction == "none" else None
    divisor, loss = job.forward(memory.exported(x), reduction, losses)
    if divisor < 0:
        return None
    return kind(loss) if losses is None else losses


def short_with_gradient(
    p: Plain, x: Array, axis: int, softcap: float | None, reduction: str
) -> tuple[Any, Array] | None:
    """The same with the gradient of the loss, of the sum for "none"; None for what is not plain."""
    job = _job(p, x, axis, softcap)
    if job is None:
        return None
    kind = np.float64 if job.dtype == F64 else np.float32
    losses = np.empty(p.index.shape, kind) if reduction == "none" else None
    gradient = memory.like(x)
    divisor, loss = job.forward(memory.exported(x), reduction, losses, memory.exported(gradient))
    if divisor < 0:
        return None
    return (kind(loss) if losses is None else losses), gradient
