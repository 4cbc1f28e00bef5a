"""Representations taken apart into arrays and put together again, for what differentiates them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from plogq.representations.base import KINDS

from .. import bounds
from ..rebuilt import arrays, rebuilt

Array = npt.NDArray[Any]


def is_array(x: Any) -> bool:
    return type(x) not in KINDS


def changed(r: Any, change: Callable[[Any], Any]) -> Any:
    return change(r) if is_array(r) else rebuilt(r, change)


def arrays_of(r: Any) -> list[Any]:
    return [r] if is_array(r) else arrays(r)


class Apart:
    """Representations, and arrays, taken apart into one list of arrays, and put together again."""

    def __init__(self, held: Sequence[Any]) -> None:
        ids = [id(x) for r in held for x in arrays_of(r)]
        if len(set(ids)) < len(ids):
            held = [changed(r, np.copy) for r in held]
        self.held = held
        self.each = [arrays_of(r) for r in held]
        self.arrays = [np.asarray(x) for some in self.each for x in some]
        ends = np.cumsum([0, *map(len, self.each)])
        self.places = [range(a, b) for a, b in pairwise(ends)]

    def together(self, given: Sequence[Any]) -> list[Any]:
        """The same with these arrays in place of their own."""
        old = [x for some in self.each for x in some]
        new = dict(zip(map(id, old), given, strict=True))
        return [changed(r, lambda x: new[id(x)]) for r in self.held]

    def floats(self, of: Sequence[int] | None) -> list[int]:
        """Where among the arrays the floating-point ones of these stand."""
        which = range(len(self.held)) if of is None else of
        return [i for j in which for i in self.places[j] if is_floating(self.arrays[i])]

    def nested(
        self, of: Sequence[int] | None, wanted: Sequence[int], gradients: Sequence[Any]
    ) -> list[list[Any]]:
        """Gradients of what is wanted, as lists per held thing."""
        found = dict(zip(wanted, gradients, strict=True))
        which = range(len(self.held)) if of is None else of
        return [[found.get(i) for i in self.places[j]] for j in which]

    def form(self) -> Any:
        """All but the values of the arrays: what a program that is kept is kept for."""
        return tuple(
            (form(r), *((x.shape, x.dtype.name) for x in map(np.asarray, some)))
            for r, some in zip(self.held, self.each, strict=True)
        )


def is_floating(x: Array) -> bool:
    return np.issubdtype(x.dtype, np.floating) or x.dtype == bounds.BFLOAT16


def form(r: Any) -> Any:
    """A representation without its arrays, as a key of a dictionary."""
    if isinstance(r, tuple):
        return tuple(map(form, r))
    if type(r) in KINDS:
        held = (form(getattr(r, n)) for n in r.holds)
        return (type(r), *held, *(getattr(r, n) for n in r.settings))
    return r if r is None or isinstance(r, float | int) else "array"
