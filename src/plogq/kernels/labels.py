"""Labels as kernels take them: in range, or with the mass NaN where that cannot be looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import LabelError


def _torch() -> Any:
    from . import torch

    return torch


def _jax() -> Any:
    from . import jax

    return jax


def _tensorflow() -> Any:
    from . import tensorflow

    return tensorflow


_LOADERS: dict[str, Callable[[], Any]] = {
    "torch": _torch,
    "jax": _jax,
    "tensorflow": _tensorflow,
}


def label_range(xp: Any, index: Any, classes: int, ignore: int | None, weight: Any = None) -> bool:
    """Refuse labels outside [0, classes), naming the first; `ignore` and what weighs 0 pass.

    Returns whether all of them lie within.

    Raises:
        LabelError: with the first bad event and its value.
    """
    y = xp.host(index)
    if y.size == 0:
        return True
    low, high = int(y.min()), int(y.max())
    if low >= 0 and high < classes:
        return True
    bad = (y < 0) | (y >= classes)
    if ignore is not None:
        bad &= y != ignore
    if weight is not None:
        bad &= xp.host(weight) != 0
    if not bad.any():
        return False
    first = int(bad.reshape(-1).argmax())
    place = place_of(first, y.shape)
    value = int(y.reshape(-1)[first])
    where = place[0] if len(place) == 1 else place
    fix = (
        f"mark it with Labels(y, ignore={value}) if it means missing"
        if value < 0
        else "the last class is " + str(classes - 1)
    )
    whole = 2 ** (8 * y.itemsize)
    if ignore is not None and 0 < abs(value - ignore) <= 1 << 64 and (value - ignore) % whole == 0:
        fix = (
            f"no label of {y.dtype} is ever {ignore}, which is stored there as {value}: write "
            f"Labels(y, ignore={value})"
        )
    raise LabelError(
        f"label {value} at event {where} is outside the {classes} classes 0…{classes - 1}; {fix}"
    )


def place_of(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The indices of an element, counted from its place in C order."""
    place: list[int] = []
    for length in reversed(shape):
        place.append(flat % length)
        flat //= length
    return tuple(place[::-1])


def unread_labels(
    xp: Any, index: Any, classes: int, ignore: int | None, weight: Any = None
) -> tuple[Any, Any]:
    """Labels whose values cannot be looked at now, as indices within [0, classes) and masses.

    A recorded program for the CPU raises when it runs; elsewhere a label out of range has mass
    NaN, so that its event is NaN (N5); times a weight of 0 that is 0.
    """
    return _LOADERS[xp.name]().unread_labels(index, classes, ignore, weight)
