"""What is kept of every row for comparing: its loss, weight, truth, and where else it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .column import Array, Column
from .events import Events
from .find import Roles
from .ids import Ids
from .rows import columns_of
from .slices import Groups
from .truth import joined


@dataclass(frozen=True, slots=True)
class Losses:
    """The rows of one file that could be read, in its order; arrays have an entry for each.

    `loss` is NaN where a row is bad or left out. `truth` is the index of its class in `roles`, or
    of soft targets and of outcomes all values, shape (rows, K). `places` are the values of
    `groups`, which are the slices and after them the clusters.
    """

    name: str
    roles: Roles
    rows: Array
    loss: Array
    weight: Array
    truth: Array
    ids: Ids | None
    groups: tuple[Groups, ...]
    places: tuple[Array, ...]

    @property
    def scored(self) -> Array:
        """Which rows have a loss."""
        return ~np.isnan(self.loss)

    def taken(self, order: Array) -> Losses:
        """The rows in another order; -1 is a row that could not be read."""
        lost = order < 0
        loss = np.where(lost, np.nan, self.loss[order])
        return Losses(
            self.name, self.roles, self.rows[order], loss, self.weight[order], self.truth[order],
            self.ids, self.groups, tuple(p[order] for p in self.places),
        )  # fmt: skip

    def label(self, row: int) -> str:
        """The truth of a row as a report writes it."""
        truth = self.truth[row]
        if self.roles.form == "hard":
            return self.roles.classes[int(truth)]
        if self.roles.form == "tokens":
            return ""
        return "(" + ", ".join(f"{v:.4g}" for v in truth[:8]) + ", …" * (len(truth) > 8) + ")"


@dataclass(frozen=True, slots=True)
class Kept:
    """All that a report holds of its rows: what comparing needs, and the columns of `--rows`."""

    losses: Losses
    columns: dict[str, Array]


class Teller:
    """Takes in events and keeps the columns that `--rows` writes of them."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Array]] = []

    def add(self, events: Events) -> None:
        """Keep what is told of a batch."""
        self._parts.append(columns_of(events))

    def columns(self) -> dict[str, Array]:
        """All of them as one."""
        names = self._parts[0]
        return {n: np.concatenate([part[n] for part in self._parts]) for n in names}


class Keeper:
    """Takes in the events of a file and keeps them as `Losses`."""

    def __init__(self) -> None:
        self._roles: Roles | None = None
        self._groups: tuple[Groups, ...] = ()
        self._parts: list[tuple[Array, ...]] = []
        self._ids: list[Column] = []

    def add(self, events: Events) -> None:
        """Keep the rows of a batch."""
        batch, roles = events.batch, events.roles
        if self._roles is None:
            self._roles = roles
            also = () if roles.cluster is None else (roles.cluster,)
            self._groups = tuple(Groups(name) for name in (*roles.by, *also))
        where = slice(None) if events.index is None else events.index
        loss = np.full(batch.rows, np.nan)
        loss[where] = events.loss
        weight = np.ones(batch.rows)
        if events.weight is not None:
            weight[where] = events.weight
        there = _truth(events)
        truth = np.zeros((batch.rows, *there.shape[1:]), there.dtype)
        truth[where] = there
        places = [groups.places(batch) for groups in self._groups]
        self._parts.append((batch.number(np.arange(batch.rows)), loss, weight, truth, *places))
        if roles.on is not None:
            self._ids.append(batch.columns[roles.on])

    def losses(self, name: str) -> Losses:
        """All that was kept, of a file that is called so."""
        roles = self._roles
        assert roles is not None
        rows, loss, weight, truth, *places = map(np.concatenate, zip(*self._parts, strict=True))
        ids = None
        if roles.on is not None:
            ids = Ids(joined(self._ids, roles.on, name), roles.on, name)
        return Losses(name, roles, rows, loss, weight, truth, ids, self._groups, tuple(places))


def _truth(events: Events) -> Array:
    soft = events.soft
    if soft is None:
        return events.truth
    values = soft.values if soft.axis is not None else soft.values[None]
    return np.ascontiguousarray(values.T if soft.axis != 1 else values)


def labels_of(losses: Losses, like: Losses) -> Array:
    """The truth of every row in the classes of another file; -1 for one that it has not."""
    names: Sequence[str] = like.roles.classes
    if losses.roles.form == "hard":
        places = {name: k for k, name in enumerate(names)}
        index = np.array([places.get(name, -1) for name in losses.roles.classes])
        return index[losses.truth]
    own = losses.roles.classes
    if losses.truth.ndim == 1 or losses.truth.shape[1] != len(own) or set(own) != set(names):
        return losses.truth
    return losses.truth[:, [own.index(name) for name in names]]
