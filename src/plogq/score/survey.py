"""What is known of a file before it is read: columns, first rows, and what the user said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike

import numpy as np

from .column import About, Array, Batch, Field, InputError, Kind
from .naming import Group
from .scale import Content


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user said of a file; None where nothing was said.

    `prediction` is a column, a pattern or names with commas, and `content` what it holds: "probs",
    "logits" or "log-probs". With `multilabel` every column is a yes/no outcome of its own.
    `positive` is the label that means yes, `ignore` the labels whose rows
    are left out. `tolerance` is how far from 1 a row of probabilities may sum; None is 0.001, or
    what rounding its values can come to. `renormalize` divides every row by its sum, and `clip`
    then keeps every probability that far away from 0 and 1. Without a `header` the first line of
    a text file is a row. `by` are columns whose values cut the events into slices, and events of
    one value of `cluster` belong together. `truth` is another file that holds the target, with the
    same ids in the column `on`, or without one in the same order;
    files that are compared are matched by it too. `log_likelihood` is a column of
    log q of what happened, one token a row or a list of them; `bytes` and `text` are then columns
    of how long the tokens are, and of what they say. `calibration` asks for what SciPy is needed
    for, and `pictures` for that and all else that `plogq report` shows: how the losses are spread,
    and what each class is given where another one is true.
    """

    target: str | None = None
    prediction: str | None = None
    content: Content | None = None
    binary: bool = False
    multilabel: bool = False
    weight: str | None = None
    positive: str | None = None
    ignore: int | str | Sequence[int | str] | None = None
    first_label: int | None = None
    tolerance: float | None = None
    renormalize: bool = False
    clip: float | None = None
    header: bool = True
    by: str | Sequence[str] = ()
    log_likelihood: str | None = None
    bytes: str | None = None
    text: str | None = None
    cluster: str | None = None
    calibration: bool = False
    pictures: bool = False
    truth: str | PathLike[str] | None = None
    on: str | None = None

    @property
    def slices(self) -> tuple[str, ...]:
        """The columns that cut the events into slices."""
        return (self.by,) if isinstance(self.by, str) else tuple(self.by)

    @property
    def ignored(self) -> tuple[str, ...]:
        """The labels to leave out, as text."""
        if self.ignore is None:
            return ()
        every = [self.ignore] if isinstance(self.ignore, int | str) else self.ignore
        if any(isinstance(x, int) and not -(2**63) <= x < 2**64 for x in every):
            raise InputError("--ignore must be a label: an integer of 64 bits, or text")
        return tuple(map(str, every))


@dataclass(slots=True)
class Seen:
    """The columns and their first rows; `taken` are the columns that have a role already."""

    fields: Sequence[Field]
    sample: Batch
    whole_file: bool
    wish: Wish
    about: About = field(default_factory=About)
    taken: set[str] = field(default_factory=set[str])
    _named: dict[str, Field] = field(init=False)

    def __post_init__(self) -> None:
        self._named = {f.name: f for f in self.fields}

    @property
    def names(self) -> list[str]:
        """Every column."""
        return [f.name for f in self.fields]

    @property
    def free(self) -> list[Field]:
        """The columns that have no role yet."""
        return [f for f in self.fields if f.name not in self.taken]

    @property
    def scope(self) -> str:
        """Which rows were looked at, where there are more."""
        return "" if self.whole_file else f" in the first {self.sample.rows:,} rows"

    def kind(self, name: str) -> Kind:
        """What a column holds."""
        return self._named[name].kind

    def list_width(self, name: str) -> int | None:
        """How long the rows of a list column are, where the file says so."""
        return self._named[name].width

    def percent(self, group: Group) -> bool:
        """Whether the numbers of a group stand with a % each."""
        return all(self._named[name].percent for name in group.names)

    def refuse_places(self, prediction: Group, target: str) -> None:
        """Refuse to match a target by the places of columns that the file has in no one order.

        Raises:
            InputError: they are such.
        """
        if not all(self._named[name].placed for name in prediction.names):
            raise InputError(
                f"{target} names no class, and those of {prediction} stand in another order from "
                "row to row, so that no place tells which is meant: write their names as labels"
            )

    def whole(self, name: str) -> bool:
        """Whether a column holds whole numbers alone, however they are written."""
        if self.kind(name) != "real":
            return self.kind(name) in ("whole", "boolean")
        values = self.column(name)
        values = values[~np.isnan(values)]
        return bool(len(values)) and bool((values == np.floor(values)).all())

    def plain(self, group: Group) -> bool:
        """Whether the group is one column with one value a row."""
        return len(group.names) == 1 and self.kind(group.names[0]) != "list"

    def width(self, group: Group) -> int:
        """How many values a row of the group has."""
        first = group.names[0]
        if self.kind(first) != "list":
            return len(group.names)
        return len(self.sample.columns[first].values[0])

    def column(self, name: str) -> Array:
        """The values of one column that could be read."""
        return self.sample.columns[name].values[self._sound([name])]

    def values(self, group: Group) -> Array:
        """The complete rows of a group: (rows, K), or (rows,) for one plain column."""
        parts = [self.sample.columns[name].values for name in group.names]
        values = parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
        values = values[self._sound(group.names)].astype(np.float64)
        complete = ~np.isnan(values)
        return values[complete if values.ndim == 1 else complete.all(axis=1)]

    def log_likelihoods(self, group: Group) -> Array:
        """Some of the values of a column of numbers, or of lists of them."""
        values = self.sample.columns[group.names[0]].values
        values = values[self._sound(group.names)].astype(np.float64).reshape(-1)
        return values[~np.isnan(values)]

    def fault(self, group: Group) -> str | None:
        """Why the first row of a group could not be read; None where it could."""
        for name in group.names:
            for fault in self.sample.columns[name].faults:
                if len(fault.rows) and fault.rows[0]:
                    return fault.why(0)
        return None

    def _sound(self, names: Sequence[str]) -> Array:
        """The rows in which all these columns could be read."""
        sound = np.ones(self.sample.rows, bool)
        for name in names:
            for fault in self.sample.columns[name].faults:
                sound &= ~fault.rows
        return sound
