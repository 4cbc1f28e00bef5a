"""P × Logits on NumPy arrays: from the arrays to the reduced loss by one C++ object.

In a small batch it takes longer to find out what arrays are than to compute with them. Arrays that
lie without gaps, the classes last, C++ looks at by itself; others it is told of. Whatever is no
such call goes the long way to the same kernel.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...algebra.plain import AnyPlain, Plain, PlainRows, PlainYesNo
from ...native import _cpu
from ...native.labelled import Job, of_labels, of_rows, of_yes_no
from ...native.sums import F64, U8
from .arrays import tracing as tracing
from .memory import memory

Array = Any

_LABELS = {
    np.dtype(f"{sign}int{bits}"): bits // (-8 if sign else 8)
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}


# Those that C++ reads by itself: the code of what it computes with, or the bytes of an integer.
_READ: dict[Any, Any] = {
    np.dtype(kind): (code, 0)
    for kind in (np.float64, np.float32, np.float16, np.bool_)
    for code in (U8 if kind is np.bool_ else memory.code(np.empty(0, kind)),)
} | {dtype: (-1, size) for dtype, size in _LABELS.items()}


def _losses(wide: bool, shape: tuple[int, ...]) -> Array:
    """A new array for losses of this shape."""
    return np.empty(shape, np.float64 if wide else np.float32)


_PROBE = np.zeros((3, 5), np.float32)
_NUMBERS = np.float64, np.float32
_cpu.read_arrays(np.ndarray, _READ, _PROBE, _PROBE.ctypes.data, _losses, memory.like, _NUMBERS)
# H(P, Q) reduced, with its gradient or without, of arrays that C++ reads by itself.
whole = _cpu.loss_of_pair

_OURS = (np.ndarray, type(None))


def job_of(
    p: AnyPlain, x: Array, axis: int, softcap: float | None, keeps: bool = True
) -> Job | None:
    """The pair, or None for what is not plain; `keeps` where `gradient_of` may follow."""
    # Lists, and arrays of other frameworks, have sentences of their own.
    for array in p.arrays():
        if array.__class__ not in _OURS:
            return None
    dtype = memory.code(x)
    if dtype is None:
        return None
    if isinstance(p, PlainYesNo):
        job = _yes_no(p.probs, x, dtype)
    else:
        made: Any = _labelled if isinstance(p, Plain) else _rows
        job = made(p, x, dtype, axis % x.ndim, softcap, keeps)
    return job if job is not None and job.fits else None


def _labelled(
    p: Plain, x: Array, dtype: int, axis: int, softcap: float | None, keeps: bool
) -> Job | None:
    y, sample, by_class = p.index, p.sample_weight, p.class_weight
    shape = x.shape
    events, classes = shape[:axis] + shape[axis + 1 :], shape[axis]
    kind = _LABELS.get(y.dtype)
    if kind is None or y.shape != events:
        return None
    if sample is not None:
        if sample.shape != events:
            return None
        sample = np.require(sample, np.float64, ["C", "A"])
    if by_class is not None:
        if by_class.shape != (classes,):
            return None
        by_class = np.require(by_class, np.float64, ["C", "A"])
    labels = y if y.flags.c_contiguous and y.flags.aligned else np.require(y, y.dtype, ["C", "A"])
    size = prod(events), classes
    return of_labels(labels, kind, p, (sample, by_class), size, dtype, axis, softcap, keeps)


def _rows(
    p: PlainRows, x: Array, dtype: int, axis: int, softcap: float | None, keeps: bool
) -> Job | None:
    probs, code = p.probs, memory.code(p.probs)
    at_same = p.axis % probs.ndim == axis
    if code is None or probs.shape != x.shape or not at_same or not x.size:
        return None
    size = x.size // x.shape[axis], x.shape[axis]
    p_at = memory.exported(probs)
    return of_rows(p_at, code, p.tolerance, size, dtype, axis, softcap, keeps)


def _yes_no(y: Array, x: Array, dtype: int) -> Job | None:
    code = U8 if y.dtype == np.bool_ else memory.code(y)
    if code is None or y.shape != x.shape or not x.size:
        return None
    return of_yes_no(y if code == U8 else memory.exported(y), code, x.size, dtype)


def loss_of(
    job: Job, x: Array, reduction: str, events: Any, gradient: Array | None = None
) -> tuple[float, Any] | None:
    """The divisor and the reduced loss, None for a divisor that is beyond float32.

    `gradient` takes that of the loss, of the sum for "none".
    """
    kind = np.float64 if job.dtype == F64 else np.float32
    losses = np.empty(events, kind) if reduction == "none" else None
    to = None if gradient is None else memory.exported(gradient)
    divisor, loss = job.forward(memory.exported(x), reduction, losses, to)
    if divisor < 0:
        return None
    return divisor, kind(loss) if losses is None else losses


def gradient_of(job: Job, x: Array, d_loss: Any, gradient: Array) -> None:
    """The gradient of Σ d_loss · loss after `loss_of`: d_loss is a number or a float64 each."""
    number = d_loss.__class__ is float
    each = d_loss if number else np.ascontiguousarray(d_loss, np.float64)
    job.backward(memory.exported(x), each, memory.exported(gradient))


def _events(p: AnyPlain, x: Array, axis: int) -> tuple[int, ...]:
    if p.__class__ is PlainYesNo:
        return x.shape
    axis %= x.ndim
    return x.shape[:axis] + x.shape[axis + 1 :]


def short(p: AnyPlain, x: Array, axis: int, softcap: float | None, reduction: str) -> Any | None:
    """H(P, Logits(x)) reduced, or None for what is not plain."""
    job = job_of(p, x, axis, softcap, keeps=False)
    found = None if job is None else loss_of(job, x, reduction, _events(p, x, axis))
    return None if found is None else found[1]


def short_with_gradient(
    p: AnyPlain, x: Array, axis: int, softcap: float | None, reduction: str
) -> tuple[Any, Array] | None:
    """The same with the gradient of the loss, of the sum for "none"; None for what is not plain."""
    job = job_of(p, x, axis, softcap, keeps=False)
    if job is None:
        return None
    gradient = memory.like(x)
    found = loss_of(job, x, reduction, _events(p, x, axis), gradient)
    return None if found is None else (found[1], gradient)
