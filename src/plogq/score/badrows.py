"""The rows that could not be scored: how many, the first of them, and what a misreading of the
file would bring about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from .column import Array, Batch, Fault, InputError, place_of
from .find import Roles
from .least import Least
from .summary import BadRow
from .tally import Tally

# A label that comes a fifth as often as others, where there are five rows for each, is no accident.
_OTHERS, _ENOUGH = 0.2, 5
# From this share of the rows on, and this many of them, a cause is no accident.
_SYSTEMATIC, _FEW, _NAMED = 0.25, 5, 64


class BadRows:
    """How many rows could not be scored, and the first of them; for each cause that a misreading
    can have how many, and some of the values."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self.causes: Counter[str] = Counter()
        self.strange: set[str] = set()
        self._most = most
        # Their places, twice, and why.
        self._first = Least(max(1, most))

    def add(self, batch: Batch, faults: list[Fault]) -> None:
        """Count the bad rows of a batch, and name some."""
        found = [(number - batch.before, why) for number, why in batch.lost]
        self.count += len(found)
        if faults:
            wrong: Array = np.logical_or.reduce([fault.rows for fault in faults])
            self.count += int(wrong.sum())
            for fault in faults:
                if fault.cause and fault.rows.any():
                    self._count_cause(fault)
            for i in np.flatnonzero(wrong)[: self._first.most].tolist():
                fault = next(f for f in faults if f.rows[i])
                row = int(batch.number(np.array([i]))[0]) - batch.before
                found.append((row, fault.why(i)))
        if found:
            places = place_of(batch.fragment, np.array([row for row, _ in found]))
            self._first.add(places, places, np.array([why for _, why in found], object))

    def merge(self, other: BadRows) -> None:
        """Take in the bad rows of another."""
        self.count += other.count
        self.causes += other.causes
        self.strange = set(sorted(self.strange | other.strange)[:_NAMED])
        self._first.merge(other._first)

    def first(self, number: Callable[[Array], Array]) -> list[BadRow]:
        """Some of them, the first ones, and at least one where there are any."""
        if not len(self._first):
            return []
        _, places, why = self._first.columns
        pairs = zip(number(places).tolist(), why.tolist(), strict=True)
        return [BadRow(row, reason) for row, reason in pairs]

    def named(self, number: Callable[[Array], Array]) -> list[BadRow]:
        """As many of the first ones as were asked for."""
        return self.first(number)[: self._most]

    def _count_cause(self, fault: Fault) -> None:
        self.causes[fault.cause] += int(fault.rows.sum())
        if fault.strange is not None:
            met = self.strange.union(map(str, fault.strange.tolist()))
            self.strange = set(sorted(met)[:_NAMED])


def check_misreading(roles: Roles, tally: Tally, bad: BadRows, rows: int) -> None:
    """Refuse what one wrong reading of the file would bring about: labels of which too many are
    none, in rows that the first ones did not show.

    Raises:
        InputError: it is so; the message names the option that settles it.
    """
    strange, codes = bad.causes["label"], roles.codes
    if codes is None or not tally.events:
        return
    if strange < _SYSTEMATIC * rows or strange < _FEW:
        _check_last_label(roles, tally, bad, strange)
        return
    name, some = roles.target.names[0], ", ".join(sorted(bad.strange)[:4])
    count = len(roles.classes)
    share = f"{strange:,} of the {rows:,} rows have labels in {name!r} that are no class ({some})"
    if codes.first is None or roles.binary:
        raise InputError(
            f"{share}: too many for bad rows: add --ignore LABEL for those that are to be left "
            "out, or name the columns of all classes"
        )
    raise InputError(
        f"{share}, where {codes.first} to {codes.first + count - 1} are: too many for bad rows: "
        f"add --first-label {codes.first + 1} if the labels count from there, or --ignore LABEL "
        "for those that are to be left out"
    )


def _check_last_label(roles: Roles, tally: Tally, bad: BadRows, strange: int) -> None:
    """Refuse labels of which the first class's never comes, and the one after the last class's
    about as often as others do: they count from 1.

    Raises:
        InputError: it is so.
    """
    codes, count = roles.codes, len(roles.classes)
    if codes is None or codes.first != 0 or roles.binary or tally.class_count[0]:
        return
    often = strange >= _OTHERS * tally.events / count and tally.events >= _ENOUGH * count
    if often and {float(label) for label in bad.strange} == {float(count)}:
        raise InputError(
            f"{strange:,} rows have the label {count} in {roles.target.names[0]!r}, none has the "
            f"label 0, and the classes count from 0 to {count - 1}: add --first-label 1 if label 1 "
            f"means the first of them, or --ignore {count}"
        )
