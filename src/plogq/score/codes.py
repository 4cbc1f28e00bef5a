"""How the values of a target column name classes, and what they are when they are read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import arrow, faults
from .column import Array, Column, Fault, InputError
from .matching import Match, match_columns, match_labels, numbers_in, truth_words
from .naming import Group
from .shown import excerpt
from .survey import Seen

# Words for a value that is not there, where no class is called so.
_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "<na>", "#n/a", "?"))


@dataclass(frozen=True, slots=True)
class Codes:
    """Labels and the classes they name, in one of three ways: `first` is the label of the first
    class and the others count on from there; `numbers` are the labels of the classes; `match`
    reads them as text. `names` are the classes as a report writes them."""

    names: tuple[str, ...]
    first: int | None = None
    numbers: tuple[int, ...] | None = None
    match: Match | None = None

    def read(self, column: Column, name: str) -> tuple[Array, list[Fault]]:
        """The index of every row's class, and the labels that name none."""
        if self.match is not None:
            texts = column if column.is_text else Column(_as_text(column.values))
            return self._texts(texts, name, self.match)
        raw = column.values
        if self.numbers is None:
            low = self.first or 0
            return faults.whole_numbers(raw, name, low, low + len(self.names) - 1)
        order = np.argsort(self.numbers)
        table = np.asarray(self.numbers)[order]
        shifted, found = faults.whole_numbers(raw, name, int(table[0]), int(table[-1]))
        labels = shifted + int(table[0])
        places = np.searchsorted(table, labels)
        wrong = table[places] != labels
        if wrong.any():
            found.append(faults.no_class(wrong, raw, name))
        return order[places], found

    def _texts(self, column: Column, name: str, match: Match) -> tuple[Array, list[Fault]]:
        places = {key: k for k, key in enumerate(match.keys)}
        texts, rows = arrow.distinct(column)
        known = [places.get(match.key(t) or "", -1) for t in texts]
        index = np.array([*known, -1])[rows]
        wrong = index < 0
        found: list[Fault] = []
        if wrong.any():
            absent = np.array([*map(is_missing, texts), True])[rows] & wrong
            if absent.any():
                found.append(Fault(absent, lambda i: f"{name} is missing ({column.values[i]!s})"))
            if (wrong & ~absent).any():
                found.append(faults.no_class(wrong & ~absent, column.values, name))
        return np.maximum(index, 0), found


def is_missing(text: str) -> bool:
    """Whether a text says that there is no value."""
    return text.strip().casefold() in _MISSING


def _as_text(raw: Array) -> Array:
    if raw.dtype.kind == "f":
        return np.array([f"{v:.0f}" if v == np.floor(v) else str(v) for v in raw.tolist()], object)
    return raw.astype(str).astype(object)


def text_codes(
    seen: Seen, name: str, prediction: Group, classes: tuple[str, ...], why: str
) -> tuple[Codes, list[str]]:
    """Labels that are text.

    Raises:
        InputError: they are no names of these classes.
    """
    values = present(seen, name)
    labels = distinct(values)
    match = match_labels(labels, classes) if labels else None
    if match is None:
        labels = [label for label in labels if not is_missing(label)]
        match = match_labels(labels, classes) if labels else None
    if match is None:
        strangers = [label for label in labels if label not in classes]
        example = f" (such as {excerpt(strangers[0])!r})" if strangers else ""
        raise InputError(
            f"column {name!r} holds text{example} and the prediction {prediction} does not name "
            "its classes so: write the index of the class, from 0, or name the columns p_<class> "
            "(from Python classes=[…] names them in their order)"
        )
    written = {match.key(label): label for label in labels}
    names = tuple(written.get(key, key) for key in match.keys)
    if match.words:
        names = tuple(written.get(key, classes[k]) for k, key in enumerate(match.keys))
    digits = [key.isdigit() for key in match.keys]
    unknown = [key for key in written if key not in match.keys]
    if all(digits) and any(key is not None and key.isdigit() for key in unknown):
        count = len(classes)
        raise InputError(
            f"the labels of {name!r} count from 1 to {count} and the columns {prediction} "
            f"are numbered otherwise ({excerpt(written[unknown[0]])!r} names none of them): rename "
            "one of the two"
        )
    how = "matched with the columns" if len(prediction.names) > 1 else "matched with the classes of"
    said = [f"Column {name!r} holds names of classes: {why}, {how} {prediction}."]
    if match.cut.fold or match.words:
        pairs = [(written[k], classes[i]) for i, k in enumerate(match.keys) if k in written]
        if pairs:
            said.append(f"Case and separators apart: {pairs[0][0]!r} is taken for {pairs[0][1]!r}.")
    return Codes(names, match=match), said


def number_codes(
    seen: Seen, name: str, prediction: Group, classes: tuple[str, ...], why: str
) -> tuple[Codes, list[str]]:
    """Labels that are numbers or truth values, of several classes.

    Raises:
        InputError: they allow more than one reading.
    """
    values, count, column = present(seen, name), len(classes), f"Column {name!r}"
    if seen.kind(name) == "boolean":
        values = values.astype(np.int8)
    labels = {int(v) for v in np.unique(values) if abs(v) < 2**62 and v == np.floor(v)}
    span = " holds truth values" if seen.kind(name) == "boolean" else span_of(values, seen.scope)
    said = f"{column}{span}: {why}, the index of the class."
    first = seen.wish.first_label
    if first is not None:
        if not -(2**63) <= first <= 2**63 - count:
            raise InputError(
                "--first-label must be a label, and so must the last class's: an integer of 64 bits"
            )
        if prediction.numbers is None:
            seen.refuse_places(prediction, f"column {name!r}")
        return _counted(first, count), [
            said,
            *([f"The labels count from {first}."] if first else []),
        ]
    order = match_columns(named := dict(seen.about.labels).get(name, ()), classes)
    if order is not None:
        said = f"{column}: {why}, whose numbers have names in the file: 0 is {named[0]!r}."
        return Codes(tuple(named[i] for i in order), numbers=tuple(order)), [said]
    numbers = _numbers_of(prediction, classes)
    if numbers is None:
        return _by_words_or_place(
            seen, values, labels, name, prediction, classes, said, column, why
        )
    gaps = numbers != tuple(range(numbers[0], numbers[0] + count))
    by_number, by_place = labels <= set(numbers), labels <= set(range(count))
    if numbers[0] == 0 and not gaps:
        _refuse_from_1(values, name, prediction, count)
        return _counted(0, count), [said]
    if by_number == by_place and labels and not (by_number and _same_either_way(labels, numbers)):
        if gaps and not by_number:
            # Neither fits all of them, so the numbers that stand there decide.
            return Codes(tuple(map(str, numbers)), numbers=numbers), [
                _by_number(column, why, prediction)
            ]
        raise InputError(
            f"the columns {prediction} are numbered from {numbers[0]} and the labels do not "
            f"show whether they are too: add --first-label {numbers[0]}, or --first-label 0 "
            f"if label 0 means {classes[0]}"
        )
    if gaps and by_place and labels & set(numbers):
        raise InputError(
            f"some labels of {name!r} are numbers of columns of {prediction} and some are not, and "
            f"all of them are places from 0 to {count - 1}: add --first-label 0 if label 0 means "
            f"{classes[0]}"
        )
    if by_place and not by_number:
        place = f"Label 0 is taken for {classes[0]!r}, by position: no label names the last column."
        return _counted(0, count), [said, place]
    if gaps:
        return Codes(tuple(map(str, numbers)), numbers=numbers), [
            _by_number(column, why, prediction)
        ]
    return _counted(numbers[0], count), [said, f"The labels count from {numbers[0]}."]


def _numbers_of(prediction: Group, classes: tuple[str, ...]) -> tuple[int, ...] | None:
    """The numbers that the classes go by; None where they go by names."""
    if prediction.numbers is not None:
        return prediction.numbers
    # Named so beside the rows, or by no one and so by their places.
    if all(text.isdigit() and len(text) < 18 for text in classes):
        return tuple(map(int, classes))
    match = match_labels([str(k) for k in range(len(classes))], classes)
    if match is not None and not match.words and all(key.isdigit() for key in match.keys):
        return tuple(map(int, match.keys))
    return numbers_in(classes)


def _same_either_way(labels: set[int], numbers: tuple[int, ...]) -> bool:
    return all(numbers[label] == label for label in labels)


def _by_number(column: str, why: str, prediction: Group) -> str:
    return f"{column}: {why}, the number in the name of a column of {prediction}."


def _by_words_or_place(
    seen: Seen, values: Array, labels: set[int], name: str, prediction: Group,
    classes: tuple[str, ...], said: str, column: str, why: str,
) -> tuple[Codes, list[str]]:  # fmt: skip
    words = truth_words(classes)
    if words is not None and labels <= {0, 1}:
        numbers = tuple(map(int, words))
        meant = f"1 for {classes[words.index('1')]!r} and 0 for {classes[words.index('0')]!r}"
        return Codes(tuple(words), numbers=numbers), [f"{column}: {why}, {meant}."]
    if words is not None and labels <= {-1, 1}:
        numbers = tuple(-1 if each == "0" else 1 for each in words)
        meant = f"1 for {classes[words.index('1')]!r} and -1 for {classes[words.index('0')]!r}"
        return Codes(tuple(map(str, numbers)), numbers=numbers), [f"{column}: {why}, {meant}."]
    seen.refuse_places(prediction, f"column {name!r}")
    _refuse_from_1(values, name, prediction, len(classes))
    place = (
        f"No label names a column: they are matched by position, label 0 with {classes[0]!r}, "
        f"label 1 with {classes[1]!r}."
    )
    return _counted(0, len(classes)), [said, place]


def _refuse_from_1(values: Array, name: str, prediction: Group, count: int) -> None:
    if not values.size:
        return
    low, high = int(values.min()), int(values.max())
    if low > 1 and high == low + count - 1 and len(np.unique(values)) == count:
        raise InputError(
            f"the labels of {name!r} go from {low} to {high}, and those of {prediction} from 0 to "
            f"{count - 1}: add --first-label {low} if label {low} means the first of them"
        )
    if low != 1 or high != count:
        return
    # One label too high among many is a wrong row.
    if (values == count).mean() >= 0.2 / count:
        raise InputError(
            f"the labels of {name!r} go from 1 to {count} and {prediction} hold {count} classes, "
            "which count from 0: add --first-label 1 if label 1 means the first of them, or "
            f"--first-label 0 if {count} is a label of no class"
        )


def _counted(first: int, count: int) -> Codes:
    return Codes(tuple(str(first + k) for k in range(count)), first=first)


def present(seen: Seen, name: str) -> Array:
    """The labels of the first rows, without those that are left out."""
    values = seen.column(name)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    for label in seen.wish.ignored:
        values = values[~faults.equal(values, label)]
    return values


def distinct(values: Array) -> list[str]:
    """Every label once, as text: numbers in their order."""
    if values.dtype.kind in "OUT":
        return sorted({str(v) for v in values if v is not None})
    return [f"{v:.0f}" if v == np.floor(v) else str(v) for v in np.unique(values).tolist()]


def span_of(values: Array, scope: str) -> str:
    """From where to where the labels go."""
    if not values.size:
        return ""
    return f" holds whole numbers from {values.min():.0f} to {values.max():.0f}{scope}"
