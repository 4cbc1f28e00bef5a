"""Reading what is linted: files in their own encoding, notebooks as one program, and refusals."""

from __future__ import annotations

import ast
import io
import json
import re
import stat
import tokenize
import warnings
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from .modules import Module

LARGEST = 1_000_000  # bytes: what is larger was generated
_SMALL = 20_000  # bytes: a file that is read whatever it names
_LONGEST = 20_000  # characters of one line
# What a file without any of these cannot get wrong.
_SPEAKS_OF_LOSSES = (
    b"ross_entropy", b"rossentropy", b"rossEntropy", b"NLLLoss", b"nll_loss", b"BCELoss",
    b"BCEWithLogits", b"kl_div", b"KLDiv", b"log_loss", b"kullback_leibler", b"kld", b"KLD",
    b"poly_loss", b"focal",
)  # fmt: skip
_PYTHON_2 = re.compile(r"^\s*(print\s+[\"'\w]|exec\s+[\"'\w]|except\s+[\w.]+\s*,\s*\w+\s*:)", re.M)


_ASKED = re.compile(r"^(\s*[\w, ]+=\s*)[!%].*")  # files = !ls, as notebooks have it
_IMPORT = re.compile(rb"^(?:from\s+([\w.]+)\s+import|import\s+([\w.]+))", re.M)
_HEAD = 20_000  # bytes of a file in which its imports stand


class Unreadable(Exception):
    """A file that cannot be linted; the message is the sentence that says why."""


def speaks_of_losses(data: bytes) -> bool:
    """Whether a file has a name in it that any rule could speak of."""
    if any(word in data for word in _SPEAKS_OF_LOSSES):
        return True
    # Written by hand.
    return b"log(" in data and (b"softmax" in data or (b"np.exp(" in data and b"np.log(" in data))


def may_import_losses(data: bytes) -> bool:
    """Whether a file may call a loss that another file of the project makes."""
    return (b"loss" in data or b"criterion" in data) and any(
        word in data for word in (b"torch", b"keras", b"tensorflow", b"jax", b"flax")
    )


def imports_speaker(data: bytes, path: Path) -> bool:
    """Whether a file imports one that stands beside it, or above it, and speaks of losses."""
    for found in _IMPORT.finditer(data[:_HEAD]):
        parts = (found[1] or found[2]).decode("ascii", "replace").strip(".").split(".")
        for folder in (path.parent, path.parent.parent):
            if _speaker(folder.joinpath(*parts).with_suffix(".py")):
                return True
    return False


@lru_cache(4096)
def _speaker(path: Path) -> bool:
    try:
        kind = path.stat()
        small = stat.S_ISREG(kind.st_mode) and kind.st_size <= LARGEST
        return small and speaks_of_losses(path.read_bytes())
    except OSError:
        return False


def read_bytes(path: Path, waits: bool = True) -> bytes:
    """A file's bytes; `waits`: a pipe is read to its end too, whoever writes to it.

    Raises:
        Unreadable: it does not exist, is too large, or cannot be read.
    """
    try:
        kind = path.stat()
        if not waits and not stat.S_ISREG(kind.st_mode):
            raise Unreadable("it is no file, but a pipe, a socket or a device")
        if kind.st_size > LARGEST:
            raise Unreadable(
                f"{kind.st_size:,} bytes are more than {LARGEST:,}: it looks generated, and "
                "is left out"
            )
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror or error}") from None


def decode(data: bytes) -> str:
    """The text of a source file, by its byte-order mark or coding line (PEP 263).

    Raises:
        Unreadable: it is not text in that encoding.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding, newline=None).read()
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        reason = str(error).partition("\n")[0]
        raise Unreadable(
            f"it is not text in UTF-8 or in what its coding line says: {reason}"
        ) from None


def parse(text: str) -> ast.Module:
    """The tree of a program.

    Raises:
        Unreadable: a syntax error, or too deep a nesting.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        why = f"a syntax error, {where}{error.msg}"
        if _PYTHON_2.search(text):
            why += "; it looks like Python 2, which is not read"
        raise Unreadable(why) from None
    except (RecursionError, MemoryError):
        raise Unreadable("it is nested too deeply to be read") from None
    except ValueError as error:
        raise Unreadable(f"it is not a program: {error}") from None


def read_module(path: Path, shown: str, needs: Iterable[str] = (), data: bytes | None = None
                ) -> Module | None:  # fmt: skip
    """A file as a module; None where it is long and names nothing that is needed.

    Raises:
        Unreadable: with the sentence that says why.
    """
    data = read_bytes(path) if data is None else data
    if len(data) > _SMALL and needs and not any(word.encode() in data for word in needs):
        return None
    if path.suffix == ".ipynb":
        return _notebook(path, shown, data)
    text = decode(data)
    lines = text.split("\n")
    if max(map(len, lines), default=0) > _LONGEST:
        raise Unreadable(
            f"a line has more than {_LONGEST:,} characters: it looks generated, and is left out"
        )
    return Module(path, shown, lines, parse(text))


# Notebooks


def _notebook(path: Path, shown: str, data: bytes) -> Module:
    """The code cells as one program; cells that are no Python are left out."""
    try:
        book: Any = json.loads(data)
        cells: Any = book["cells"] if "cells" in book else book["worksheets"][0]["cells"]
        found = [c for c in cells if c.get("cell_type") == "code"]
        texts = ["".join(c.get("source", c.get("input", ""))) for c in found]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise Unreadable(
            "it is not a Jupyter notebook: JSON with code cells was expected"
        ) from None
    lines: list[str] = []
    starts: list[tuple[int, int]] = []
    for number, text in enumerate(texts, 1):
        cell = [_plain(line) for line in text.split("\n")]
        if text.lstrip().startswith("%%") and not text.lstrip().startswith(
            ("%%time", "%%capture", "%%prun")
        ):
            cell = [""] * len(cell)
        try:
            parse("\n".join(cell))
        except Unreadable:
            cell = [""] * len(cell)
        starts.append((len(lines) + 1, number))
        lines += cell
    return Module(path, shown, lines, parse("\n".join(lines)), cells=starts)


def _plain(line: str) -> str:
    """A line of a cell without IPython's own syntax."""
    text = line.lstrip()
    if text.startswith(("%", "!", "?")) or text.rstrip().endswith("?"):
        return line[: len(line) - len(text)] + "pass"
    return _ASKED.sub(r"\1None", line)
