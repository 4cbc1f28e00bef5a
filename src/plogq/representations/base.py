"""What every representation is: arrays and settings, each named once, from which the rest follows.

A class says in `holds` what of it holds arrays, and in `settings` what else it has. Copies,
pytrees, gradients of Q's own type and moves between devices read that here, so that none is left
out and a class that is defined elsewhere has them all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, ClassVar, NamedTuple, cast

from ..errors import PairError
from ..frameworks import Verbs, verbs

# Every class that says what it holds, and who wants to know of those to come.
KINDS: list[type[Representation]] = []
TOLD: list[Callable[[type[Representation]], None]] = []


class Representation:
    """P or Q as a caller writes it."""

    __slots__ = ()
    holds: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "holds" in vars(cls):
            KINDS.append(cls)
            for tell in TOLD:
                tell(cls)

    def arrays(self) -> tuple[Any, ...]:
        """The arrays in it and in what it wraps, in order; the first says whose they are."""
        found: list[Any] = []
        for name in self.holds:
            x = getattr(self, name)
            for each in cast("tuple[Any, ...]", x) if isinstance(x, tuple) else (x,):
                if isinstance(each, Representation):
                    found += each.arrays()
                elif each is not None and not isinstance(each, int | float):
                    found.append(each)
        return tuple(found)


class Look(NamedTuple):
    """What is found at one look at Q: its verbs, the array that says where it is, and its shape.

    `axis` is the class axis counted from the front and `classes` its length; None for yes/no
    outcomes. Of scores over ranks these are the classes of this rank.
    """

    xp: Verbs
    array: Any
    events: tuple[int, ...]
    axis: int | None = None
    classes: Any = None


class Prediction(Representation, ABC):
    """Scores over K exclusive classes, with a log-normaliser, for every event."""

    __slots__ = ()

    def bare(self) -> Any:
        """What it comes down to once what is around it is in its scores: as a rule itself."""
        return self

    @abstractmethod
    def look(self) -> Look:
        """Its framework, where it is, its events and its classes."""

    @abstractmethod
    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> Any:
        """Q as kernels read it; of scores over ranks, those of this rank.

        `mass` is the mass that P gives every event: of one without any, nothing is looked at.

        Raises:
            ProbabilityError: rows that are no distribution, where checks are on.
        """

    def possible(self, xp: Verbs) -> Any:
        """Which classes are not ruled out, [*events, K] or [K]; None for all of them.

        Raises:
            PairError: a prediction that does not say it.
        """
        raise PairError(
            f"{type(self).__name__} does not say which classes are ruled out; give Smoothed the "
            "probabilities of the classes, to=prior"
        )


class BinaryPrediction(Representation, ABC):
    """The score or the probability of yes, for every element."""

    __slots__ = ()

    def bare(self) -> Any:
        """What it comes down to once what is around it is in its scores: as a rule itself."""
        return self

    @abstractmethod
    def look(self) -> Look:
        """Its framework, where it is, and its events."""

    @abstractmethod
    def lower(self, xp: Verbs, mass: Callable[[], Any]) -> Any:
        """Q as kernels read it; elements without mass are not looked at."""


def classes_on(x: Any, axis: int) -> Look:
    """A look at an array whose classes are on this axis."""
    xp = verbs(x)
    shape = xp.shape(x)
    axis %= len(shape)
    return Look(xp, x, shape[:axis] + shape[axis + 1 :], axis, shape[axis])


def like(r: Any, arrays: Iterable[Any]) -> Any:
    """A representation of r's own type with these in place of its arrays, all else as it is."""
    made = copy(r)
    for name, x in zip(r.holds, arrays, strict=True):
        setattr(made, name, x)
    return made


def mapped(r: Any, change: Callable[[Any], Any]) -> Any:
    """r with every array in it, and in what it wraps, changed; numbers and None stay."""

    def each(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(each, cast("tuple[Any, ...]", x)))
        if x is None or isinstance(x, int | float):
            return x
        return mapped(x, change) if isinstance(x, Representation) else change(x)

    return like(r, [each(getattr(r, name)) for name in r.holds])
