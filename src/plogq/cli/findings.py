"""What the commands that find misused losses have in common: the options that say how findings are
printed and where to, and how they get there; a sentence says why not."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from .. import __version__
from ..doctor.lint.run import Report
from ..doctor.output.machine import as_github, as_sarif
from ..doctor.output.text import visible


class Output(StrEnum):
    """How findings are printed."""

    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"


FormatOption = Annotated[
    Output, typer.Option("--format", help="For a reader, a program, GitHub or a scanner.")
]
FileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write there instead of to the terminal.")
]


def deliver(
    command: str,
    report: Callable[[], Report],
    format: Output,
    output: Path | None,
    *,
    show: Callable[[], None],
    text: Callable[[], str],
    json: Callable[[], str],
) -> None:
    """Show findings on the terminal, or print them, if there are any, or write them to the file."""
    if format is Output.text and output is None:
        show()
        return
    if format is Output.text:
        said = text()
    elif format is Output.json:
        said = json()
    elif format is Output.github:
        said = as_github(report())
    else:
        said = as_sarif(report(), __version__)
    if output is None:
        if said:
            typer.echo(said)
        return
    try:
        output.write_text(said + "\n", encoding="utf-8")
    except OSError as error:
        unwritable(command, output, error)


def unwritable(command: str, path: Path, error: OSError) -> NoReturn:
    """End because a file cannot be written."""
    stop(command, f"{visible(str(path))} cannot be written: {error.strerror or error}")


def stop(command: str, sentence: str) -> NoReturn:
    """End with exit code 2 and one sentence on stderr."""
    typer.echo(f"plogq {command}: {sentence}", err=True)
    raise typer.Exit(2)
