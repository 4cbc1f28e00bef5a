"""Where findings go once they are text: standard output or a file; a sentence says why not."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import typer

from .text import visible


def deliver(command: str, text: str, output: Path | None) -> None:
    """Print the text of a command, if there is any, or write it to the file."""
    if output is None:
        if text:
            typer.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        unwritable(command, output, error)


def unwritable(command: str, path: Path, error: OSError) -> NoReturn:
    """End because a file cannot be written."""
    stop(command, f"{visible(str(path))} cannot be written: {error.strerror or error}")


def stop(command: str, sentence: str) -> NoReturn:
    """End with exit code 2 and one sentence on stderr."""
    typer.echo(f"plogq {command}: {sentence}", err=True)
    raise typer.Exit(2)
