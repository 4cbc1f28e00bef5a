"""Options that are one number or one integer: what is refused, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from operator import index as index_of
from typing import Any, cast

from .errors import DtypeError
from .frameworks.numpy.arrays import scalar


def number(value: Any, role: str, fits: str = "a number") -> float:
    """`value` as a float; arrays and all else that is no number of Python or NumPy is refused.

    Raises:
        DtypeError: something that is no number.
        ValueError: a number that no float holds.
    """
    # A number that torch.compile leaves open is of another class, and passes for a float.
    if isinstance(value, float):
        return float(value)
    try:
        found = scalar(value)
    except OverflowError:
        raise ValueError(f"{role} must be {fits}, got {shown(value)}") from None
    if found is not None:
        return found
    instead = f"; write float({role})" if hasattr(value, "dtype") else ""
    raise DtypeError(f"{role} must be {fits}, got {shown(value)}{instead}")


def not_negative(value: Any, role: str) -> float:
    """`value` as a finite float from 0 on.

    Raises:
        DtypeError, ValueError: anything else.
    """
    found = number(value, role, "a number ≥ 0")
    if not 0.0 <= found < inf:
        raise ValueError(f"{role} must be ≥ 0, got {found!r}")
    return found


def finite(value: Any, role: str) -> float:
    """`value` as a float that is neither infinite nor NaN.

    Raises:
        DtypeError, ValueError: anything else.
    """
    found = number(value, role, "a finite number")
    if not -inf < found < inf:
        raise ValueError(f"{role} must be a finite number, got {found!r}")
    return found


def integer(value: Any, role: str, fits: str = "one integer") -> int:
    """`value` as an integer.

    Raises:
        DtypeError: something that is no integer.
    """
    # True and False stand for whether, not for which.
    if not isinstance(value, bool):
        try:
            return index_of(value)
        except (TypeError, AttributeError, RuntimeError, ValueError):
            pass
    raise DtypeError(f"{role} must be {fits}, got {shown(value)}")


def integers(value: Any, role: str) -> int | tuple[int, ...]:
    """`value` as one integer, or several in a tuple.

    Raises:
        DtypeError: anything else.
    """
    fits = "one integer, several in a tuple, or None"
    found = several(value, role, integer, fits)
    return integer(value, role, fits) if found is None else found


def numbers(value: Any, role: str) -> float | tuple[float, ...]:
    """`value` as one number, or several in a tuple.

    Raises:
        DtypeError: anything else.
    """
    fits = "one number, several in a tuple, or None"
    found = several(value, role, number, fits)
    return number(value, role, fits) if found is None else found


def several(
    value: Any, role: str, each: Callable[[Any, str, str], Any], fits: str
) -> tuple[Any, ...] | None:
    """Several options in a tuple, or None where `value` is not several."""
    if not isinstance(value, tuple | list | set | frozenset | range):
        return None
    return tuple(each(x, role, fits) for x in cast("Iterable[Any]", value))


def like_array(value: Any) -> bool:
    """Whether a value passes for an array; a nested tensor of PyTorch, which has no shape, does."""
    try:
        return hasattr(value, "dtype") and hasattr(value, "shape")
    except RuntimeError:
        return True


def shown(value: Any) -> str:
    """What came, in a few words on one line."""
    if isinstance(value, int) and not -(1 << 64) < value < 1 << 64:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float | complex | bytes | str):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}…"
    listed: Any = value
    if isinstance(value, tuple | list):
        inside = ", ".join(map(shown, listed[:4])) + ", …" * (len(listed) > 4)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    kind = type(value).__name__
    try:
        if like_array(value):
            return f"{kind} of shape {tuple(value.shape)}"
    except (TypeError, ValueError, RuntimeError):
        # That of a tensor of TensorFlow may be open; a nested one of PyTorch has none.
        return f"{kind} of unknown shape"
    return f"something of type {kind}"
