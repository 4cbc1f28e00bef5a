"""What is refused, and the sentence that says so.

Every message says what came, what was expected and what to write instead. What costs a pass over
the data is governed by `validation`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from . import options
from .algebra.labels import place_of
from .algebra.open_lengths import Length
from .errors import DtypeError, ProbabilityError, ShapeError
from .frameworks.numpy import rounding
from .native import _cpu
from .options import integer, shown

_LEVELS = ("off", "on", "full")
_CAST = re.compile(r"(\w+)\.astype\((int|float)\)")
level_now: ContextVar[str] = ContextVar("plogq_validation", default="on")


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
    token = level_now.set(level)
    try:
        yield
    finally:
        level_now.reset(token)


def checked(xp: Any, x: Any, level: str = "on") -> bool:
    """Whether checks of this level run on x now.

    Not while a program is being recorded; and where looking at x means to wait for a device, only
    in a block that asked for "full" checks.
    """
    if xp.tracing():
        return False
    now = _LEVELS.index(level_now.get())
    return now >= _LEVELS.index(level) and xp.readable(x, wait=now == 2)


def full() -> bool:
    """Whether every check was asked for."""
    return level_now.get() == "full"


def known(xp: Any, x: Any) -> bool:
    """Whether checks that are always on can look at x now."""
    return not xp.tracing() and xp.readable(x, wait=level_now.get() == "full")


def floating(xp: Any, x: Any, role: str, instead: str) -> None:
    """Refuse dtypes that are not floating point; `instead` says what to write."""
    if not xp.is_float(x):
        raise DtypeError(
            f"{role} must be floating point ({', '.join(xp.float_names)}), "
            f"got {xp.dtype_name(x)}; {_in_words(xp, _of_numbers(x, float, instead) or instead)}"
        )


def integral(xp: Any, x: Any, role: str, instead: str) -> None:
    """Refuse dtypes that are not integers; `instead` says what to write."""
    if not xp.is_integer(x):
        raise DtypeError(
            f"{role} must be integers, got {xp.dtype_name(x)}; "
            f"{_in_words(xp, _of_numbers(x, int, instead) or instead)}"
        )


def _of_numbers(x: Any, kind: type[int | float], instead: str) -> str:
    """What to write for Python's objects that are all numbers, where `instead` has no cast."""
    if str(x.dtype) != "object" or _CAST.search(instead):
        return ""
    try:
        numbers = x.reshape(-1).tolist()
        exact = all(v == kind(v) for v in numbers)
        exact = exact and (kind is int or any(v != int(v) for v in numbers))
    except (TypeError, ValueError):
        return ""
    return f"its objects are numbers: write x.astype({kind.__name__})" if exact else ""


def _in_words(xp: Any, instead: str) -> str:
    """What to write, with the casts that the framework has."""
    return _CAST.sub(
        lambda cast: xp.words["int" if cast[2] == "int" else "float"].format(cast[1]), instead
    )


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


def tolerance(given: Any) -> float | None:
    """How far from 1 a row may sum, as a number, or None where the values are to say it."""
    if given is None:
        return None
    return options.not_negative(given, "tolerance")


def one_hot(xp: Any, x: Any, axis: int) -> bool:
    """Whether every row of these integers or booleans has a single 1; unread ones are taken so."""
    if not known(xp, x):
        return True
    y = xp.host(x)
    return marks(y) and bool((y.sum(axis=axis) == 1).all())


def marks(y: Any) -> bool:
    """Whether everything in an array of NumPy is 0 or 1."""
    return bool(((y == 0) | (y == 1)).all())


def _weighing(xp: Any, bad: Any, weight: Callable[[], Any]) -> Any:
    """Those of the bad events that weigh something."""
    if not bad.any():
        return bad
    known_weight = weight()
    if known_weight is None:
        return bad
    if not known(xp, known_weight):
        # What the events weigh shows when the program runs.
        return bad & False
    return bad & (xp.host(known_weight) != 0)


def distribution(
    xp: Any,
    x: Any,
    axis: int,
    sums: Any,
    least: Any,
    role: str,
    tolerance: float | None = None,
    weight: Callable[[], Any] = lambda: None,
) -> None:
    """Refuse rows of x whose sum is not 1, or whose least entry is below 0."""
    sums, least = xp.host(sums), xp.host(least)
    eps = xp.epsilon(x)
    allowed = rounding.usual(eps) if tolerance is None else tolerance
    # Written so that NaN passes: a NaN makes the loss of its event NaN (N3) and hides nothing.
    bad = _weighing(xp, (abs(sums - 1.0) > allowed) | (least < 0), weight)
    if not bad.any():
        return
    allowed = (sums == sums) * allowed
    if tolerance is None:
        allowed = rounding.allowed(xp.host(x), axis, eps, bad)
        bad = bad & ((abs(sums - 1.0) > allowed) | (least < 0))
        if not bad.any():
            return
    first = int(bad.reshape(-1).argmax())
    place = tuple(place_of(first, sums.shape))
    where = place[0] if len(place) == 1 else place
    total, low = float(sums.reshape(-1)[first]), float(least.reshape(-1)[first])
    if low < 0:
        raise ProbabilityError(
            f"event {where} of {role} has the entry {low:.6g}, which is no probability; "
            f"{_SWAPPED if '(as P)' in role else _SCORES}"
        )
    if role.startswith("Probs") and _several(xp, x, sums):
        raise ProbabilityError(
            f"event {where} of {role} is all 0 and 1 and sums to {total:.6g}: several outcomes may "
            "be true at once, or none, and each is a yes or no of its own; write BinaryProbs(y) "
            "with BinaryLogits(z) or BinaryProbs(q)"
        )
    raise ProbabilityError(
        f"event {where} of {role} sums to {total:.6g}, not to 1 within "
        f"{allowed.reshape(-1)[first]:.2g}: it is off by {total - 1.0:.2g}; write Logits(x) if "
        "these are scores, "
        "Probs(x / x.sum(axis, keepdims=True)) if they are unnormalised, Probs(x, tolerance=…) if "
        "they are rounded, or Weighted(P, sample_weight=w) to give an event another mass"
    )


# What to write where values that are no probabilities stand as P, and as Q.
_SWAPPED = (
    "what is true comes first and what is predicted second: swap the two if this is the prediction"
)
_OTHER_MARKS = {
    frozenset((-1, 1)): "if 1 is yes and -1 is no write BinaryProbs(y > 0)",
    frozenset((1, 2)): "if 2 is yes and 1 is no write BinaryProbs(y == 2)",
}
_SCORES = "if these are scores write Logits(x), if log-probabilities LogProbs(x)"


def _several(xp: Any, x: Any, sums: Any) -> bool:
    """Whether rows are marks of what is true, 0 and 1, and not of one outcome each."""
    y = xp.host(x)
    # Over ranks the sums are of all classes, and x is some of them.
    whole = y.size > 0 and float(y.sum()) == float(sums.sum())
    return whole and marks(y) and bool((sums >= 1.5).any())


def unit_interval(
    xp: Any, x: Any, role: str, weight: Callable[[], Any], refuse_nan: bool = True
) -> None:
    """Refuse binary probabilities outside [0, 1], of the elements that weigh something."""
    y = xp.host(x)
    if not y.size or xp.is_bool(x):
        return
    low, high = xp.value_range(x)
    if low >= 0 and high <= 1:
        return
    bad = ~((y >= 0) & (y <= 1)) if refuse_nan else (y < 0) | (y > 1)
    bad = _weighing(xp, bad, weight)
    if bad.any():
        first = int(bad.reshape(-1).argmax())
        instead = "if these are scores write BinaryLogits(z)"
        if "(as P)" in role:
            instead = _OTHER_MARKS.get(frozenset(y.reshape(-1)[:1000].tolist())) or (
                f"{_SWAPPED}, and what is not known takes a sample_weight of 0, or a mark that "
                "BinaryProbs(y, ignore=…) leaves out"
            )
        raise ProbabilityError(
            f"{role} has the entry {float(y.reshape(-1)[first]):.6g} outside [0, 1], first at "
            f"{place_of(first, y.shape)}; {instead}"
        )


# A log-probability may be above 0 by what its logarithm, or an ε within it, was rounded by.
_ROUNDED = 1e-3


def no_gain(xp: Any, losses: Any, mass: Callable[[], Any]) -> None:
    """Refuse losses below 0: a log-probability that P has chosen is above 0."""
    found = xp.host(losses)
    if not found.size or not (found < 0).any():
        return
    weight = xp.host(mass()) * (found == found)
    # Soft targets of a dtype with few bits are 1 within its rounding.
    bad = found < -_ROUNDED * weight
    if bad.any():
        first = int(bad.reshape(-1).argmax())
        place = place_of(first, found.shape)
        chosen = -float(found.reshape(-1)[first]) / float(weight.reshape(-1)[first])
        raise ProbabilityError(
            f"at event {place[0] if len(place) == 1 else place} LogProbs gives P a "
            f"log-probability of {chosen:.6g}, and none is above 0; write Probs(q) if these are "
            "probabilities, Logits(z) if they are scores"
        )


def not_negative(xp: Any, w: Any, role: str, weight: Any = None) -> None:
    """Refuse weights that are negative or NaN."""
    if _cpu.not_negative(w):
        return
    y = xp.host(w)
    bad = ~(y >= 0)
    if bad.any() and (bad := _weighing(xp, bad, lambda: weight)).any():
        first = int(bad.reshape(-1).argmax())
        raise ProbabilityError(
            f"{role} must be ≥ 0, got {float(y.reshape(-1)[first]):.6g} at position {first}"
        )


def rest(xp: Any, x: Any, allowed: float, weight: Any = None) -> None:
    """Refuse what is left beside listed probabilities, where that is less than nothing."""
    left = xp.host(x)
    bad = ~(left >= -allowed) & (left == left)
    if bad.any() and (bad := _weighing(xp, bad, lambda: weight)).any():
        first = int(bad.reshape(-1).argmax())
        place = place_of(first, left.shape)
        raise ProbabilityError(
            f"SparseProbs with a tail sums to {1.0 - float(left.reshape(-1)[first]):.6g} at event "
            f"{place[0] if len(place) == 1 else place}, which leaves a tail outside [0, 1]; leave "
            "tail out if probs are weights that sum to anything"
        )


def no_nan(xp: Any, x: Any, role: str, weight: Callable[[], Any], axis: int | None = None) -> None:
    """Refuse NaN in events that weigh something, naming the first place."""
    y = xp.host(x)
    bad = y != y
    if bad.any() and (mass := weight()) is not None:
        counts = xp.host(mass) != 0
        if axis is not None:
            counts = counts.reshape((*counts.shape[:axis], 1, *counts.shape[axis:]))
        bad = bad & counts
    if bad.any():
        place = place_of(int(bad.reshape(-1).argmax()), y.shape)
        raise ProbabilityError(f"{role} is NaN at {place}")
