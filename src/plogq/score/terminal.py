"""The only ways for text to reach a terminal: a sentence, a result, and the cells of rich's."""

from __future__ import annotations

import io
import os
import sys
import traceback
from contextlib import suppress
from typing import TextIO

from rich.text import Text

from .shown import FALL_BACK, plain, shown

# A name in a file can be a megabyte long, and a sentence is there to be read.
_LONGEST = 2000


def prepare() -> None:
    """Have the streams take every letter: what an encoding lacks is replaced."""
    every = (sys.stdout, FALL_BACK), (sys.stderr, FALL_BACK), (sys.stdin, "replace")
    for stream, errors in every:
        # One that is closed is None.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def say(command: str, sentence: str) -> None:
    """One line on standard error, if that can be written to."""
    line = f"{command}: {shown(sentence)}"
    line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
        return
    try:
        sys.stderr.write(plain(line, sys.stderr.encoding or "utf-8") + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Let nothing more be written to a stream that failed, as Python would try at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def trace(error: BaseException) -> None:
    """Where an error came from, for whoever asks with PLOGQ_TRACEBACK=1."""
    if os.environ.get("PLOGQ_TRACEBACK"):
        for part in "".join(traceback.format_exception(error)).splitlines():
            say(" ", part)


def emit(text: str) -> None:
    """A result on standard output, all of it now, so that a failure shows."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        return
    sys.stdout.write(plain(text, sys.stdout.encoding or "utf-8"))
    sys.stdout.flush()


def cell(text: str, encoding: str = "utf-8", style: str = "") -> Text:
    """Text as rich lays it out: neither markup nor emoji, and in letters that the encoding has, as
    others would take another width once they are replaced."""
    return Text(plain(shown(text), encoding), style=style)
