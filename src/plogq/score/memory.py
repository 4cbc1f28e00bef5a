"""Predictions in memory as a source of batches: arrays of any framework, and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa

from ..errors import PlogqError
from ..frameworks import verbs
from . import arrow
from .column import About, Array, Batch, InputError, Widths
from .nested import Nesting
from .tables import batch_of

_arrow: Any = pa


class Table:
    """An Arrow table."""

    def __init__(self, table: Any, classes: Sequence[str] | None = None) -> None:
        names: Counter[str] = Counter(table.schema.names)
        for name, times in names.most_common(1):
            if times > 1:
                raise InputError(f"the table has two columns named {name!r}: rename one of them")
        nesting = Nesting(table.schema)
        nesting.learn(table)
        self._table = nesting.flat(table)
        self.fields = nesting.fields
        self.about = arrow.about(table.schema)
        if classes is not None:
            self.about = About(classes=tuple(map(str, classes)))

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The table from its beginning; see `Source`."""
        start, total = 0, int(self._table.num_rows)
        for record in self._table.select(list(names)).to_batches(max_chunksize=rows):
            end = start + int(record.num_rows)
            yield batch_of(record, start, names, widths, end / max(total, 1))
            start = end


def as_table(data: Any) -> Any:
    """A pandas, polars or pyarrow table as Arrow's.

    Raises:
        ModuleNotFoundError: narwhals is not installed.
        InputError: it is no table, or holds what Arrow has no type for.
    """
    if isinstance(data, _arrow.Table):
        return data
    try:
        import narwhals
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "plogq.evaluate needs narwhals for tables, which is not installed: "
            "pip install 'plogq[tables]'",
            name=missing.name,
        ) from None
    narrow: Any = narwhals
    try:
        frame = narrow.from_native(data, pass_through=True)
        if isinstance(frame, narrow.LazyFrame):
            frame = frame.collect()
        if isinstance(frame, narrow.DataFrame):
            # pandas hands over its index as one more column.
            return frame.to_arrow().select(list(map(str, frame.columns)))
    except Exception as error:
        # What a table's own library raises is as it pleases.
        why = str(error).strip().split("\n")[0]
        raise InputError(f"the table cannot be read: {why}") from error
    raise InputError(
        f"plogq.evaluate takes a target and a prediction, or one table, and {_kind(data)} is "
        "no table: write plogq.evaluate(target, prediction)"
    )


def as_numpy(value: Any, role: str) -> Array:
    """An array of any framework where NumPy can read it.

    Raises:
        InputError: it is no array.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(
            f"{role} is a masked array, and what is masked would be scored: keep the rows that "
            "count, y[~mask] and q[~mask], or give the labels y.filled(-100) and ignore=-100"
        )
    try:
        found = verbs(value).host(value)
    except PlogqError:
        if not hasattr(value, "__array__"):
            raise InputError(
                f"{role} is {_kind(value)}, which is no array: give an array of NumPy, PyTorch, "
                "JAX or TensorFlow, or a list"
            ) from None
        found = value
    except ValueError as error:
        raise InputError(f"{role} is no array: {error}") from None
    array = np.asarray(found)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def class_names(prediction: Any) -> list[str] | None:
    """The names that the columns of a table give the classes; None where they are counted from 0,
    or it is no table."""
    # Of pyarrow's tables `columns` are the arrays.
    columns = getattr(prediction, "column_names", getattr(prediction, "columns", None))
    shape = getattr(prediction, "shape", ())
    if columns is None or len(shape) != 2 or shape[1] < 2:
        return None
    names = [str(name) for name in columns]
    return None if names == [str(k) for k in range(len(names))] else names


def refuse_other_order(target: Any, prediction: Any) -> None:
    """Refuse a series and a table of pandas with one index in two orders.

    Raises:
        InputError: they are that.
    """
    if not all(type(x).__module__.split(".")[0] == "pandas" for x in (target, prediction)):
        return
    ours, theirs = target.index, prediction.index
    if len(ours) == len(theirs) and not ours.equals(theirs) and set(ours) == set(theirs):
        raise InputError(
            "the target and the prediction have one index in two orders: write "
            "prediction.loc[target.index] where the index tells which rows belong together, or "
            "target.to_numpy() where their places do"
        )


def table_of(columns: Mapping[str, Array]) -> Any:
    """Arrays of shape (rows,) or (rows, K) as a table."""
    return _arrow.table({name: _column(name, values) for name, values in columns.items()})


def _column(name: str, values: Array) -> Any:
    if values.ndim == 2:
        flat = _column(name, np.ascontiguousarray(values).reshape(-1))
        return _arrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
    try:
        if values.dtype.kind in "OUT":
            return _arrow.array(values.tolist())
        return _arrow.array(values.astype(values.dtype.newbyteorder("="), copy=False))
    except (_arrow.ArrowException, TypeError, ValueError):
        raise InputError(
            f"{name} holds {values.dtype}, which is neither numbers nor text of one kind"
        ) from None


def _kind(value: Any) -> str:
    kind = type(cast("object", value))
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
