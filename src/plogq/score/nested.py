"""Columns within columns of Arrow: fields of a struct, and numbers that stand beside their names.

A map of names to numbers, and what pipelines of transformers write, `[{"label": "cat", "score":
0.9}, …]` or `"labels": ["cat", …], "scores": [0.9, …]`, whatever the order in a row, are a column
for each name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow import field, is_list, scalar
from .column import Array, Field

_arrow: Any = pa
_compute: Any = pc
_types: Any = pa.types


class Nesting:
    """How columns of a schema lie within others; the first rows of those that hold some say the
    names."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._own = dict.fromkeys(schema.names)
        self._names: dict[str, list[str]] = {}
        # Of lists of numbers the list of names that stands beside them.
        self._beside: dict[str, str] = {}
        # Those whose names stand in another order from row to row.
        self._turned: set[str] = set()
        kinds = {f.name: f.type for f in schema}
        beside = [name for pair in _parallel(kinds) for name in pair]
        self.holders = [n for n, k in kinds.items() if holds_columns(k) or n in beside]

    def learn(self, first: Any) -> None:
        """Take the names from a table of first rows."""
        if not self.holders:
            return
        self._flat(first, learn=True)
        used = {*self._beside, *self._beside.values()}
        self.holders = [f.name for f in self._schema if holds_columns(f.type) or f.name in used]

    @property
    def fields(self) -> list[Field]:
        """The columns that there are once all are laid beside each other."""
        found = [field(f.name, f.type) for f in self.flat(self._schema.empty_table()).schema]
        turned = tuple(f"{name}." for name in self._turned)
        return [replace(f, placed=not f.name.startswith(turned)) for f in found]

    def flat(self, table: Any) -> Any:
        """The table with what lies within its columns beside them."""
        return self._flat(table) if self.holders else table

    def record(self, record: Any) -> Any:
        """The same of a batch."""
        if not self.holders:
            return record
        table = self._flat(_arrow.Table.from_batches([record]))
        columns = [column.combine_chunks() for column in table.columns]
        return _arrow.RecordBatch.from_arrays(columns, names=table.column_names)

    def places(self, names: Iterable[str]) -> list[int]:
        """Which of the schema's own columns these are, or lie in."""
        tops = set(self.tops(names))
        return [i for i, name in enumerate(self._own) if name in tops]

    def tops(self, names: Iterable[str]) -> list[str]:
        """The table's own columns that these are, or lie in, and those that name them."""
        tops = map(self.top, names)
        every = (name for top in tops for name in (top, self._beside.get(top, top)))
        return list(dict.fromkeys(name for name in every if name in self._own))

    def top(self, name: str) -> str:
        """The schema's own column that one is, or lies in."""
        if name in self._own:
            return name
        return next(top for top in self.holders if name.startswith(f"{top}."))

    def _flat(self, table: Any, *, learn: bool = False) -> Any:
        while True:
            columns = dict(zip(table.column_names, table.columns, strict=True))
            if learn:
                self._learn(columns)
            spread = {name: self._struct(name, columns) for name in columns}
            for name in set(self._beside.values()) & spread.keys():
                del spread[name]
            table = _arrow.table(list(spread.values()), names=list(spread))
            if not any(map(_types.is_struct, table.schema.types)):
                return table
            table = table.flatten()

    def _learn(self, columns: dict[str, Any]) -> None:
        for name, column in columns.items():
            if _labelled(column.type):
                self._take(name, _listed(_whole(column)))
        kinds = {name: column.type for name, column in columns.items()}
        for names, numbers in _parallel(kinds):
            found = _lists(_whole(columns[names]), _whole(columns[numbers]))
            # Tokens stand beside numbers too, but others in every row.
            if found.rows > 1 and found.usual and 2 * found.sound().all(axis=1).sum() > found.rows:
                self._beside[numbers] = names
                self._take(numbers, found)

    def _take(self, name: str, found: _Named) -> None:
        self._names[name] = found.usual
        if found.usual and not found.one_order():
            self._turned.add(name)

    def _struct(self, name: str, columns: dict[str, Any]) -> Any:
        """Numbers beside their names as a struct; any other column as it is."""
        column, known = columns[name], self._names.get(name)
        if not known:
            return column
        if name not in self._beside:
            found = _listed(_whole(column))
        elif self._beside[name] in columns:
            found = _lists(_whole(columns[self._beside[name]]), _whole(column))
        else:
            return column
        return replace(found, usual=known).struct()


def holds_columns(kind: Any) -> bool:
    """Whether columns lie in a column of this type."""
    return bool(_types.is_struct(kind)) or _labelled(kind)


def _labelled(kind: Any) -> bool:
    if _types.is_map(kind):
        pair: Sequence[Any] = [kind.key_type, kind.item_type]
    elif is_list(kind) and _types.is_struct(kind.value_type) and len(kind.value_type) == 2:
        pair = [f.type for f in kind.value_type]
    else:
        return False
    return sum(map(_text, pair)) == 1 and any(scalar(k) in ("whole", "real") for k in pair)


def _parallel(kinds: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Lists of texts and lists of numbers that lie in one place, as pairs."""
    lists = {name: kind.value_type for name, kind in kinds.items() if is_list(kind)}
    texts = [name for name, kind in lists.items() if _text(kind)]
    numbers = [name for name, kind in lists.items() if scalar(kind) in ("whole", "real")]
    return [(t, n) for t in texts for n in numbers if _within(t) == _within(n)]


def _within(name: str) -> str:
    return name.rpartition(".")[0]


def _text(kind: Any) -> bool:
    if _types.is_dictionary(kind):
        kind = kind.value_type
    return scalar(kind) == "text"


@dataclass(frozen=True, slots=True)
class _Named:
    """Numbers with a name each, `row` says of which row of `rows`; `usual` are the names that stand
    in most of those, as they come."""

    rows: int
    row: Array
    names: Any
    numbers: Any
    usual: list[str]

    def _places(self) -> Array:
        """Which of the usual names each one is; -1 for none."""
        where = _compute.index_in(self.names, value_set=_arrow.array(self.usual, self.names.type))
        places: Array = where.fill_null(-1).to_numpy(zero_copy_only=False)
        return places

    def sound(self) -> Array:
        """Of every row and name, whether it is there, once, and no other beside it."""
        places, width = self._places(), len(self.usual)
        known = places >= 0
        at = self.row[known] * width + places[known]
        once = np.bincount(at, minlength=self.rows * width).reshape(-1, width) == 1
        once[self.row[~known]] = False
        return once

    def one_order(self) -> bool:
        """Whether the names stand in one order in all rows that have all of them."""
        whole = np.asarray(self.sound().all(axis=1))
        orders = self._places()[whole[self.row]].reshape(-1, len(self.usual))
        return bool((orders == orders[:1]).all())

    def struct(self) -> Any:
        """A field for every name; nothing where a row is not sound."""
        places, width = self._places(), len(self.usual)
        found = np.flatnonzero(places >= 0)
        order = np.full(self.rows * width, -1)
        order[self.row[found] * width + places[found]] = found
        order = np.where(self.sound(), order.reshape(-1, width), -1)
        parts = [
            self.numbers.take(_arrow.array(each, _arrow.int64(), mask=each < 0)) for each in order.T
        ]
        return _arrow.StructArray.from_arrays(parts, names=self.usual)


def _named(array: Any, row: Array, names: Any, numbers: Any) -> _Named:
    if _types.is_dictionary(names.type):
        names = names.dictionary_decode()
    every = names.drop_null().value_counts().to_pylist()
    there = len(array) - array.null_count
    usual = [str(each["values"]) for each in every if each["counts"] * 2 > there]
    return _Named(len(array), row, names, numbers, usual)


def _listed(array: Any) -> _Named:
    """Lists of pairs, or a map."""
    if _types.is_map(array.type):
        kind = array.type
        pair = _arrow.struct([("key", kind.key_type), ("value", kind.item_type)])
        array = array.cast(_arrow.list_(pair))
    names, numbers = array.flatten().flatten()
    if not _text(names.type):
        names, numbers = numbers, names
    row: Array = _compute.list_parent_indices(array).to_numpy(zero_copy_only=False)
    return _named(array, row, names, numbers)


def _lists(names: Any, numbers: Any) -> _Named:
    """Lists of names, and of as many numbers beside them; nothing of rows where they are not."""
    lengths: list[Array] = [
        _compute.list_value_length(each).fill_null(-1).to_numpy(zero_copy_only=False)
        for each in (names, numbers)
    ]
    same = (lengths[0] == lengths[1]) & (lengths[0] >= 0)
    row = np.repeat(np.flatnonzero(same), lengths[0][same])
    mask = _arrow.array(same)
    return _named(numbers, row, names.filter(mask).flatten(), numbers.filter(mask).flatten())


def _whole(column: Any) -> Any:
    """A column in one piece."""
    return column.combine_chunks() if isinstance(column, _arrow.ChunkedArray) else column
