"""Safe fixes: an option that the loss's own call takes, written where it belongs."""

from __future__ import annotations

import ast
import difflib
import io
import json
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .modules import Module
from .values import Ref

_CLASSES = {
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """Text in place of a part of a file; lines from 1, columns in bytes from 0, as ast has them."""

    path: Path
    cell: int | None
    start: tuple[int, int]
    end: tuple[int, int]
    text: str


def edit_for(node: ast.expr | None, module: Module, option: tuple[str, object]) -> Edit | None:
    """The edit that sets an option of a loss, or None where that is not local and unambiguous."""
    if module.path is None or node is None:
        return None
    name, value = option
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _of_string(node, module, name, value)
    if not isinstance(node, ast.Call):
        return None
    written = f'"{value}"' if isinstance(value, str) else repr(value)
    if any(k.arg is None for k in node.keywords) or any(
        isinstance(a, ast.Starred) for a in node.args
    ):
        return None
    for k in node.keywords:
        if k.arg == name:
            return _edit(module, k.value, written) if isinstance(k.value, ast.Constant) else None
    if not _last(node.func)[:1].isupper() and len(node.args) > 2:
        return None  # it may stand among the positions
    if _last(node.func)[:1].isupper() and node.args:
        return None
    return _insertion(node, module, f"{name}={written}")


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _of_string(node: ast.Constant, module: Module, name: str, value: object) -> Edit | None:
    """A string of compile becomes an object, by the name that Keras has in the file."""
    made = _CLASSES.get(str(node.value))
    if made is None or name != "from_logits":
        return None
    for alias, known in module.scope.slots.items():
        if isinstance(known, Ref) and isinstance(alias, str) and "." not in alias:
            full = {"keras": "", "tensorflow.keras": "", "tensorflow": "keras."}.get(known.name)
            if full is not None:
                return _edit(module, node, f"{alias}.{full}losses.{made}({name}={value!r})")
    return None


def _edit(module: Module, node: ast.expr, text: str) -> Edit | None:
    if module.path is None or node.end_lineno is None or node.end_col_offset is None:
        return None
    start, end = module.at(node.lineno, 0), module.at(node.end_lineno, 0)
    return Edit(module.path, start.cell, (start.line, node.col_offset),
                (end.line, node.end_col_offset), text)  # fmt: skip


def _insertion(node: ast.Call, module: Module, argument: str) -> Edit | None:
    """One more argument before the closing parenthesis."""
    if module.path is None or node.end_lineno is None or node.end_col_offset is None:
        return None
    last = max(
        ((k.value.end_lineno or 0, k.value.end_col_offset or 0) for k in node.keywords),
        default=(0, 0),
    )
    for a in node.args:
        last = max(last, (a.end_lineno or 0, a.end_col_offset or 0))
    close = (node.end_lineno, node.end_col_offset - 1)
    if last == (0, 0):
        at, text = close, argument
    else:
        between = _between(module, last, close)
        if "#" in between:
            return None
        if ")" in between:  # the last argument stands in parentheses
            return None
        at, text = last, f", {argument}"
    place = module.at(at[0], 0)
    return Edit(module.path, place.cell, (place.line, at[1]), (place.line, at[1]), text)


def _between(module: Module, start: tuple[int, int], end: tuple[int, int]) -> str:
    lines = [line.encode() for line in module.lines[start[0] - 1 : end[0]]]
    if not lines:
        return ""
    lines[-1] = lines[-1][: end[1]]
    lines[0] = lines[0][start[1] :]
    return b"\n".join(lines).decode(errors="replace")


def changed(text: str, edits: Sequence[Edit]) -> str:
    """A text with edits made, last first; of two that overlap the first is left."""
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    done: tuple[int, int] | None = None
    for e in sorted(set(edits), key=lambda e: (e.start, e.end), reverse=True):
        if done is not None and e.end > done:
            continue
        first, last = e.start[0] - 1, e.end[0] - 1
        if last >= len(lines):
            continue
        merged = lines[first][: e.start[1]] + e.text.encode() + lines[last][e.end[1] :]
        lines[first : last + 1] = [merged]
        done = e.start
    return b"".join(lines).decode()


def fixed(path: Path, edits: Sequence[Edit]) -> tuple[str, str, bytes]:
    """The text of a file before and after its edits, and the bytes to write."""
    data = path.read_bytes()
    if path.suffix == ".ipynb":
        before = data.decode("utf-8")
        book: Any = json.loads(before)
        cells = [c for c in book["cells"] if c.get("cell_type") == "code"]
        for number in {e.cell for e in edits if e.cell is not None}:
            cell = cells[number - 1]
            whole = cell["source"]
            text = whole if isinstance(whole, str) else "".join(whole)
            new = changed(text, [e for e in edits if e.cell == number])
            cell["source"] = new if isinstance(whole, str) else new.splitlines(keepends=True)
        indent = 1 if "\n " in before[:20] or "\n " in before else None
        after = json.dumps(book, indent=indent, ensure_ascii=False)
        after += "\n" if before.endswith("\n") else ""
        return before, after, after.encode("utf-8")
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    before = data.decode(encoding)
    after = changed(before, edits)
    return before, after, after.encode(encoding)


def diff(shown: str, before: str, after: str) -> str:
    """The unified diff of a file."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), shown, shown
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)
