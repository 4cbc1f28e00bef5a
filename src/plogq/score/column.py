"""What every reader hands over: NumPy columns, and the rows that cannot be read with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import PlogqError

Array = NDArray[Any]
Widths = Mapping[str, int]
Kind = Literal["whole", "real", "boolean", "text", "list", "other"]

# A report has a line for each class, and numbers that are kept for each: the memory of a file
# that says to have more is not bounded by the file.
MOST_CLASSES = 1 << 20

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
    """A column's name and what it holds; `width` is the length of its rows where it has one, and
    `percent` whether its numbers stand with a % each."""

    name: str
    kind: Kind
    width: int | None = None
    percent: bool = False

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
    anything of the right type."""

    values: Array
    faults: Sequence[Fault] = ()


def summed(values: Array) -> Array:
    """Rows of numbers as the sum of each and how many there are, without those that are NaN."""
    there = ~np.isnan(values)
    return np.stack([np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1)], axis=1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive rows of a file.

    `done` is how much of the file has been read with it, from 0 to 1. `numbers` are their row
    numbers where they do not simply go on from `start`; `lost` are rows that no column could take
    in (a CSV line with too many fields), each with its number.
    """

    start: int
    rows: int
    columns: Mapping[str, Column]
    done: float
    numbers: Array | None = None
    lost: Sequence[tuple[int, str]] = ()

    def number(self, index: Array) -> Array:
        """The row numbers in the file of some rows of this batch."""
        return index + self.start if self.numbers is None else self.numbers[index]


@dataclass(frozen=True, slots=True)
class About:
    """What a reader found out: sentences for the report, the names of the classes where the file
    has them beside its rows, the columns that came from a file of the truth, and whether it holds
    the log-probabilities of tokens."""

    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    truth: tuple[str, ...] = ()
    log_likelihood: bool = False


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
