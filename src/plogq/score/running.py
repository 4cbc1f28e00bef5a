"""Running totals that can be sent between machines: added to, merged, and made into a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from .badrows import BadRows, check_misreading
from .column import MOST_FRAGMENTS, Array, Batch, InputError, fragment_and_row, in_python
from .events import Events, read_events
from .find import Roles
from .memory import Table, as_table, table_of
from .report import Report
from .summarise import summarised
from .tally import Tally

# What is pickled says of which version it is: one that means other sums is refused.
_VERSION = 2
# Enough rows that what is done once a batch costs little beside them, and few enough for memory and
# the outer caches.
_MOST_ROWS = 1 << 17
_NUMBERS = 1 << 21
# What is freed goes back to the system, and every batch is handed new pages, cleared one by one,
# which takes as long as its arithmetic. glibc keeps what it is given back once it has seen an array
# of this size freed, of which no page need be touched; other allocators do so, or do not mind.
_FREED = 31 << 20


class Totals:
    """What the rows that were added come to, in memory that grows with classes and slices and not
    with rows.

    Empty totals, from `plogq.score.totals`, know what the columns are. They can be pickled, and
    copies of them be given rows anywhere; merged, the parts make the same report, bit for bit,
    however the rows were shared out and in whatever order parts are merged.

    >>> import plogq.score, pickle
    >>> table = {"p0": [0.5, 0.25, 0.1], "p1": [0.5, 0.75, 0.9], "label": [0, 1, 1]}
    >>> empty = plogq.score.totals(table)
    >>> one, two = pickle.loads(pickle.dumps(empty)), empty.again()
    >>> one.add({name: values[:2] for name, values in table.items()})
    >>> two.add({name: values[2:] for name, values in table.items()}, start=2)
    >>> round(two.merge(one).report().cross_entropy, 4)
    0.3621
    """

    def __init__(
        self, roles: Roles, name: str = "", *, worst: int = 10, named_bad_rows: int = 10,
        calibration: bool = False, settled: bool = False, pictures: bool = False,
    ) -> None:  # fmt: skip
        self.roles = roles
        self.name = name
        # How labels count is what the user said, and no misreading.
        self._settled = settled
        self._asked = (worst, named_bad_rows, calibration, pictures)
        self._tally = Tally(roles, worst, calibration=calibration, pictures=pictures)
        self._bad = BadRows(named_bad_rows)
        self._rows: Counter[int] = Counter()
        self._left_out = 0
        np.empty(_FREED, np.uint8)

    @property
    def rows(self) -> int:
        """How many rows were added."""
        return self._rows.total()

    @property
    def events(self) -> int:
        """How many of them could be scored."""
        return self._tally.events

    @property
    def batch_rows(self) -> int:
        """How many rows are best added at once."""
        return max(1, min(_MOST_ROWS, _NUMBERS // max(1, len(self.roles.classes))))

    def again(self) -> Totals:
        """Totals of the same columns, without rows."""
        worst, named, calibration, pictures = self._asked
        return Totals(
            self.roles, self.name, worst=worst, named_bad_rows=named, calibration=calibration,
            settled=self._settled, pictures=pictures,
        )  # fmt: skip

    def add(self, table: Any, *, fragment: int = 0, start: int | None = None) -> None:
        """Add the rows of a table: pandas, polars, pyarrow, or a dictionary of arrays.

        `fragment` is a number that only this part of the data has, from 0 on, such as that of its
        file or partition, and `start` the place of the first row within it (None: after those of
        it that were added). Together they number the rows: of equal losses the first row is named
        as the worst, and a sample is drawn by them.

        Raises:
            InputError: a column is missing, or there is no such fragment.
        """
        if not 0 <= fragment < MOST_FRAGMENTS:
            raise InputError(f"fragment={fragment} is no number from 0 to {MOST_FRAGMENTS - 1:,}")
        first = self._rows[fragment] if start is None else start
        with in_python():
            source = Table(frame_of(table))
            there = {f.name for f in source.fields}
            for name in self.roles.names:
                if name not in there:
                    raise InputError(f"the table has no column {name!r}")
            for batch in source.batches(self.roles.names, self.batch_rows, self.roles.widths):
                self.take(replace(batch, start=batch.start + first, fragment=fragment))

    def take(self, batch: Batch) -> Events | None:
        """Add the rows of a batch; the events that they are."""
        self._rows[batch.fragment] += batch.rows + len(batch.lost)
        # NaN and ∞ in a file are bad rows, to be named; a warning would name no row.
        with np.errstate(all="ignore"):
            if not batch.rows:
                self._bad.add(batch, [])
                return None
            events, faults, omitted = read_events(batch, self.roles)
            self._left_out += omitted
            self._tally.add(events)
            self._bad.add(batch, faults)
        return events

    def merge(self, other: Totals) -> Totals:
        """Add what other totals of the same columns have; these totals.

        Raises:
            InputError: they are of other columns, or were asked for something else.
        """
        if (self.roles, self._asked) != (other.roles, other._asked):
            raise InputError(
                "these totals do not belong together: they read the columns differently, or were "
                "asked for other things: make both from the same empty ones, with again()"
            )
        self._rows += other._rows
        self._left_out += other._left_out
        self._tally.merge(other._tally)
        self._bad.merge(other._bad)
        return self

    def check_strictly(self) -> None:
        """Refuse bad rows.

        Raises:
            InputError: there is one; the message names it.
        """
        for bad in self._bad.first(self._number)[:1]:
            raise InputError(f"row {bad.row:,}: {bad.reason}")

    def report(self) -> Report:
        """What all rows come to.

        Raises:
            InputError: no row could be scored, or too many are bad for the columns to have been
                read rightly.
        """
        tally, bad = self._tally, self._bad
        with np.errstate(all="ignore"):
            if not self._settled:
                check_misreading(self.roles, tally, bad, self.rows)
            if not tally.events:
                raise InputError(self._nothing())
            return summarised(
                Report, self.name, self.roles, tally, self.rows, self._left_out, bad.count,
                bad.named(self._number), self._number,
            )  # fmt: skip

    def _number(self, places: Array) -> Array:
        """The numbers of rows through all fragments, in the order of those."""
        fragment, row = fragment_and_row(places)
        order = sorted(self._rows)
        counts = [self._rows[k] for k in order]
        before = np.cumsum([0, *counts])[:-1] if counts else np.zeros(0, np.int64)
        return row + before[np.searchsorted(np.array(order, np.int64), fragment)]

    def _nothing(self) -> str:
        for first in self._bad.first(self._number):
            return (
                f"none of the {self.rows:,} rows can be scored; row {first.row:,}: {first.reason}"
            )
        return (
            f"none of the {self.rows:,} rows can be scored: {self._left_out:,} are left out by "
            "label or weight"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {"version": _VERSION, **self.__dict__}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        kept = dict(state)
        version = kept.pop("version", None)
        if version != _VERSION:
            raise InputError(
                f"these totals are of version {version}, and this plogq reads version {_VERSION}: "
                "make them again, with one version of plogq on all machines"
            )
        self.__dict__.update(kept)


def frame_of(data: Any) -> Any:
    """A table of pandas, polars or pyarrow, or a dictionary of arrays, as Arrow's."""
    if isinstance(data, Mapping):
        columns = cast("Mapping[str, Any]", data)
        return table_of({str(name): np.asarray(x) for name, x in columns.items()})
    return as_table(data)
