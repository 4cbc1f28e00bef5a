"""What the commands print with: tables and JSON on stdout, a sentence on stderr."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from ..score.shown import as_json
from ..score.terminal import emit, say
from .interrupted import Interrupted

# Exit codes; others are named in __init__.py.
FOUND_WANTING, BAD_INPUT = 1, 2


class Command(TyperCommand):
    """A command whose flags show no type in its help: they take no value."""

    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))


class Group(TyperGroup):
    """The same for the options before a command, and Ctrl-C as it came."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            # typer would turn it into an exit code, and nobody could say how far it came.
            notes = getattr(stopped, "__notes__", [])
            raise Interrupted(str(stopped) or ": ".join(["stopped", *notes[:1]])) from stopped

    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))


def _without_types(options: list[Any]) -> list[Any]:
    for option in options:
        if getattr(option, "is_flag", False) and option.metavar is None:
            option.metavar = " "
    return options


class Format(StrEnum):
    """How a result is printed."""

    table = "table"
    json = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="A table to read, or JSON for a program.")
]


def print_json(value: Any) -> None:
    """`value` as JSON that the terminal can show."""
    emit(as_json(value, getattr(sys.stdout, "encoding", None) or "utf-8") + "\n")


@contextmanager
def printed() -> Generator[Console, None, None]:
    """What is printed here goes out at the end, and not at all after an error."""
    console = Console()
    with console.capture() as captured:
        yield console
    emit(captured.get())


def stop(command: str, sentence: str) -> NoReturn:
    """End with exit code 2 and one sentence on stderr."""
    say(f"plogq {command}", sentence)
    raise typer.Exit(BAD_INPUT)
