"""pyarrow's arrays as NumPy columns: no copy where the buffers allow it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .column import RAGGED, About, Array, Column, Fault, Field, Kind

# pyarrow ships no type stubs: its arrays, types and functions are Any from here on.
_types: Any = pa.types
_compute: Any = pc
_arrow: Any = pa


def field(name: str, kind: Any) -> Field:
    """What a column of this Arrow type can stand for."""
    kind = _storage(kind)
    if _types.is_dictionary(kind) or _types.is_run_end_encoded(kind):
        kind = kind.value_type
    if is_list(kind):
        width = kind.list_size if _types.is_fixed_size_list(kind) else None
        numbers = scalar(_storage(kind.value_type)) in ("whole", "real", "boolean")
        return Field(name, "list" if numbers else "other", width)
    return Field(name, scalar(kind))


def about(schema: Any) -> About:
    """What a schema says besides its fields: the names that Hugging Face's datasets give to whole
    numbers (ClassLabel)."""
    found: dict[str, tuple[str, ...]] = {}
    # Whatever else stands there is no concern of ours.
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said: Any = schema.metadata[b"huggingface"]
        features: dict[str, Any] = json.loads(said)["info"]["features"]
        for name, kind in features.items():
            if hasattr(kind, "get") and kind.get("_type") == "ClassLabel":
                found[name] = tuple(map(str, kind["names"]))
    names = next(iter(found.values())) if len(found) == 1 else None
    return About(classes=names, labels=tuple(found.items()))


def column(array: Any, name: str, width: int | None = None) -> Column:
    """One array as a column; the rows of a list column must have `width` values (None: as many as
    most of them have)."""
    if isinstance(array, _arrow.ExtensionArray):
        array = array.storage
    if _types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if _types.is_run_end_encoded(array.type):
        array = _compute.run_end_decode(array)
    if _types.is_list_view(array.type) or _types.is_large_list_view(array.type):
        array = _in_turn(array)
    if is_list(array.type):
        return _lists(array, name, width)
    missing = _missing(array, f"{name} is missing")
    if scalar(array.type) == "text":
        return Column(None, missing, array)
    return Column(_numbers(array), missing)


def _numbers(array: Any) -> Array:
    if _types.is_decimal(array.type):
        array = array.cast(_arrow.float64())
    if array.null_count:
        # Otherwise whole numbers with gaps would come back as floats or objects.
        array = array.fill_null(_arrow.scalar(0, _arrow.int8()).cast(array.type))
    values: Array = array.to_numpy(zero_copy_only=False)
    return values


def _lists(array: Any, name: str, width: int | None) -> Column:
    rows = len(array)
    faults = _missing(array, f"{name} is missing")
    lengths: Array = _compute.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    present: Array = array.is_valid().to_numpy(zero_copy_only=False)
    if width == RAGGED:
        return Column(_sums(array, lengths), faults)
    if width is None:
        width = _usual(lengths[present])
    whole = (lengths == width) & present
    if not whole.all():
        uneven = present & ~whole
        faults.append(Fault(uneven, lambda i: f"{name} has {lengths[i]} values instead of {width}"))
        array = array.filter(_arrow.array(whole))
    # flatten() leaves out the values of missing rows, and respects an offset.
    flat = array.flatten()
    if width == 0:
        return Column(np.zeros((rows, 0)), faults)
    if flat.null_count:
        gaps = np.zeros(rows, bool)
        nulls = flat.is_null().to_numpy(zero_copy_only=False).reshape(-1, width)
        gaps[whole] = nulls.any(axis=1)
        faults.append(Fault(gaps, lambda _: f"a value of {name} is missing"))
    values = _numbers(flat).reshape(-1, width)
    if not whole.all():
        spread = np.zeros((rows, width), values.dtype)
        spread[whole] = values
        values = spread
    return Column(values, faults)


def _sums(array: Any, lengths: Array) -> Array:
    """Of every list the sum, and how many values it has that are there."""
    flat = array.flatten()
    rows = np.repeat(np.arange(len(lengths)), lengths)
    values = flat.cast(_arrow.float64()).fill_null(float("nan")).to_numpy(zero_copy_only=False)
    there = ~np.isnan(values)
    rows, values = rows[there], values[there]
    counts = np.bincount(rows, minlength=len(lengths))
    return np.stack([np.bincount(rows, values, len(lengths)), counts], axis=1)


def _in_turn(array: Any) -> Any:
    """A list view as a list: its rows may lie in any order. pyarrow's own cast of a view that is
    cut loses rows."""
    lengths = _compute.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return _arrow.LargeListArray.from_arrays(
        _arrow.array(offsets, _arrow.int64()), _compute.list_flatten(array), mask=array.is_null()
    )


def _usual(lengths: Array) -> int:
    """The length that most of the lists have; 0 where there are none."""
    values, counts = np.unique(lengths, return_counts=True)
    return int(values[counts.argmax()]) if len(values) else 0


def _missing(array: Any, why: str) -> list[Fault]:
    if not array.null_count:
        return []
    return [Fault(array.is_null().to_numpy(zero_copy_only=False), lambda _: why)]


def scalar(kind: Any) -> Kind:
    """What one value of this type is."""
    if _types.is_boolean(kind):
        return "boolean"
    if _types.is_integer(kind):
        return "whole"
    if _types.is_floating(kind) or _types.is_decimal(kind):
        return "real"
    if _types.is_string(kind) or _types.is_large_string(kind) or _types.is_string_view(kind):
        return "text"
    return "other"


def _storage(kind: Any) -> Any:
    return kind.storage_type if isinstance(kind, _arrow.BaseExtensionType) else kind


def is_list(kind: Any) -> bool:
    """Whether this is one of the types of lists."""
    checks = (
        _types.is_list, _types.is_large_list, _types.is_fixed_size_list, _types.is_list_view,
        _types.is_large_list_view,
    )  # fmt: skip
    return any(check(kind) for check in checks)


def owned(data: bytes) -> Any:
    """Bytes in memory that is pyarrow's, so that no thread of its own ever holds on to something
    of Python's."""
    buffer = _arrow.allocate_buffer(len(data))
    np.frombuffer(buffer, np.uint8)[:] = np.frombuffer(data, np.uint8)
    return _arrow.BufferReader(buffer)


def text_lengths(values: Array) -> tuple[Array, Array]:
    """How many bytes and how many letters each text has."""
    texts = _arrow.array(values, _arrow.string()).fill_null("")
    return (
        _compute.binary_length(texts).to_numpy(zero_copy_only=False).astype(np.float64),
        _compute.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.float64),
    )


def distinct(column: Column) -> tuple[list[Any], Array]:
    """The texts or numbers of a column, each once, and which of them every row is; -1 for none."""
    if column.texts is not None:
        return _encoded(column.texts)
    values = column.values
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < len(values) and high < 1 << 63:
            # Few whole numbers count themselves, in a third of the time that hashing takes.
            place = np.subtract(values, low, dtype=np.int64, casting="unsafe")
            there = np.bincount(place) > 0
            rows = place if there.all() else (np.cumsum(there) - 1)[place]
            return (np.flatnonzero(there) + low).tolist(), rows
    if values.dtype.kind == "f":
        # As there are two zeros, and halves that pyarrow does not tell apart.
        values = values.astype(np.float64) + 0.0
    kind = _arrow.string() if values.dtype.kind in "OUT" else None
    return _encoded(_arrow.array(values, kind))


def _encoded(array: Any) -> tuple[list[Any], Array]:
    encoded = array.dictionary_encode()
    rows: Array = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return encoded.dictionary.to_pylist(), rows
