"""The reference of the commands is what the commands say of themselves."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from typer.testing import CliRunner

from plogq.cli.commands import app

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import commands

from .together import for_each

TEXT = commands.PAGE.read_text(encoding="utf-8")
NAMES = sorted(commands.commands())


def test_the_page_is_up_to_date() -> None:
    assert commands.page(TEXT) == TEXT, "write it again: python docs/commands.py"


def test_every_command_has_a_place() -> None:
    assert sorted(commands.named(TEXT)) == NAMES
    assert len(NAMES) == 7


@for_each("name", NAMES)
def test_every_option_of_the_help_is_in_the_page(name: str) -> None:
    """The help is laid out by typer, which knows nothing of the page."""
    shown = CliRunner().invoke(app, [name, "--help"], terminal_width=300, env={"COLUMNS": "300"})
    assert shown.exit_code == 0
    there = commands.reference(name, commands.commands()[name])
    found = set(re.findall(r"^. +\*? *(--[\w-]+)", shown.stdout, re.MULTILINE)) - {"--help"}
    assert found or name == "explain"
    for option in found:
        assert option in there, option
