"""Answers of language models with the log-probabilities of their tokens, as JSON lines.

OpenAI's chat and text completions, its batches, and vLLM's outputs and prompts: every line is one
document, with the columns `log_likelihood` (a list), `text`, and the line's own plain fields.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from . import arrow
from .column import About, Batch, Column, Fault, Field, Kind, Widths
from .jsonl import json_object, line_blocks

_arrow: Any = pa
_LOGS, _TEXT = "log_likelihood", "text"

Tokens = tuple[list[float | None], str]


class Completions:
    """A file of such lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        note = "Lines are answers with the log-probabilities of their tokens: a document each."
        self.about = About((note,), log_likelihood=True)
        kinds: dict[type, Kind] = {str: "text", int: "real", float: "real", bool: "boolean"}
        first = first_object(path) or {}
        self._plain: dict[str, Kind] = {
            name: kinds[type(value)]
            for name, value in first.items()
            if type(value) in kinds and name not in (_LOGS, _TEXT)
        }
        plain = [Field(name, kind) for name, kind in self._plain.items()]
        self.fields: Sequence[Field] = [Field(_LOGS, "list"), Field(_TEXT, "text"), *plain]

    def batches(
        self, names: Sequence[str], rows: int, widths: Widths
    ) -> Generator[Batch, None, None]:
        """The file from its beginning; see `Source`."""
        start = 0
        with closing(line_blocks(self._path)) as blocks:
            for data, done in blocks:
                lines = [line for line in data.splitlines() if line.strip()]
                for offset in range(0, len(lines), rows):
                    part = [json_object(line) for line in lines[offset : offset + rows]]
                    columns = self._columns(part, names, widths)
                    yield Batch(start, len(part), columns, done)
                    start += len(part)

    def _columns(
        self, lines: Sequence[dict[str, Any] | None], names: Sequence[str], widths: Widths
    ) -> dict[str, Column]:
        found = [None if line is None else tokens_of(line) for line in lines]
        broken = np.array([each is None for each in found], bool)
        faults = [Fault(broken, lambda _: "has no log-probabilities of tokens")]
        columns: dict[str, Column] = {}
        for name in names:
            if name == _LOGS:
                lists = _arrow.array([e and e[0] for e in found], _arrow.list_(_arrow.float64()))
                column = arrow.column(lists.fill_null([]), name, widths.get(name))
                columns[name] = Column(column.values, [*faults, *column.faults])
            elif name == _TEXT:
                texts = np.array([e[1] if e else "" for e in found], dtype=object)
                columns[name] = Column(texts)
            else:
                columns[name] = self._plain_column(lines, name)
        return columns

    def _plain_column(self, lines: Sequence[dict[str, Any] | None], name: str) -> Column:
        kind = self._plain[name]
        allowed = {"text": str, "boolean": bool}.get(kind, int | float)
        values = [None if line is None else line.get(name) for line in lines]
        wrong = np.array([not isinstance(v, allowed) for v in values], bool)
        empty: Any = "" if kind == "text" else 0
        kept = [empty if bad else v for v, bad in zip(values, wrong.tolist(), strict=True)]
        dtype: Any = object if kind == "text" else bool if kind == "boolean" else np.float64
        missing = [Fault(wrong, lambda _: f"{name} is missing")] if wrong.any() else []
        return Column(np.array(kept, dtype), missing)


def first_object(path: Path) -> dict[str, Any] | None:
    """The first line of a file of JSON lines."""
    with closing(line_blocks(path)) as blocks:
        for data, _ in blocks:
            for line in data.splitlines():
                if line.strip():
                    return json_object(line)
    return None


def tokens_of(line: Mapping[str, Any]) -> Tokens | None:
    """The log-probabilities of a line's tokens and their text; None where it has none."""
    for key in ("response", "body"):
        inner = line.get(key)
        if isinstance(inner, dict):
            line = cast("Mapping[str, Any]", inner)
    for key in ("choices", "outputs"):
        parts = line.get(key)
        if isinstance(parts, list) and parts:
            every = cast("list[dict[str, Any]]", parts)
            found = [_one(p) for p in every if type(p) is dict]
            known = [each for each in found if each is not None]
            if known:
                return [x for logs, _ in known for x in logs], "".join(text for _, text in known)
    return _one(line)


def _one(part: Mapping[str, Any]) -> Tokens | None:
    logs: Any = part.get("logprobs")
    if isinstance(logs, dict):
        logs = cast("dict[str, Any]", logs)
        if isinstance(logs.get("content"), list):
            return _entries(logs["content"])
        if isinstance(logs.get("token_logprobs"), list):
            numbers = cast("list[Any]", logs["token_logprobs"])
            tokens = cast("list[Any]", logs.get("tokens") or [])
            return [_number(x) for x in numbers], "".join(map(str, tokens))
    for key, ids in (("logprobs", "token_ids"), ("prompt_logprobs", "prompt_token_ids")):
        entries = part.get(key)
        if isinstance(entries, list) and any(
            isinstance(e, dict) for e in cast("list[Any]", entries)
        ):
            return _entries(cast("list[Any]", entries), part.get(ids))
    return None


def _entries(entries: Sequence[Any], ids: Any = None) -> Tokens:
    """Tokens one after the other: with a log-probability each, or as vLLM has them, several by id,
    of which the one that came is told by `ids` or stands first."""
    logs: list[float | None] = []
    text: list[str] = []
    known: list[Any] = cast("list[Any]", ids) if isinstance(ids, list) else []
    for i, entry in enumerate(entries):
        chosen: Any = entry
        if isinstance(entry, dict) and "logprob" not in entry:
            by_id = cast("dict[str, Any]", entry)
            first = next(iter(by_id.values()), None)
            chosen = by_id.get(str(known[i]), first) if i < len(known) else first
        if not isinstance(chosen, dict):
            logs.append(None)
            continue
        token = cast("dict[str, Any]", chosen)
        logs.append(_number(token.get("logprob")))
        if logs[-1] is not None:
            text.append(str(token.get("token") or token.get("decoded_token") or ""))
    return logs, "".join(text)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
