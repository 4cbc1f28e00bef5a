"""Findings on a terminal, in ruff's manner: what, where, the source line, why, what to write."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Console, Group, RenderableType
from rich.text import Text

from ..findings import Finding, Level
from ..lint.modules import Module
from ..lint.run import Report, source_line

_STYLES = {
    Level.ERROR: "bold red",
    Level.WARNING: "bold yellow",
    Level.INFO: "bold blue",
    Level.UNKNOWN: "bold magenta",
}


def visible(text: str) -> str:
    """A text in which control characters are written out: none of them reaches the terminal.

    >>> visible("a\\x1b[31m")
    'a\\\\x1b[31m'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == " " else _written(c) for c in text.replace("\t", "    ")
    )


def _written(c: str) -> str:
    if c == "\u3000" or unicodedata.category(c) == "Zs":
        return " "
    return c.encode("unicode_escape").decode("ascii")


def show(report: Report, console: Console, said: str | None = None) -> None:
    """Print a report; `said` stands in place of the summary of files."""
    for finding in report.findings:
        console.print(_one(finding, report.sources.get(finding.place.file), console))
        console.print()
    for line in _wrapped(Text(summary(report) if said is None else said), console, 0):
        console.print(line)


def _one(f: Finding, module: Module | None, console: Console) -> RenderableType:
    title = Text()
    title.append(f"{f.rule} ", style=_STYLES[f.level])
    title.append(f"{f.name} ", style="bold")
    title.append(f"[{f.level.value}]")
    where = Text(f"  --> {visible(str(f.place))}", style="cyan", overflow="fold")
    parts: list[RenderableType] = [title, where]
    if module is not None:
        parts += list(_source(f, module, console.width))
    parts += _indented(Text(visible(f.message)), console)
    if f.head is not None and f.head != f.place:
        line = ""
        if module is not None and f.head.file == module.shown:
            line = source_line(f.head.line, f.head.cell, module).strip()
        shown = Text(f"head: {visible(str(f.head))}", overflow="fold")
        if line:
            shown.append(f"  {_cropped(visible(line), max(12, console.width - 4))}", style="dim")
        parts += _indented(shown, console)
    parts += _indented(Text.assemble(("help: ", "bold green"), visible(f.fix)), console)
    return Group(*parts)


def _indented(text: Text, console: Console) -> list[Text]:
    """A text in lines of two spaces and what fits."""
    return [Text.assemble("  ", line) for line in _wrapped(text, console, 2)]


def _wrapped(text: Text, console: Console, less: int) -> list[Text]:
    """A text in lines that fit, with nothing behind them."""
    lines = list(text.wrap(console, max(10, console.width - less)))
    for line in lines:
        line.rstrip()
    return lines


def _source(f: Finding, module: Module, width: int) -> Iterator[RenderableType]:
    """The source line, with a mark below the loss."""
    line = source_line(f.place.line, f.place.cell, module)
    if not line.strip():
        return
    before = line.encode()[: f.place.column - 1].decode(errors="replace")
    lead = len(line) - len(line.lstrip())
    shown = visible(line.strip())
    at = len(visible(before[lead:])) if len(before) >= lead else 0
    number = str(f.place.line)
    room = max(16, width - len(number) - 4)
    if at > room - 8:
        cut = at - room // 2
        shown, at = "…" + shown[cut:], at - cut + 1
    shown = _cropped(shown, room)
    gap = " " * len(number)
    yield Text(f"{gap} |", style="dim")
    yield Text.assemble((f"{number} | ", "dim"), shown, no_wrap=True, overflow="crop")
    yield Text.assemble((f"{gap} | ", "dim"), " " * at, ("^", _STYLES[f.level]), no_wrap=True)


def _cropped(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def counted(findings: Iterable[Finding]) -> str:
    """How many of which level."""
    levels = Counter(f.level for f in findings)
    return ", ".join(
        f"{n:,} {level.value}{'s' if n != 1 and level in (Level.ERROR, Level.WARNING) else ''}"
        for level in Level
        if (n := levels[level])
    )


def summary(report: Report) -> str:
    """How many of which level, in how many files."""
    files = f"{report.files:,} file{'s' if report.files != 1 else ''}"
    found = counted(report.findings)
    said = f"Found {found} in {files}." if found else f"No findings in {files}."
    if report.unknown:
        n = report.unknown
        said += f" {n:,} more where the source was not seen: --show-unknown."
    if report.edits:
        n = len(report.edits)
        said += f" {n:,} can be fixed with --fix."
    if report.refused:
        n = len(report.refused)
        said += f" {n:,} file{'s were' if n != 1 else ' was'} not read."
    return said
