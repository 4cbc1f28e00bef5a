"""The cells of a CSV file: rows as text, and text as what it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow import column
from .column import Array, Column, Fault, Kind, Widths
from .parsing import NOTHING, Lost, parse
from .shown import excerpt

_arrow: Any = pa
_compute: Any = pc

_NUMBER = r"(?i)^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?(inf|infinity)$"
_WHOLE = r"^[+-]?\d+$"
_BOOLEAN = r"(?i)^(true|false)$"
_PERCENT = r"^[+-]?(\d+\.?\d*|\.\d+)\s*%$"
_LIST = r"(?s)^(\[.*\]|\(.*\)|(\w+\.)?(array|tensor)\(\[.*\].*\))$"
# What printing puts round the numbers: array([…], dtype=float32), tensor([…]), np.float64(…).
_ROUND_A_LIST = r"(?s)^(?:\w+\.)?(?:array|tensor)\((\[.*\])[^\]]*\)$"
_ROUND_A_NUMBER = r"np\.\w+\(([^()]*)\)"
_ITEMS = r"[,;\s]+"
# What stands in a column of numbers where there is none. In a column of text it may be a name.
_ABSENT = (
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "n/a", "null", "None", "none",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """What the cells of a column hold, and how its numbers are written."""

    kind: Kind
    percent: bool = False
    decimal: str = "."


class Cells(Protocol):
    """Rows of text by column."""

    def __len__(self) -> int: ...

    def forms(self, rows: int, decimal: str) -> list[Form]:
        """What most values read as in the first rows of each column."""
        ...

    def read(
        self, offset: int, rows: int, forms: Mapping[str, Form], widths: Widths
    ) -> dict[str, Column]:
        """Some of the rows as what they hold."""
        ...


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of text by column, or of numbers where all of a column read as such; `faults` are rows
    of columns that are no text."""

    texts: Mapping[str, Any]
    faults: Mapping[str, Fault]

    def __len__(self) -> int:
        return len(next(iter(self.texts.values())))

    def forms(self, rows: int, decimal: str) -> list[Form]:
        """See `Cells`."""
        return [_forms(array.slice(0, rows), 1, decimal)[0] for array in self.texts.values()]

    def read(
        self, offset: int, rows: int, forms: Mapping[str, Form], widths: Widths
    ) -> dict[str, Column]:
        """See `Cells`."""
        columns: dict[str, Column] = {}
        for name, array in self.texts.items():
            if array.type == _arrow.float64():
                columns[name] = column(array.slice(offset, rows), name)
                continue
            fault = self.faults.get(name)
            faults = [] if fault is None else [_part(fault, offset, rows)]
            texts = array.slice(offset, rows)
            columns |= _columns(texts, [name], forms[name], faults, widths.get(name))
        return columns


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of text as they stand in the file, `width` fields each, of which `places` are wanted:
    what costs a little for each column and each block costs a minute where there are 40,000."""

    texts: Any
    width: int
    places: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.texts) // self.width

    def forms(self, rows: int, decimal: str) -> list[Form]:
        """See `Cells`."""
        found = _forms(self.texts.slice(0, rows * self.width), self.width, decimal)
        return [found[place] for place in self.places.values()]

    def read(
        self, offset: int, rows: int, forms: Mapping[str, Form], widths: Widths
    ) -> dict[str, Column]:
        """See `Cells`."""
        texts = self.texts.slice(offset * self.width, rows * self.width)
        alike: dict[object, list[str]] = {}
        for name in self.places:
            form = forms[name]
            alike.setdefault(name if form.kind in ("text", "list") else form, []).append(name)
        columns: dict[str, Column] = {}
        for names in alike.values():
            chosen, width = self._chosen(texts, names), widths.get(names[0])
            columns |= _columns(chosen, names, forms[names[0]], [], width)
        return columns

    def _chosen(self, texts: Any, names: Sequence[str]) -> Any:
        places = np.array([self.places[name] for name in names])
        if len(names) == self.width and (places == np.arange(self.width)).all():
            return texts
        starts = np.arange(0, len(texts), self.width)
        return texts.take(_arrow.array((starts[:, None] + places).reshape(-1)))


def grid(
    data: bytes, every: Sequence[str], names: Sequence[str], delimiter: str, lost: Lost
) -> Grid | None:
    """Whole rows as a grid; None where a field is quoted or is not UTF-8. Rows of another number
    of fields go to `lost` with their place."""
    if b'"' in data:
        return None
    mark, width, rows = delimiter.encode(), len(every), list[bytes]()
    for line in data.splitlines():
        count = line.count(mark) + 1
        if count == width:
            rows.append(line)
        elif line:
            why = f"has {count} fields instead of {width}"
            lost.append((len(rows) + len(lost), why))
    # One field a line is one column.
    text = mark.join(rows).replace(mark, b"\n")
    places = {name: place for place, name in enumerate(every)}
    try:
        texts = parse(text, ["field"], ["field"], delimiter, [], empty_lines=bool(rows))
    except _arrow.ArrowInvalid:
        lost.clear()
        return None
    return Grid(texts.column(0).combine_chunks(), width, {name: places[name] for name in names})


def _forms(texts: Any, width: int, decimal: str) -> list[Form]:
    """What most of each column's values read as."""
    texts = _compute.utf8_trim_whitespace(texts)
    absent = _mask(_compute.is_in(texts, value_set=_arrow.array(_ABSENT))).reshape(-1, width)
    present = _mask(texts.is_valid()).reshape(-1, width) & ~absent

    def counted(array: Any, pattern: str) -> Array:
        return _mask(_compute.match_substring_regex(array, pattern)).reshape(-1, width).sum(axis=0)

    numbers = texts if decimal == "." else _pointed(texts)
    counts = (
        counted(texts, _BOOLEAN), counted(numbers, _WHOLE), counted(numbers, _NUMBER),
        counted(numbers, _PERCENT), counted(texts, _LIST), present.sum(axis=0),
    )  # fmt: skip
    return [_form(decimal, *column) for column in np.stack(counts, axis=1).tolist()]


def _form(
    decimal: str, truths: int, wholes: int, numbers: int, percents: int, lists: int, texts: int
) -> Form:
    # A few misprints make no text of a column; they are bad rows.
    if max(truths, numbers, percents, lists) * 2 <= texts:
        return Form("text")
    if lists > max(truths, numbers, percents):
        return Form("list", decimal=decimal)
    if percents > numbers:
        return Form("real", True, decimal)
    if truths > numbers:
        return Form("boolean")
    return Form("whole" if wholes == numbers else "real", False, decimal)


def _pointed(texts: Any) -> Any:
    """Numbers with a point before their decimals."""
    return _compute.replace_substring(texts, ",", ".")


def _columns(
    texts: Any, names: Sequence[str], form: Form, faults: Sequence[Fault], wide: int | None
) -> dict[str, Column]:
    """Text, row by row, as columns of a form; `faults` are rows that are no text already."""
    width = len(names)
    if form.kind == "list":
        return {names[0]: _lists(texts, names[0], faults, wide, form.decimal)}
    found: list[tuple[Array, Callable[[str, int], str]]] = []
    values: Array | None = None
    if form.kind != "text":
        values, wrong, why = _converted(texts, names, form)
        if wrong is not None:
            found.append((wrong, why))
        texts = _without_absent(texts) if wrong is not None else texts
    if texts.null_count:
        missing = ~_mask(texts.is_valid()).reshape(-1, width)
        for fault in faults:
            missing &= ~fault.rows[:, None]
        found.insert(0, (missing, lambda name, _: f"{name} is missing"))
    columns = {
        name: Column(None, faults, texts[k::width])
        if values is None
        else Column(values.reshape(-1, width)[:, k], faults)
        for k, name in enumerate(names)
    }
    for wrong, reason in found:
        for k in np.flatnonzero(wrong.any(axis=0)).tolist():
            before = columns[names[k]]
            own = [*before.faults, _fault(wrong[:, k], names[k], reason)]
            columns[names[k]] = replace(before, faults=own)
    return columns


def _converted(
    texts: Any, names: Sequence[str], form: Form
) -> tuple[Array, Array | None, Callable[[str, int], str]]:
    """Text as numbers or truth values; where some is neither, which, and what it is."""
    written = texts
    if form.decimal != "." and form.kind != "boolean":
        texts = _pointed(texts)
    if not form.percent:
        with suppress(_arrow.ArrowInvalid):
            return _numbers(texts.fill_null("0"), form.kind), None, _nothing
    texts = _compute.utf8_trim_whitespace(_without_absent(texts).fill_null("0"))
    pattern = {"boolean": _BOOLEAN}.get(form.kind, _PERCENT if form.percent else _NUMBER)
    allowed = _compute.or_(
        _compute.match_substring_regex(texts, pattern), _compute.equal(texts, "0")
    )
    plain = _compute.utf8_rtrim(texts, characters="% ") if form.percent else texts
    what = "truth value" if form.kind == "boolean" else "percentage" if form.percent else "number"

    def why(name: str, i: int) -> str:
        text = written[i * len(names) + names.index(name)].as_py()
        return f"{name} is {excerpt(text)!r}, not a {what}"

    wrong = ~_mask(allowed).reshape(-1, len(names))
    return _numbers(_compute.if_else(allowed, plain, "0"), form.kind), wrong, why


def _nothing(name: str, i: int) -> str:
    return f"{name} is no number"


def _without_absent(texts: Any) -> Any:
    """The texts, with none where a word says that there is none."""
    trimmed = _compute.utf8_trim_whitespace(texts)
    absent = _compute.is_in(trimmed, value_set=_arrow.array(_ABSENT))
    return _compute.if_else(absent, _arrow.scalar(None, texts.type), texts)


def _lists(
    texts: Any, name: str, faults: Sequence[Fault], wide: int | None, decimal: str
) -> Column:
    """Numbers in brackets as rows of numbers."""
    trimmed = _compute.utf8_trim_whitespace(_without_absent(texts))
    for printed in (_ROUND_A_LIST, _ROUND_A_NUMBER):
        trimmed = _compute.replace_substring_regex(trimmed, printed, r"\1")
    inner = _compute.utf8_trim(trimmed, characters="[]() \t\r\n")
    parts = _compute.split_pattern_regex(inner, r";\s*|\s+" if decimal == "," else _ITEMS)
    values = parts.values if decimal == "." else _pointed(parts.values)
    number = _compute.match_substring_regex(values, _NUMBER)
    absent = _compute.is_in(values, value_set=_arrow.array([*_ABSENT, *NOTHING]))
    allowed = _compute.or_(number, absent)
    plain = _compute.if_else(number, values, _arrow.scalar(None, values.type))
    numbers = plain.cast(_arrow.float64())
    lists = _arrow.ListArray.from_arrays(parts.offsets, numbers, mask=parts.is_null())
    read = column(lists, name, wide)
    wrong = ~_mask(allowed)
    bad: list[Fault] = []
    if wrong.any():
        totals = np.concatenate([[0], np.cumsum(wrong)])
        offsets = np.asarray(parts.offsets)
        rows: Array = totals[offsets[1:]] > totals[offsets[:-1]]
        what = "a list of numbers"
        bad.append(Fault(rows, lambda i: f"{name} is {excerpt(texts[i].as_py())!r}, not {what}"))
    return replace(read, faults=[*faults, *bad, *read.faults])


def _fault(rows: Array, name: str, why: Callable[[str, int], str]) -> Fault:
    return Fault(rows, lambda i: why(name, i))


def _part(fault: Fault, offset: int, rows: int) -> Fault:
    return Fault(fault.rows[offset : offset + rows], lambda i: fault.why(offset + i))


def _mask(array: Any) -> Array:
    mask: Array = array.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


def _numbers(texts: Any, kind: Kind) -> Array:
    to = _arrow.bool_() if kind == "boolean" else _arrow.float64()
    values: Array = texts.cast(to).to_numpy(zero_copy_only=False)
    return values
