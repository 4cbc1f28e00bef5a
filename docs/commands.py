"""Writes the reference of the commands from the commands: `python docs/commands.py`.

Between `<!-- command: NAME -->` and `<!-- end -->` of command-line.md stands what the command says
of itself; all else there is written by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from rich.text import Text

from plogq.cli.commands import app

PAGE = Path(__file__).with_name("command-line.md")
_BLOCK = re.compile(r"<!-- command: (\w+) -->\n.*?<!-- end -->\n", re.DOTALL)
_VALUES = {"int": "N", "float": "X", "Path": "FILE", "str": "TEXT"}


def commands() -> dict[str, Callable[..., Any]]:
    """Every command's function by its name."""
    found: list[Any] = app.registered_commands
    return {each.name or each.callback.__name__: each.callback for each in found}


def reference(name: str, command: Callable[..., Any]) -> str:
    """A command: what it does, examples, arguments and options."""
    told, examples = _told(inspect.getdoc(command) or "")
    signature = inspect.signature(command, eval_str=True)
    parameters = [_Parameter(each) for each in signature.parameters.values() if _said(each)]
    arguments = [each.name for each in parameters if each.argument]
    lines = [f"```text\n{' '.join(['plogq', name, *arguments, '[OPTIONS]'])}\n```", *told]
    if examples:
        lines.append("```sh\n" + "\n".join(examples) + "\n```")
    rows = [each.row() for each in parameters if each.help]
    lines.append("\n".join(["| option | what it does | default |", "|:--|:--|:--|", *rows]))
    return "\n\n".join(lines)


def _told(text: str) -> tuple[list[str], list[str]]:
    """The paragraphs of a command's help, and its examples."""
    before, _, after = text.partition("[bold]Example")
    told = [_plain(" ".join(part.split())) for part in before.split("\n\n") if part.strip()]
    examples = [line.strip() for line in after.splitlines()[1:] if line.strip()]
    return told, [Text.from_markup(line).plain for line in examples]


def _said(parameter: inspect.Parameter) -> bool:
    return get_origin(parameter.annotation) is not None and len(get_args(parameter.annotation)) > 1


class _Parameter:
    """An argument or option, as its function declares it."""

    def __init__(self, parameter: inspect.Parameter) -> None:
        kind, self._info, *_ = get_args(parameter.annotation)
        self.argument = type(self._info).__name__ == "ArgumentInfo"
        self.help = " ".join((getattr(self._info, "help", None) or "").split())
        self._default = parameter.default
        parts = get_args(kind) if get_origin(kind) in (UnionType, list) else (kind,)
        (self._kind,) = {p for p in parts if p is not type(None)} or {str}
        if get_origin(self._kind) is list:
            (self._kind,) = get_args(self._kind)
        # Inside of Annotated the first name stands where a default did before.
        first = self._info.default
        declared = [first] if isinstance(first, str) else []
        declared += getattr(self._info, "param_decls", None) or ()
        names = ", ".join(declared or [f"--{parameter.name.replace('_', '-')}"])
        value = self._info.metavar or self._value()
        if self.argument:
            self.name = value if self._info.metavar else parameter.name.upper()
        else:
            self.name = names.replace("/", ", ") + (f" {value}" if value else "")

    def _value(self) -> str:
        if self._kind is bool:
            return ""
        if issubclass(self._kind, Enum):
            return "|".join(str(each.value) for each in self._kind)
        return _VALUES[self._kind.__name__]

    def row(self) -> str:
        """A line of the table."""
        # What a help text says of its default belongs into the column of defaults.
        what, _, said = self.help.partition("[default: ")
        default = said.rstrip("]") or self._shown()
        name = self.name.replace("|", "\\|")
        return f"| `{name}` | {_cell(what.strip())} | {_cell(default)} |"

    def _shown(self) -> str:
        value = self._default
        if value is None or value is inspect.Parameter.empty or isinstance(value, bool):
            return ""
        return f"`{getattr(value, 'value', value)}`"


def _plain(text: str) -> str:
    """rich's markup as Markdown's."""
    return Text.from_markup(re.sub(r"\[/?bold\]", "**", text)).plain


def _cell(text: str) -> str:
    return re.sub(r"([|*])", r"\\\1", Text.from_markup(text).plain)


def page(text: str) -> str:
    """The page with the reference of every command in its place."""
    found = commands()

    def written(block: re.Match[str]) -> str:
        name = block[1]
        return f"<!-- command: {name} -->\n\n{reference(name, found[name])}\n\n<!-- end -->\n"

    return _BLOCK.sub(written, text)


def named(text: str) -> Iterator[str]:
    """The commands that a page has a place for."""
    return (block[1] for block in _BLOCK.finditer(text))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
