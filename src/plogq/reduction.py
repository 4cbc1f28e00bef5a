"""From one loss per event to one loss: none, sum, mean, sum_over_batch_size, normalizer."""

from __future__ import annotations

from math import frexp, isinf, isnan, prod
from typing import Any

from . import checks
from .algebra import reducing
from .algebra.open_lengths import known
from .algebra.reducing import Massive
from .algebra.reducing import reduce as reduce
from .errors import DtypeError, ProbabilityError, ShapeError
from .frameworks import as_array, verbs
from .native import _cpu
from .options import number, shown

REDUCTIONS = ("mean", "sum", "none", "sum_over_batch_size")
# What the reductions of other libraries are called here.
_ELSEWHERE = {
    None: 'reduction="none" for one loss per event',
    "batchmean": 'reduction="sum", normalizer=len(p)',
    "elementwise_mean": 'reduction="sum_over_batch_size"',
    "mean_with_sample_weight": 'reduction="mean"',
    "auto": 'reduction="sum_over_batch_size"',
}


def check(reduction: Any, normalizer: Any) -> None:
    """Refuse a reduction that does not exist, or a normalizer that it has no place for.

    Raises:
        ValueError: with the reductions that exist.
        DtypeError, ShapeError: a normalizer that is not one number.
    """
    # Whatever is compared with an array is an array.
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        told = reduction if isinstance(reduction, str) else None
        instead = None if told is None and reduction is not None else _ELSEWHERE.get(told)
        raise ValueError(
            f"reduction takes {', '.join(repr(r) for r in REDUCTIONS)}, got {shown(reduction)}"
            + (f"; write {instead}" if instead else "")
        )
    if normalizer is None:
        return
    if reduction not in ("mean", "sum"):
        raise ValueError(
            f"normalizer divides the sum, so it goes with reduction='sum' or 'mean', "
            f"not {reduction!r}"
        )
    # Of a number that torch.compile leaves open nothing else may be asked.
    if isinstance(normalizer, int | float) or not hasattr(normalizer, "dtype"):
        number(normalizer, "normalizer", "one number")
        return
    x = as_array(normalizer, "normalizer")
    xp = verbs(x)
    if not (xp.is_float(x) or xp.is_integer(x)):
        raise DtypeError(f"normalizer must be one number, got {xp.dtype_name(x)}")
    shape = xp.shape(x)
    if known(shape) and prod(shape) != 1:
        raise ShapeError(
            f"normalizer must be one number, got {shown(normalizer)}; write n.sum() for the sum"
        )


def divisor(xp: Any, of: Massive, events: tuple[Any, ...], reduction: str, normalizer: Any) -> Any:
    """What the sum of the losses is divided by; 1 for "none" and "sum".

    Raises:
        DtypeError: a normalizer of another framework than the losses.
    """
    if normalizer is not None:
        return _of_framework(xp, normalizer)
    return reducing.divisor(xp, of, events, reduction)


def _of_framework(xp: Any, normalizer: Any) -> Any:
    """The normalizer, a number or an array without axes, of NumPy or of the framework xp."""
    if isinstance(normalizer, int | float) or not hasattr(normalizer, "dtype"):
        return number(normalizer, "normalizer")
    number_of = as_array(normalizer, "normalizer")
    own = verbs(number_of)
    if own.name == "numpy":
        return float(number_of.reshape(()))
    if own is not xp:
        raise DtypeError(
            f"normalizer is of {own.name} and the losses of {xp.name}; nothing is moved silently "
            "between frameworks, write float(normalizer)"
        )
    return number_of


# Within these bounds float32 carries a divisor, and what it divides.
_LEAST, _MOST = _cpu.carried


def level(xp: Any, divisor: Any) -> float:
    """A power of two that brings a divisor near 1, where it is beyond what float32 carries; else 1.

    Σ w H / Σ w is the same for weights of any size, but a loss of one event in float32 is not.

    Raises:
        ProbabilityError: weights that sum to ∞.
    """
    size = _known(xp, divisor)
    if size is None or size == 0 or isnan(size):
        return 1.0
    if isinf(size):
        raise ProbabilityError(
            "the weights of the events sum to ∞, so there is no mean: a weight is infinite where "
            "P has mass; give it a finite one, or an event that counts nothing a weight of 0"
        )
    return 1.0 if _LEAST < abs(size) < _MOST else 2.0 ** -frexp(size)[1]


def _known(xp: Any, divisor: Any) -> float | None:
    """A divisor as a number, or None where its value cannot be looked at."""
    if xp.tracing():
        return None
    if isinstance(divisor, int | float):
        return float(divisor)
    if getattr(divisor, "ndim", 1) != 0 or not checks.known(xp, divisor):
        return None
    return float(xp.host(divisor))
