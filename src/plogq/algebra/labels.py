"""Labels are classes, or the first that is none is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import LabelError


def label_range(
    host: Callable[[Any], Any],
    index: Any,
    classes: int,
    ignore: int | None,
    weight: Any = None,
) -> bool:
    """Refuse labels outside [0, classes), naming the first; `ignore` and what weighs 0 pass.

    `host` gives the values of an array to NumPy. Returns whether all of them lie within.

    Raises:
        LabelError: with the first bad event and its value.
    """
    y = host(index)
    if y.size == 0:
        return True
    low, high = int(y.min()), int(y.max())
    if low >= 0 and high < classes:
        return True
    bad = (y < 0) | (y >= classes)
    if ignore is not None:
        bad &= y != ignore
    if weight is not None:
        bad &= host(weight) != 0
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
