"""What column names say: which belong together, in which order, and what they are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile

from .column import Field, InputError
from .shown import excerpt

# From the end, where the number stands: from the beginning the search would try every stem. More
# digits than an integer of 64 bits has number nothing.
_NUMBER = re.compile(r"(?<!\d)(\d{1,18})[\])]?\Z")
_MARKS = " \t_.-[("
_SEPARATORS = re.compile(r"[\W_]+")
# All of these are folded: in small letters, without separators.
_TARGETS = frozenset(
    (
        "label", "labels", "target", "targets", "y", "ytrue", "ytest", "truth", "true",
        "truelabel", "truelabels", "trueclass", "gold", "goldlabel", "groundtruth", "class",
        "classid", "classlabel", "actual", "actualclass", "obs", "observed", "reference",
        "expected", "outcome", "labelid",
    )
)  # fmt: skip
_PREDICTED = frozenset(
    ("response", "scoredlabels", "scoredlabel", "yhat", "ypred", "top1", "argmax", "decision",
     "classification", "guess")
)  # fmt: skip
_WEIGHTS = frozenset(("weight", "weights", "w", "sampleweight", "sampleweights"))
_IDENTIFIERS = frozenset(
    (
        "", "id", "ids", "index", "idx", "row", "rowid", "rowids", "rowindex", "rownames",
        "rowname", "rownumber", "key", "uid", "uuid", "fold", "split", "resample", "inst",
        "instance", "timestamp", "time", "date", "datetime", "config",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that are one thing, in the order of their classes.

    `numbers` are those in their names, where the names differ by nothing else.
    """

    names: tuple[str, ...]
    numbers: tuple[int, ...] | None = None

    def __str__(self) -> str:
        if len(self.names) == 1:
            return repr(self.names[0])
        if len(self.names) == 2:
            return f"{self.names[0]} and {self.names[1]}"
        return f"{self.names[0]}…{self.names[-1]}"

    @property
    def stem(self) -> str:
        """What the names have in common at their beginning, in small letters; of a lone name what
        stands before its number."""
        if len(self.names) == 1 or self.numbers is not None:
            return _parted(self.names[0])[0].lower()
        return shared(self.names).rstrip(_MARKS).lower()

    @property
    def pattern(self) -> str:
        """What a user can write to mean these columns, as a shell takes it."""
        if len(self.names) == 1:
            return quoted(self.names[0])
        if self.numbers is not None and shared(self.names):
            return f"'{shared(self.names)}*'"
        if len(self.names) <= 12:
            return quoted(",".join(self.names))
        return ",".join(self.names[:3]) + ",…"


def quoted(text: str) -> str:
    """A name as it is written on the command line."""
    return text if re.fullmatch(r"[\w.,:/+=@%-]+", text) else f"'{text}'"


def folded(name: str) -> str:
    """A name without its case and its separators."""
    return _SEPARATORS.sub("", name).casefold()


def is_target(name: str) -> bool:
    """Whether a column of this name is what is true."""
    return folded(name) in _TARGETS


def is_weight(name: str) -> bool:
    """Whether a column of this name weights the rows."""
    return folded(name) in _WEIGHTS


def is_identifier(name: str) -> bool:
    """Whether a column of this name numbers or names the rows."""
    plain = folded(name)
    return plain in _IDENTIFIERS or plain.startswith(("unnamed", "index0", "indexlevel"))


def is_predicted(name: str) -> bool:
    """Whether a column of this name is the class that a model chose."""
    plain = folded(name)
    return plain in _PREDICTED or plain.startswith("pred") or "predict" in plain


def select(text: str, fields: Sequence[Field], option: str, taken: Collection[str]) -> Group:
    """The columns that a user named: a name, a pattern such as 'p*', or names with commas.

    Raises:
        InputError: there are none such.
    """
    columns = {f.name: f for f in fields}
    if text in columns:
        return Group((text,), None)
    if any(mark in text for mark in "*?["):
        return _matching(text, columns, option, taken)
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if part not in columns:
            raise InputError(
                f"{option}: there is no column {part!r}; there are {listed(list(columns))}"
            )
        if len(parts) > 1 and not columns[part].numeric:
            raise InputError(f"{option}: column {part!r} does not hold one number a row")
    numbers = _numbers(parts)
    return Group(tuple(parts), None if numbers is None else tuple(numbers))


def _matching(text: str, columns: dict[str, Field], option: str, taken: Collection[str]) -> Group:
    found = [n for n in columns if fnmatchcase(n, text) and n not in taken]
    if not found:
        raise InputError(f"{option} {text!r} matches no column; there are {listed(list(columns))}")
    if len(found) > 1:
        odd = [n for n in found if not columns[n].numeric]
        if odd:
            raise InputError(
                f"{option} {text!r} also matches {odd[0]!r}, which does not hold numbers: "
                "write a narrower pattern"
            )
        stranger = _stranger(found, columns)
        if stranger is not None:
            rest = ordered([n for n in found if n != stranger])
            raise InputError(
                f"{option} {text!r} also matches {stranger!r}, which is unlike {rest}: write "
                f"a narrower pattern, or {option} {quoted(','.join(rest.names[:12]))}"
            )
    return ordered(found)


def _stranger(names: Sequence[str], columns: dict[str, Field]) -> str | None:
    """The one column of a pattern that is unlike all others: by its number, or by what it holds."""
    if len(names) < 3:
        return None
    real = [n for n in names if columns[n].kind == "real"]
    whole = [n for n in names if columns[n].kind != "real"]
    unnumbered = [n for n in names if _parted(n)[1] is None]
    roles = [n for n in names if is_predicted(n) or is_target(n) or is_weight(n)]
    for odd in (whole if len(real) > 1 else [], unnumbered, roles):
        if len(odd) == 1 and (odd is whole or odd[0] in roles or odd[0] in whole):
            rest = [n for n in names if n != odd[0]]
            if odd is roles or _numbers(rest) is not None:
                return odd[0]
    return None


def numbered(fields: Iterable[Field]) -> list[Group]:
    """The columns whose names differ by a number alone, such as p0 to p9, and lone ones, each
    group once."""
    stems: dict[str, list[str]] = {}
    for f in fields:
        stems.setdefault(_parted(f.name)[0], []).append(f.name)
    return [ordered(names) for names in stems.values()]


def alike(names: Sequence[str]) -> list[Group]:
    """The columns that begin or end alike, up to a separator: .pred_cat and .pred_dog."""
    found: dict[tuple[int, str], list[str]] = {}
    for name in names:
        at = [m.start() for m in re.finditer(r"[\s_.\-:/(=\[]", name)] if len(name) < 200 else []
        for cut in {*at[:1], *at[-1:]}:
            found.setdefault((0, name[: cut + 1]), []).append(name)
            found.setdefault((1, name[cut:]), []).append(name)
    groups = {frozenset(each): ordered(each) for each in found.values() if len(each) > 1}
    return list(groups.values())


def ordered(names: Sequence[str]) -> Group:
    """These columns by number where they are numbered alike (p2 before p10), else as they come."""
    numbers = _numbers(names)
    if numbers is None or len(set(numbers)) < len(numbers):
        return Group(tuple(names))
    order = sorted(range(len(names)), key=numbers.__getitem__)
    return Group(tuple(names[i] for i in order), tuple(numbers[i] for i in order))


def _numbers(names: Sequence[str]) -> list[int] | None:
    """The numbers of several names that differ by nothing else."""
    parts = [_parted(name) for name in names]
    numbers = [number for _, number in parts if number is not None]
    one_stem = len({stem for stem, _ in parts}) == 1 and len(numbers) == len(names)
    return numbers if one_stem and len(names) > 1 else None


def _parted(name: str) -> tuple[str, int | None]:
    """A name without the number at its end, and that number."""
    match = _NUMBER.search(name, max(0, len(name) - 20))
    if match is None:
        return name, None
    return name[: match.start()].rstrip(_MARKS), int(match[1])


def shared(names: Sequence[str]) -> str:
    """What all names begin with."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in same)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Some of these names, for a message."""
    shown = ", ".join(excerpt(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
