"""What every reader hands over: NumPy columns, and the rows that cannot be read with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import PlogqError

Array = NDArray[Any]
Widths = Mapping[str, int]
Kind = Literal["whole", "real", "boolean", "text", "list", "other"]

# A report has a line for each class, and numbers that are kept for each: the memory of a file
# that says to have more is not bounded by the file.
MOST_CLASSES = 1 << 20
# Names, forms and faults are kept for each column: these are as many as the largest vocabularies.
MOST_COLUMNS = 1 << 18

# A width that asks for the sum of every list, and how many values it has, whatever its length.
RAGGED = -1


# An option of the command, and what is given to it.
_OPTION = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?: ('[^']*'|-?\d+\b|[A-Z]+\b))?")


class InputError(PlogqError, ValueError):
    """The file, or what was said of it, cannot be scored; the message is one sentence."""


@contextmanager
def in_python() -> Generator[None, None, None]:
    """Sentences that name options of the command, such as --on, name them as arguments instead."""
    try:
        yield
    except InputError as error:
        said = _OPTION.sub(_as_argument, str(error))
        raise InputError(said) from error.__cause__


def _as_argument(found: re.Match[str]) -> str:
    return f"{found[1].replace('-', '_')}={found[2] or ''}"


@dataclass(frozen=True, slots=True)
class Field:
    """A column's name and what it holds; `width` is the length of its rows where it has one,
    `percent` whether its numbers stand with a % each, and `placed` whether the column's place among
    others is the file's."""

    name: str
    kind: Kind
    width: int | None = None
    percent: bool = False
    placed: bool = True

    @property
    def numeric(self) -> bool:
        """Whether its rows are one number each."""
        return self.kind in ("whole", "real", "boolean")


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows of a batch (a mask) that cannot be scored; `why` says so of one of them.

    `cause` names what a wrong reading of the file would bring about in many rows, and `strange`
    are then the values that brought it about.
    """

    rows: Array
    why: Callable[[int], str]
    cause: str = ""
    strange: Array | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one column in one batch, shape (rows,) or (rows, width); faulty rows hold
    anything of the right type. `texts` is an array of Arrow's, of which objects of Python are made
    for who asks for the values alone."""

    stored: Array | None
    faults: Sequence[Fault] = ()
    texts: Any = None

    @property
    def values(self) -> Array:
        """All of them as one array."""
        if self.stored is None:
            object.__setattr__(self, "stored", self.texts.to_numpy(zero_copy_only=False))
        assert self.stored is not None
        return self.stored

    @property
    def is_text(self) -> bool:
        """Whether the values are texts."""
        return self.texts is not None or self.values.dtype.kind in "OUT"


# A place is the number of a file times this, and the row within it.
_FRAGMENT = 1 << 40
MOST_FRAGMENTS = 1 << 22


def place_of(fragment: int, row: Array, first: int = 0) -> Array:
    """See `Batch.place`; rows count from `first`."""
    return np.asarray(row + (first + fragment * _FRAGMENT), np.int64)


def fragment_and_row(place: Array) -> tuple[Array, Array]:
    """What a place is made of."""
    return np.divmod(place, _FRAGMENT)


def summed(values: Array) -> Array:
    """Rows of numbers as the sum of each and how many there are, without those that are NaN."""
    there = ~np.isnan(values)
    return np.stack([np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1)], axis=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive rows of a file.

    `done` is how much of the file has been read with it, from 0 to 1. `numbers` are their row
    numbers where they do not simply go on from `start`; `lost` are rows that no column could take
    in (a CSV line with too many fields), each with its number. Where the file is one of several,
    it is the `fragment`-th of them, and the numbers count through the `before` rows of those before
    it too.
    """

    start: int
    rows: int
    columns: Mapping[str, Column]
    done: float
    numbers: Array | None = None
    lost: Sequence[tuple[int, str]] = ()
    fragment: int = 0
    before: int = 0

    def number(self, index: Array) -> Array:
        """The row numbers of some rows of this batch, through all files."""
        return index + self.start if self.numbers is None else self.numbers[index]

    def place(self, index: Array) -> Array:
        """The fragment and the row within it of some rows, in one number each that sorts like
        them: it is known before the rows of other fragments are counted."""
        if self.numbers is None:
            # One pass over the rows, as these are all of a batch.
            return place_of(self.fragment, index, self.start - self.before)
        return place_of(self.fragment, self.numbers[index], -self.before)


@dataclass(frozen=True, slots=True)
class About:
    """What a reader found out: sentences for the report, the names of the classes where the file
    has them beside its rows, the columns that came from a file of the truth, whether it holds
    the log-probabilities of tokens, and of columns of labels the names of 0, 1, 2, …"""

    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    truth: tuple[str, ...] = ()
    log_likelihood: bool = False
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Source(Protocol):
    """A file of predictions. Rows are counted from 0, as NumPy and pandas count them."""

    @property
    def about(self) -> About:
        """What was found out of the file."""
        ...

    @property
    def fields(self) -> Sequence[Field]:
        """The columns, in the order of the file."""
        ...

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning, these columns only, at most `rows` rows at a time; the
        rows of a list column must have the width given for it."""
        ...


@runtime_checkable
class Spans(Protocol):
    """A source that can be read from several rows on as cheaply as from its first."""

    def cuts(self) -> Sequence[int]:
        """Those rows, from 0 on, and how many there are in all."""
        ...

    def between(
        self, span: tuple[int, int], names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The rows from one of them to before another."""
        ...
