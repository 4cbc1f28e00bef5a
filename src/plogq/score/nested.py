"""Columns within columns of Arrow: fields of a struct, and numbers that stand beside their names.

A map of names to numbers, and what a pipeline of transformers writes, `[{"label": "cat", "score":
0.9}, …]`, whatever the order in a row, are a column for each name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        self.holders = [f.name for f in schema if holds_columns(f.type)]

    def learn(self, first: Any) -> None:
        """Take the names from a table of first rows."""
        if self.holders:
            self._flat(first, learn=True)

    @property
    def fields(self) -> list[Field]:
        """The columns that there are once all are laid beside each other."""
        return [field(f.name, f.type) for f in self.flat(self._schema.empty_table()).schema]

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
        """The table's own columns that these are, or lie in."""
        return list(dict.fromkeys(map(self.top, names)))

    def top(self, name: str) -> str:
        """The schema's own column that one is, or lies in."""
        if name in self._own:
            return name
        return next(top for top in self.holders if name.startswith(f"{top}."))

    def _flat(self, table: Any, *, learn: bool = False) -> Any:
        while True:
            spread = [
                self._struct(name, column, learn)
                for name, column in zip(table.column_names, table.columns, strict=True)
            ]
            table = _arrow.table(spread, names=table.column_names)
            if not any(map(_types.is_struct, table.schema.types)):
                return table
            table = table.flatten()

    def _struct(self, name: str, column: Any, learn: bool) -> Any:
        """Numbers beside their names as a struct; any other column as it is."""
        if not _labelled(column.type):
            return column
        array = column.combine_chunks() if isinstance(column, _arrow.ChunkedArray) else column
        if _types.is_map(array.type):
            kind = array.type
            pair = _arrow.struct([("key", kind.key_type), ("value", kind.item_type)])
            array = array.cast(_arrow.list_(pair))
        flat = array.flatten()
        names, numbers = flat.flatten()
        if not _text(names.type):
            names, numbers = numbers, names
        if learn:
            self._names[name] = _usual(names, len(array) - array.null_count)
        known = self._names.get(name)
        if not known:
            return column
        return _beside(array, names, numbers, known)


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


def _text(kind: Any) -> bool:
    if _types.is_dictionary(kind):
        kind = kind.value_type
    return scalar(kind) == "text"


def _usual(names: Any, rows: int) -> list[str]:
    """The names that stand in most rows, as they come."""
    every = names.drop_null().value_counts().to_pylist()
    return [str(each["values"]) for each in every if each["counts"] * 2 > rows]


def _beside(lists: Any, names: Any, numbers: Any, known: list[str]) -> Any:
    """A struct of these names; nothing in the rows where one of them is absent or there twice, or
    where there is another."""
    rows: Array = _compute.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    if _types.is_dictionary(names.type):
        names = names.dictionary_decode()
    where = _compute.index_in(names, value_set=_arrow.array(known, names.type))
    places: Array = where.fill_null(-1).to_numpy(zero_copy_only=False)
    found = places >= 0
    count, width = len(lists), len(known)
    times = np.bincount(rows[found] * width + places[found], minlength=count * width)
    whole = (times.reshape(count, width) == 1).all(axis=1)
    whole[rows[~found]] = False
    # Of a row that is whole the values stand in another order, and of others there is none.
    order = np.full(count * width, -1)
    order[rows[found] * width + places[found]] = np.flatnonzero(found)
    order = np.where(whole[:, None], order.reshape(count, width), -1)
    parts = [numbers.take(_arrow.array(each, _arrow.int64(), mask=each < 0)) for each in order.T]
    return _arrow.StructArray.from_arrays(parts, names=known)
