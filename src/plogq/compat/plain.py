"""Targets of 0 and 1 in any number type, as the peers take them, made the numbers plogq takes."""

from __future__ import annotations

from typing import Any

from ..frameworks import as_array, verbs


def as_floats(target: Any, like: Any) -> Any:
    """Integers and booleans in the floating-point type of `like`; anything else as it came."""
    x, y = as_array(target, "the target"), as_array(like, "the prediction")
    xp = verbs(x)
    whole = xp.is_integer(x) or xp.is_bool(x)
    return xp.cast_like(x, y) if whole and xp is verbs(y) and xp.is_float(y) else x
