"""What column names say: which belong together, in which order, and which class each stands for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise, takewhile

from .column import Field, InputError
from .shown import excerpt

# From the end, where the number stands: from the beginning the search would try every stem. More
# digits than an integer of 64 bits has number nothing.
_NUMBER = re.compile(r"(?<!\d)(\d{1,18})[\])]?\Z")
_MARKS = " \t_.-[("
_TARGETS = frozenset(
    (
        "label", "labels", "target", "targets", "y", "y_true", "ytrue", "truth", "true",
        "true_label", "gold", "ground_truth", "class", "class_id", "class_label",
    )
)  # fmt: skip
_WEIGHTS = frozenset(("weight", "weights", "w", "sample_weight", "sample_weights"))
_IDENTIFIERS = frozenset(
    ("id", "ids", "index", "idx", "row", "rowid", "row_id", "key", "uid", "uuid", "fold", "split")
)


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that are one thing, in the order of their classes.

    `first` is the number in the first one's name where the names are numbered without a gap.
    """

    names: tuple[str, ...]
    first: int | None = None

    def __str__(self) -> str:
        if len(self.names) == 1:
            return repr(self.names[0])
        if len(self.names) == 2:
            return f"{self.names[0]} and {self.names[1]}"
        return f"{self.names[0]}…{self.names[-1]}"

    @property
    def stem(self) -> str:
        """The name without its number, in small letters."""
        return _parted(self.names[0])[0].lower()

    @property
    def pattern(self) -> str:
        """What a user can write to mean these columns."""
        if len(self.names) == 1:
            return self.names[0]
        if self.first is not None:
            return f"'{_shared(self.names)}*'"
        return ",".join(self.names[:3]) + (",…" if len(self.names) > 3 else "")

    @property
    def classes(self) -> tuple[str, ...]:
        """The class that each column's name stands for: what differs between the names."""
        if self.first is not None:
            return tuple(str(self.first + i) for i in range(len(self.names)))
        shared = _shared(self.names)
        cut = max((shared.rfind(mark) for mark in "_-. :/"), default=-1) + 1
        return tuple(name[cut:] for name in self.names)


def is_target(name: str) -> bool:
    """Whether a column of this name is what is true."""
    return name.strip().lower() in _TARGETS


def is_weight(name: str) -> bool:
    """Whether a column of this name weights the rows."""
    return name.strip().lower() in _WEIGHTS


def is_identifier(name: str) -> bool:
    """Whether a column of this name numbers or names the rows."""
    plain = name.strip().lower()
    return plain in _IDENTIFIERS or plain.startswith(("unnamed", "__index")) or plain == ""


def select(text: str, fields: Sequence[Field], option: str, taken: Collection[str]) -> Group:
    """The columns that a user named: a name, a pattern such as 'p*', or names with commas.

    Raises:
        InputError: there are none such.
    """
    columns = {f.name: f for f in fields}
    if text in columns:
        return Group((text,), None)
    if any(mark in text for mark in "*?["):
        found = [n for n in columns if fnmatchcase(n, text) and n not in taken]
        if not found:
            raise InputError(
                f"{option} {text!r} matches no column; there are {listed(list(columns))}"
            )
        odd = [n for n in found if not columns[n].numeric]
        if odd and len(found) > 1:
            raise InputError(
                f"{option} {text!r} also matches {odd[0]!r}, which does not hold numbers: "
                "write a narrower pattern"
            )
        return ordered(found)
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if part not in columns:
            raise InputError(
                f"{option}: there is no column {part!r}; there are {listed(list(columns))}"
            )
        if len(parts) > 1 and not columns[part].numeric:
            raise InputError(f"{option}: column {part!r} does not hold one number a row")
    return Group(tuple(parts), _first_of(parts))


def numbered(fields: Sequence[Field]) -> list[Group]:
    """The columns whose names differ by a number alone, such as p0 to p9, and lone ones, each
    group once."""
    stems: dict[str, list[str]] = {}
    for f in fields:
        stems.setdefault(_parted(f.name)[0], []).append(f.name)
    return [ordered(names) for names in stems.values()]


def ordered(names: Sequence[str]) -> Group:
    """These columns by number where they are numbered alike (p2 before p10), else as they come.

    Raises:
        InputError: their numbers leave a gap, so that it is unclear which class each stands for.
    """
    numbers = _numbers(names)
    if numbers is None:
        return Group(tuple(names))
    order = sorted(range(len(names)), key=numbers.__getitem__)
    sequence = [names[i] for i in order]
    for i, j in pairwise(order):
        if numbers[j] != numbers[i] + 1:
            raise InputError(
                f"no column stands between {names[i]} and {names[j]}, so it is unclear which class "
                "each column is: name them in the order of the classes, as in --probs "
                f"{names[i]},{names[j]}"
            )
    return Group(tuple(sequence), numbers[order[0]])


def _first_of(names: Sequence[str]) -> int | None:
    numbers = _numbers(names)
    if numbers is None:
        return None
    return numbers[0] if numbers == list(range(numbers[0], numbers[0] + len(names))) else None


def _numbers(names: Sequence[str]) -> list[int] | None:
    """The numbers of several names that differ by nothing else."""
    parts = [_parted(name) for name in names]
    numbers = [number for _, number in parts if number is not None]
    alike = len({stem for stem, _ in parts}) == 1 and len(numbers) == len(names)
    return numbers if alike and len(names) > 1 else None


def _parted(name: str) -> tuple[str, int | None]:
    """A name without the number at its end, and that number."""
    match = _NUMBER.search(name, max(0, len(name) - 20))
    if match is None:
        return name, None
    return name[: match.start()].rstrip(_MARKS), int(match[1])


def _shared(names: Sequence[str]) -> str:
    """What all names begin with."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Some of these names, for a message."""
    shown = ", ".join(excerpt(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
