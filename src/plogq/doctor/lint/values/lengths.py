"""Lengths and slices among values: numbers, tags of unknown ones, whole shapes."""

from __future__ import annotations

from typing import Any, cast

from ...facts import Length
from .kinds import Const, List, Tuple, Unknown, Value, several


def slice_of(value: Any) -> slice[Any, Any, Any] | None:
    """The slice that a constant is, if it is one."""
    part: Any = value.value if isinstance(value, Const) else None
    return cast("slice[Any, Any, Any]", part) if isinstance(part, slice) else None


def length_of(value: Any) -> Length:
    """A value as a length: a number, the tag of an unknown one, or None."""
    if isinstance(value, Const):
        return value.value if isinstance(value.value, int) else None
    return value.tag if isinstance(value, Unknown) else None


def of_length(length: Length) -> Value:
    """A length as a value."""
    if isinstance(length, int):
        return Const(length)
    return Unknown(tag=length or "")


def lengths_of(value: Any) -> tuple[Length, ...] | None:
    """A shape from a value: a number, a tuple or a list."""
    if isinstance(value, Tuple | List):
        return None if value.items is None else tuple(length_of(i) for i in value.items)
    if isinstance(value, Const) and isinstance(value.value, int):
        return (value.value,)
    items = several(value.value) if isinstance(value, Const) else None
    return None if items is None else tuple(x if isinstance(x, int) else None for x in items)
