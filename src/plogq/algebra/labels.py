"""Labels are classes or marks of what is ignored, or the first that is neither is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import LabelError

# From where to where the integers of a dtype go.
_RANGES = {
    f"{sign}int{bits}": (0, 1 << bits) if sign else (-1 << bits - 1, 1 << bits - 1)
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}


def listed(ignore: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """What is ignored, one label or several."""
    return () if ignore is None else (ignore,) if isinstance(ignore, int) else ignore


def marks(dtype: str, ignore: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """What is ignored, as it is among labels of `dtype` as int64; without what none of them is."""
    if ignore is None:
        return ()
    low, high = _RANGES[dtype]
    return tuple(m if m < 1 << 63 else m - (1 << 64) for m in listed(ignore) if low <= m < high)


def marked(xp: Any, index: Any, ignore: Sequence[int]) -> Any:
    """Where labels are one of the marks, of which there is one at least."""
    found = xp.equal(index, ignore[0])
    for mark in ignore[1:]:
        found = found | xp.equal(index, mark)
    return found


def label_range(
    host: Callable[[Any], Any],
    index: Any,
    classes: int,
    ignore: Sequence[int],
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
    for mark in ignore:
        bad &= y != mark
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
    for mark in ignore:
        if 0 < abs(value - mark) <= 1 << 64 and (value - mark) % whole == 0:
            fix = (
                f"no label of {y.dtype} is ever {mark}, which is stored there as {value}: write "
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
