"""P × stored scores by one C++ object: labels, rows of probabilities, or yes/no targets."""

from __future__ import annotations

from sys import maxsize
from typing import Any

from ..algebra.plain import LABELS, OF_ROWS, OF_YES_NO, Plain, PlainLoss, PlainRows, PlainYesNo
from . import _cpu
from .processor import set_now, threads

Array = Any

_cpu.read_plain(Plain, PlainRows, PlainYesNo)

REDUCTIONS = {"none": 0, "sum": 1, "mean": 2, "sum_over_batch_size": 3}
_TARGETS = {LABELS: 0, OF_ROWS: 1, OF_YES_NO: 2}


def told(loss: PlainLoss, strict: bool = False) -> dict[str, int | float | bool]:
    """A loss as a program tells it to the kernels, by the names that `program_call.hpp` has.

    One mark of what does not count can be told, not several.
    """
    return {
        "set": set_now.get(),
        "target": _TARGETS[loss.target],
        "threads": threads(maxsize, spawned=True),
        "axis": loss.axis,
        "reduction": REDUCTIONS[loss.reduction],
        "ignores": bool(loss.ignore),
        "ignore": loss.ignore[0] if loss.ignore else 0,
        "epsilon": float(loss.epsilon),
        "tolerance": float(loss.tolerance),
        "softcap": float(loss.softcap or 0.0),
        "sampled": loss.sampled,
        "by_class": loss.by_class,
        "strict": strict,
    }


def loss_told(told: dict[str, Any]) -> PlainLoss:
    """The loss of which a program was told this."""
    return PlainLoss(
        (told["ignore"],) if told["ignores"] else (),
        told["epsilon"],
        told["sampled"],
        told["by_class"],
        told["axis"],
        told["softcap"] or None,
        next(name for name, code in REDUCTIONS.items() if code == told["reduction"]),
        next(name for name, code in _TARGETS.items() if code == told["target"]),
        told["tolerance"],
    )


class Job:
    """One pair of P and scores: arrays and addresses, as the kernels take them.

    `part` is what C++ has found out about P. Where something does not fit, `fits` says so: what it
    is says whoever has sentences for it.
    """

    __slots__ = ("axis", "dtype", "fits", "part", "softcap", "workers")

    def __init__(
        self, part: Any, workers: int, dtype: int, axis: int = 0, softcap: float | None = None
    ) -> None:
        self.part, self.workers, self.fits = part, workers, part.fits
        self.axis, self.dtype, self.softcap = axis, dtype, softcap or 0.0

    def forward(
        self, scores: Any, reduction: str, loss: Any = None, gradient: Any = None
    ) -> tuple[float, float]:
        """The divisor of the sum of the losses, below 0 where it is beyond float32; the loss."""
        return self.part.forward(
            set_now.get(),
            self.workers,
            scores,
            self.axis,
            self.dtype,
            self.softcap,
            REDUCTIONS[reduction],
            loss,
            gradient,
        )

    def backward(self, scores: Any, d_loss: Any, gradient: Any) -> None:
        """The gradient of Σ d_loss · loss, where d_loss is a number or a float64 per event."""
        number = d_loss.__class__ is float
        self.part.backward(
            set_now.get(),
            self.workers,
            scores,
            self.axis,
            self.dtype,
            self.softcap,
            d_loss if number else 1.0,
            None if number else d_loss,
            gradient,
        )


def of_labels(
    labels: Any,
    kind: int,
    plain: Plain,
    weights: tuple[Any, Any],
    shape: tuple[int, int],
    dtype: int,
    axis: int,
    softcap: float | None,
    keeps: bool = True,
) -> Job:
    """Labels × logits of `shape`, (events, classes); `weights` are float64 without gaps, or None.

    With `keeps` there may be a backward after the forward; else labels are read where they lie, and
    must stay there.
    """
    workers = threads(shape[0] * shape[1])
    ignore, epsilon = plain.ignore, plain.epsilon
    part = _cpu.Labels(labels, kind, *shape, ignore, epsilon, *weights, keeps, workers)
    return Job(part, workers, dtype, axis, softcap)


def of_rows(
    probs: Any,
    probs_dtype: int,
    tolerance: float,
    shape: tuple[int, int],
    dtype: int,
    axis: int,
    softcap: float | None,
    keeps: bool = True,
) -> Job:
    """Rows of probabilities × logits of `shape`, (events, classes), the classes of both on `axis`.

    A row sums to 1 within `tolerance`; `keeps` as in `of_labels`.
    """
    workers = threads(shape[0] * shape[1])
    part = _cpu.Rows(set_now.get(), probs, probs_dtype, axis, *shape, tolerance, keeps, workers)
    return Job(part, workers, dtype, axis, softcap)


def of_yes_no(target: Any, target_dtype: int, events: int, dtype: int) -> Job:
    """Yes/no targets × scores, as many as there are events."""
    workers = threads(events)
    part = _cpu.YesNo(set_now.get(), target, target_dtype, events, workers)
    return Job(part, workers, dtype)
