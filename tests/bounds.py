"""What the contract of every number allows a result to be off by.

u is half the distance from 1 to the next number: 2⁻⁵³ for float64, 2⁻²⁴ for float32. float16 and
bfloat16 predictions have float32 statistics and losses, so their u is float32's; a gradient goes
back to its input's dtype, which rounds it once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from . import oracle
from .oracle import Real, mp

Array = npt.NDArray[Any]
Dtype = Any

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES: tuple[np.dtype[Any], ...] = (
    np.dtype(np.float64),
    np.dtype(np.float32),
    np.dtype(np.float16),
    BFLOAT16,
)
NARROW = DTYPES[2:]

# The slope that stands for an infinite one: -log of the least normal float64.
STEEPEST = -np.log(np.finfo(np.float64).tiny)


def loss_dtype(dtype: Dtype) -> np.dtype[Any]:
    """float64 for float64 predictions, float32 for all others."""
    return np.dtype(np.float64 if np.dtype(dtype) == np.float64 else np.float32)


def unit(dtype: Dtype) -> float:
    """u of the statistics that scores of this dtype have."""
    return 2.0**-53 if loss_dtype(dtype) == np.float64 else 2.0**-24


def least(dtype: Dtype) -> float:
    """The spacing of the subnormals, below which no error is relative to anything."""
    return float(ml_dtypes.finfo(dtype).smallest_subnormal)


def rounding(dtype: Dtype) -> float:
    """Half the distance from 1 to the next number of this very dtype."""
    return float(ml_dtypes.finfo(dtype).eps) / 2


def largest(dtype: Dtype) -> float:
    return float(ml_dtypes.finfo(dtype).max)


class Truth:
    """Exact numbers in two float64 parts, so that many results are held against them at once.

    actual - high is exact where the two are near one another, so `error` is right to 2⁻⁵² of
    itself, which mpmath would not improve on.
    """

    def __init__(self, values: Iterable[Real]) -> None:
        exact = list(values)
        self.high = np.array([float(v) for v in exact], dtype=np.float64)
        self.low = np.array(
            [
                float(v - oracle.real(h)) if np.isfinite(h) else 0.0
                for v, h in zip(exact, self.high, strict=True)
            ],
            dtype=np.float64,
        )

    def error(self, actual: Array) -> Array:
        return np.abs((actual - self.high) - self.low)


def within(actual: npt.ArrayLike, truth: Truth, allowed: Array | float, what: str = "") -> None:
    """|actual - truth| ≤ allowed; an infinity or NaN is met by itself alone."""
    values = np.asarray(actual).astype(np.float64).reshape(-1)
    assert values.shape == truth.high.shape, f"{what}: {values.shape} for {truth.high.shape}"
    with np.errstate(all="ignore"):
        error = truth.error(values)
        finite = np.isfinite(truth.high)
        good = np.where(
            finite,
            error <= allowed,
            (values == truth.high) | np.isnan(values) & np.isnan(truth.high),
        )
    for i in np.flatnonzero(~good)[:1]:
        raise AssertionError(
            f"{what}[{i}]: got {values[i]!r}, the truth is {truth.high[i]!r}, "
            f"off by {error[i]:.3g}, allowed {np.broadcast_to(allowed, values.shape)[i]:.3g}; "
            f"{np.count_nonzero(~good)} of {len(good)} are off"
        )


def relative(truth: Truth, dtype: Dtype, mass: Array | float = 1.0) -> Array:
    """(8 + |ln x|) u |x|, x the number for a unit of mass."""
    size = np.abs(truth.high)
    with np.errstate(all="ignore"):
        logarithm = np.abs(np.log(size / mass))
        return np.where(size > 0, (8 + logarithm) * unit(dtype) * size, 0.0)


def check_losses(
    actual: npt.ArrayLike,
    truth: Iterable[Real],
    dtype: Dtype,
    masses: Iterable[Real] | None = None,
    slack: Real = 0,
) -> None:
    """N1 for one loss per event; `masses` are those of the events, all 1 if not given."""
    Losses(truth, dtype, masses, slack).check(actual)


class Losses:
    """One true loss per event, and by how much N1 lets each be missed."""

    def __init__(
        self,
        truth: Iterable[Real],
        dtype: Dtype,
        masses: Iterable[Real] | None = None,
        slack: Any = 0,
    ) -> None:
        self.dtype, self.truth = loss_dtype(dtype), Truth(truth)
        mass = 1.0 if masses is None else np.array([float(m) or 1.0 for m in masses])
        allowed = relative(self.truth, dtype, mass) + np.array(slack, dtype=np.float64)
        # A subnormal result cannot be nearer than the next one; a 0 is exact.
        spacing = np.where(self.truth.high == 0, 0.0, least(self.dtype))
        self.allowed = np.maximum(allowed, spacing)
        self.truth.high[self.truth.high > largest(self.dtype)] = np.inf

    def check(self, actual: npt.ArrayLike) -> None:
        values = np.asarray(actual)
        assert values.dtype == self.dtype, values.dtype
        within(values, self.truth, self.allowed, "loss")


def check_loss(actual: Any, truth: Real, dtype: Dtype, mass: Real = 1, slack: Real = 0) -> None:
    """N1 for one loss."""
    check_losses(actual, [truth], dtype, [mass], slack)


class Gradient:
    """The true gradient of some components, and by how much N2 lets each be missed.

    For labels the error is relative, (8 + |ln g|) u; for soft targets absolute, 8 u · mass. A
    gradient of 16 bits is rounded once more. Where the mass is 0 nothing may be left of it.
    """

    def __init__(
        self, truth: Iterable[Real], dtype: Dtype, hard: bool, mass: Any = 1.0, slack: Any = 0.0
    ) -> None:
        self.dtype, self.truth = np.dtype(dtype), Truth(truth)
        size = np.broadcast_to(np.array(mass, dtype=np.float64), self.truth.high.shape)
        if hard:
            allowed = relative(self.truth, dtype, np.where(size > 0, size, 1.0))
            free = self.truth.high != 0
        else:
            allowed = 8 * unit(dtype) * size + np.array(slack, dtype=np.float64)
            free = size > 0
        if self.dtype in NARROW:
            allowed = allowed + rounding(dtype) * np.abs(self.truth.high)
        self.allowed = np.where(free, np.maximum(allowed, least(dtype)), 0.0)

    def check(self, actual: npt.ArrayLike) -> None:
        values = np.asarray(actual)
        assert values.dtype == self.dtype, values.dtype
        within(values, self.truth, self.allowed, "gradient")


def check_hard_gradient(
    actual: npt.ArrayLike, truth: Iterable[Real], dtype: Dtype, mass: Real = 1
) -> None:
    Gradient(truth, dtype, True, mass).check(actual)


def check_soft_gradient(
    actual: npt.ArrayLike, truth: Iterable[Real], dtype: Dtype, mass: Real = 1, slack: Real = 0
) -> None:
    Gradient(truth, dtype, False, mass, slack).check(actual)


def check(actual: Any, truth: Real, allowed: Any, what: str = "") -> None:
    within(actual, Truth([truth]), float(allowed), what)


def check_relative(
    actual: Any, truth: Real, dtype: Dtype, units: float = 8, what: str = ""
) -> None:
    """A relative error of a few units in the last place, for what is one number per call."""
    check(actual, truth, units * unit(dtype) * abs(truth) if mp.isfinite(truth) else 0, what)


@contextmanager
def noted(what: str) -> Iterator[None]:
    """A failure inside this block says which case it was."""
    try:
        yield
    except BaseException as error:  # of pytest, what is expected and does not come is no Exception
        error.add_note(what)
        raise
