"""Labels × stored logits by one C++ object: what P comes down to where it is made of labels."""

from __future__ import annotations

from typing import Any

from ..algebra.plain import Plain
from . import _cpu
from .processor import set_now, threads

Array = Any

REDUCTIONS = {"none": 0, "sum": 1, "mean": 2, "sum_over_batch_size": 3}


class Job:
    """One pair of labels and scores: arrays and addresses, as the kernels take them.

    `weights` are float64 without gaps, or None. Where something does not fit, `fits` says so: what
    it is says whoever has sentences for it. With `keeps` there may be a backward after the forward;
    else labels are read where they lie, and must stay there.
    """

    __slots__ = ("_labels", "axis", "dtype", "fits", "softcap", "workers")

    def __init__(
        self,
        labels: Any,
        kind: int,
        plain: Plain,
        weights: tuple[Any, Any],
        events: int,
        classes: int,
        axis: int,
        dtype: int,
        softcap: float | None,
        keeps: bool = True,
    ) -> None:
        self.workers = threads(events * classes)
        self._labels = _cpu.Labels(
            labels,
            kind,
            events,
            classes,
            plain.ignore,
            plain.epsilon,
            *weights,
            keeps,
            self.workers,
        )
        self.fits = self._labels.fits
        self.axis, self.dtype, self.softcap = axis, dtype, softcap or 0.0

    def forward(
        self, scores: Any, reduction: str, loss: Any = None, gradient: Any = None
    ) -> tuple[float, float]:
        """The divisor of the sum of the losses, below 0 where it is beyond float32; the loss."""
        return self._labels.forward(
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
        self._labels.backward(
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
