"""What follows from a dtype, remembered: a small batch takes less time than to find it again."""

from __future__ import annotations

from typing import Any, cast

from ..algebra.labels import marks
from ..frameworks import verbs
from ..frameworks.numpy import rounding

# A named tuple of a tuple of all that it holds, which takes half the time.
as_named = cast("Any", tuple).__new__
_MARKS: dict[tuple[Any, Any], tuple[int, ...]] = {}
_USUAL: dict[Any, float] = {}
_MOST_KNOWN = 256


def marks_of(index: Any, ignore: int | tuple[int, ...]) -> tuple[int, ...]:
    """What is ignored, as it is among labels like these."""
    found = _MARKS.get((index.dtype, ignore))
    if found is None:
        if len(_MARKS) > _MOST_KNOWN:
            _MARKS.clear()
        found = _MARKS[index.dtype, ignore] = marks(verbs(index).dtype_name(index), ignore)
    return found


def usual_tolerance(probs: Any) -> float:
    """How far from 1 rows of probabilities like these usually sum."""
    found = _USUAL.get(probs.dtype)
    if found is None:
        found = _USUAL[probs.dtype] = rounding.usual(verbs(probs).epsilon(probs))
    return found
