"""Where in the user's code: the first frame outside libraries, its line, its column, its text."""

from __future__ import annotations

import ast
import functools
import linecache
import os
import re
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from ..facts import Place

_PATHS = sysconfig.get_paths()
_OURS = str(Path(__file__).parents[2]) + os.sep
_LIBRARIES = tuple(
    {os.path.join(_PATHS[k], "") for k in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_NOT_OURS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

# Where generated code comes from: of a file and a line those of the user; asked in turn.
ORIGINS: list[Callable[[str, int], tuple[str, int] | None]] = []

_known: dict[CodeType, bool] = {}
_places: dict[tuple[CodeType, int], tuple[Place, str]] = {}


def is_library(code: CodeType) -> bool:
    """Whether a function belongs to a library, and not to the user."""
    found = _known.get(code)
    if found is None:
        found = _known[code] = is_library_file(code.co_filename)
    return found


def is_library_file(name: str) -> bool:
    """Whether a file belongs to a library."""
    if name.startswith("<"):
        return not name.startswith(("<ipython", "<stdin", "<string", "<program"))
    library = name.startswith(_LIBRARIES) or any(part in name for part in _NOT_OURS)
    return library or name.startswith(_OURS)


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The first frame of the user's own code, from here outwards."""
    while frame is not None and is_library(frame.f_code):
        frame = frame.f_back
    return frame


def here(depth: int = 1) -> tuple[Place, str]:
    """The place in the user's code that led here, and its text."""
    return place_of(user_frame(sys._getframe(depth)))


def place_of(frame: FrameType | None) -> tuple[Place, str]:
    """Where a frame stands, and the text of what it calls."""
    if frame is None:
        return Place("<unknown>", 1), ""
    key = (frame.f_code, frame.f_lasti)
    found = _places.get(key)
    if found is None:
        found = _places[key] = _read(frame)
    return found


def _read(frame: FrameType) -> tuple[Place, str]:
    code, line = frame.f_code, frame.f_lineno
    column, text = 1, ""
    try:
        at = list(code.co_positions())[frame.f_lasti // 2]
        first, last, start, end = at
        if first is not None and start is not None:
            line = first
            text, column = _between(code.co_filename, first, last or first, start, end)
    except (IndexError, AttributeError):
        pass
    for origin in ORIGINS:
        found = origin(code.co_filename, line)
        if found is not None:
            return _written(*found, text)
    file, cell = shown(code.co_filename)
    return Place(file, line, column, cell), shortened(text)


def shortened(text: str) -> str:
    """As much of a text as a message shows."""
    return text if len(text) <= 60 else text[:59] + "…"


_CALLED = re.compile(r"ag__\.converted_call\(([^,]*),")
_LOADED = re.compile(r"ag__\.ld\((\w+)\)")


def _written(file: str, line: int, generated: str) -> tuple[Place, str]:
    """Where the user wrote what AutoGraph made this text of, and how."""
    text = _LOADED.sub(r"\1", generated)
    call = _CALLED.match(text)
    source = linecache.getline(file, line)
    column = len(source) - len(source.lstrip()) + 1
    name = "" if call is None else call[1]
    for node in _calls(file) if name else ():
        if node.lineno == line and ast.unparse(node.func) == name:
            lines = linecache.getlines(file)
            text, column = ast.get_source_segment("".join(lines), node) or "", node.col_offset + 1
            break
    else:
        found = source.find(text) if text else -1
        text, column = (text, found + 1) if found >= 0 else (source.strip(), column)
    written, cell = shown(file)
    return Place(written, line, column, cell), shortened(" ".join(text.split()))


@functools.lru_cache(16)
def _calls(file: str) -> tuple[ast.Call, ...]:
    """The calls in a file."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _between(file: str, first: int, last: int, start: int, end: int | None) -> tuple[str, int]:
    """The source between two positions, on one line; columns count from 1."""
    lines = [
        linecache.getline(file, n).rstrip("\n") for n in range(first, min(last, first + 8) + 1)
    ]
    if not lines or not any(lines):
        return "", start + 1
    if len(lines) == 1:
        text = lines[0].encode()[start:end].decode(errors="replace")
    else:
        head = lines[0].encode()[start:].decode(errors="replace")
        tail = lines[-1].encode()[:end].decode(errors="replace") if last - first < 8 else "…"
        text = " ".join(part.strip() for part in (head, *lines[1:-1], tail))
        text = text.replace("( ", "(").replace(" )", ")").replace(",)", ")")
    return text, start + 1


_shown: dict[str, tuple[str, int | None]] = {}


def shown(file: str) -> tuple[str, int | None]:
    """A file as messages show it, and of a notebook the number of the cell."""
    found = _shown.get(file)
    if found is None:
        found = _shown[file] = _cell(file) or (_relative(file), None)
    return found


def _relative(file: str) -> str:
    try:
        path = os.path.relpath(file)
    except (ValueError, OSError):  # another drive, or a working directory that is gone
        return file
    return file if path.startswith("..") or file.startswith("<") else path


def _cell(file: str) -> tuple[str, int | None] | None:
    """The cell of a notebook that IPython compiled this text for."""
    main: Any = sys.modules.get("IPython")
    if main is None or ("ipykernel" not in file and not file.startswith("<ipython")):
        return None
    shell = main.get_ipython()
    numbers: dict[str, int] = getattr(getattr(shell, "compile", None), "_filename_map", None) or {}
    return "<notebook>", numbers.get(file)
