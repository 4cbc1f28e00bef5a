"""What is refused, and the sentence that says so.

Every message says what came, what was expected and what to write instead. What costs a pass over
the data is governed by `validation`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .arrays.lengths import Length
from .errors import DtypeError, ProbabilityError, ShapeError
from .kernels.labels import place_of
from .kernels.sums import value_range
from .options import integer, shown

_LEVELS = ("off", "on", "full")
_level: ContextVar[str] = ContextVar("plogq_validation", default="on")


@contextmanager
def validation(level: str) -> Generator[None]:
    """Set which value checks run inside a `with` block.

    "on" (the default) checks that rows of `Probs` lie in [0, 1] and sum to 1, and that weights are
    not negative. "off" leaves these checks out. "full" also checks that rows of `LogProbs` are
    normalised and that no score is NaN, and waits for the device where arrays are on one. Shapes,
    dtypes and, where no device need be waited for, label ranges are checked always.

    Raises:
        ValueError: another level.

    Examples:
        >>> import numpy as np, plogq
        >>> with plogq.validation("off"):
        ...     plogq.cross_entropy(plogq.Labels([0]), plogq.Probs([[0.5, 0.6]])).round(4)
        np.float64(0.6931)
    """
    if not isinstance(level, str) or level not in _LEVELS:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f'validation takes "off", "on" or "full", got {shown(level)}')
    token = _level.set(level)
    try:
        yield
    finally:
        _level.reset(token)


def checked(xp: Any, x: Any, level: str = "on") -> bool:
    """Whether checks of this level run on x now.

    Not while a program is being recorded; and where looking at x means to wait for a device, only
    in a block that asked for "full" checks.
    """
    if xp.tracing():
        return False
    now = _LEVELS.index(_level.get())
    return now >= _LEVELS.index(level) and xp.readable(x, wait=now == 2)


def full() -> bool:
    """Whether every check was asked for."""
    return _level.get() == "full"


def known(xp: Any, x: Any) -> bool:
    """Whether checks that are always on can look at x now."""
    return not xp.tracing() and xp.readable(x, wait=_level.get() == "full")


def floating(xp: Any, x: Any, role: str, instead: str) -> None:
    """Refuse dtypes that are not floating point; `instead` says what to write."""
    if not xp.is_float(x):
        raise DtypeError(
            f"{role} must be floating point ({', '.join(xp.float_names)}), "
            f"got {xp.dtype_name(x)}; {instead}"
        )


def integral(xp: Any, x: Any, role: str, instead: str) -> None:
    """Refuse dtypes that are not integers; `instead` says what to write."""
    if not xp.is_integer(x):
        raise DtypeError(f"{role} must be integers, got {xp.dtype_name(x)}; {instead}")


def axis_number(axis: Any, role: str) -> int:
    """The class axis as it was given, once it is one integer."""
    try:
        return integer(axis, f"axis of {role}")
    except DtypeError as error:
        raise ShapeError(str(error)) from None


def class_axis(shape: tuple[int, ...], axis: int, role: str) -> int:
    """The class axis counted from the front."""
    if not shape:
        raise ShapeError(
            f"{role} is a single number; it needs a class axis, for example [[2., 5., 1.]]"
        )
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(
            f"axis {shown(axis)} of {role} does not exist: its shape {shape} has {len(shape)} axes"
        )
    return axis % len(shape)


def class_count(classes: int, role: str) -> None:
    """Refuse exclusive classes of which there are fewer than two (N7)."""
    if isinstance(classes, Length):
        return
    if classes == 1:
        raise ShapeError(
            f"{role} has one class, whose loss is always 0; for one yes/no outcome write "
            "BinaryLogits(z) or BinaryProbs(q) with the target BinaryProbs(y)"
        )
    if classes == 0:
        raise ShapeError(f"{role} has no classes: its class axis has length 0")


def events_match(
    p_events: tuple[int, ...], p: str, q_events: tuple[int, ...], q: str, hint: str
) -> None:
    """Refuse events of two shapes, showing both."""
    if p_events != q_events:
        raise ShapeError(
            f"P and Q must describe the same events: {p} has events {p_events}, {q} has events "
            f"{q_events}; {hint}"
        )


def distribution(xp: Any, sums: Any, least: Any, eps: float, role: str) -> None:
    """Refuse rows whose sum is not 1 within √eps, or whose least entry is below 0."""
    tolerance = eps**0.5
    sums, least = xp.host(sums), xp.host(least)
    # Written so that NaN passes: a NaN makes the loss of its event NaN (N3) and hides nothing.
    bad = (abs(sums - 1.0) > tolerance) | (least < 0)
    if not bad.any():
        return
    first = int(bad.reshape(-1).argmax())
    place = tuple(place_of(first, sums.shape))
    where = place[0] if len(place) == 1 else place
    total, low = float(sums.reshape(-1)[first]), float(least.reshape(-1)[first])
    if low < 0:
        raise ProbabilityError(
            f"event {where} of {role} has the entry {low:.6g}, which is no probability; "
            "if these are scores write Logits(x), if log-probabilities LogProbs(x)"
        )
    raise ProbabilityError(
        f"event {where} of {role} sums to {total:.6g}, not to 1 within {tolerance:.2g}; write "
        "Logits(x) if these are scores, Probs(x / x.sum(axis, keepdims=True)) if they are "
        "unnormalised, or Weighted(P, sample_weight=w) to give an event another mass"
    )


def unit_interval(xp: Any, x: Any, role: str) -> None:
    """Refuse binary probabilities outside [0, 1]."""
    y = xp.host(x)
    if y.size and not xp.is_bool(x):
        low, high = value_range(xp, x)
        if low < 0 or high > 1:
            value = low if low < 0 else high
            bad = (y < 0) | (y > 1)
            place = place_of(int(bad.reshape(-1).argmax()), y.shape)
            raise ProbabilityError(
                f"{role} has the entry {value:.6g} outside [0, 1], first at {place}; "
                "if these are scores write BinaryLogits(z)"
            )


def not_negative(xp: Any, w: Any, role: str) -> None:
    """Refuse weights that are negative or NaN."""
    y = xp.host(w)
    bad = ~(y >= 0)
    if bad.any():
        first = int(bad.reshape(-1).argmax())
        raise ProbabilityError(
            f"{role} must be ≥ 0, got {float(y.reshape(-1)[first]):.6g} at position {first}"
        )


def no_nan(xp: Any, x: Any, role: str) -> None:
    """Refuse NaN, naming the first place."""
    y = xp.host(x)
    bad = y != y
    if bad.any():
        place = place_of(int(bad.reshape(-1).argmax()), y.shape)
        raise ProbabilityError(f"{role} is NaN at {place}")
