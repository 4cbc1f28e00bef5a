"""The command `lint`: files and options in, findings out, the exit code their worst level."""

from __future__ import annotations

import sys
from collections import defaultdict
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from ..doctor.findings import Level
from ..doctor.lint.edits import Edit, diff, fixed
from ..doctor.lint.run import Report, shown
from ..doctor.lint.run import lint as lint_paths
from ..doctor.lint.settings import BadSettings, read_settings, with_options
from ..doctor.output.machine import as_json
from ..doctor.output.progress import progress
from ..doctor.output.text import show, visible
from ..doctor.pages import page
from ..doctor.rules import RULES
from .findings import FileOption, FormatOption, Output, deliver, stop, unwritable


def lint(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Files, notebooks and folders; the working directory if none."),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(metavar="CODES", help="These rules alone: PQ001,PQ002 or a beginning, PQ00."),
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(metavar="CODES", help="Not these rules, besides the settings'.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Leave out files; may be repeated.")
    ] = None,
    explain: Annotated[
        str | None, typer.Option(metavar="CODE", help="What a rule means, with examples.")
    ] = None,
    format: FormatOption = Output.text,
    output: FileOption = None,
    show_unknown: Annotated[
        bool,
        typer.Option("--show-unknown", help="Also what only a name or one way of a branch says."),
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Make the fixes that are local and unambiguous.")
    ] = False,
    show_diff: Annotated[
        bool, typer.Option("--diff", help="Show what --fix would change, and change nothing.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    server: Annotated[
        bool,
        typer.Option("--server", help="Serve an editor as a language server (needs pygls)."),
    ] = False,
) -> None:
    """Is this the loss you think it is? Find misused losses in programs, without running them.

    A softmax before a loss that applies one, logits where probabilities are taken, one-hot rows
    where indices are: what still runs and gives wrong numbers. Nothing is imported; imports inside
    the project are followed. Silence a line with [bold]# plogq: ignore\\[PQ001][/bold], and
    settings stand in pyproject.toml under [bold]\\[tool.plogq.lint][/bold].

    Exit code: 0 clean, 1 findings at the level error, 2 bad input.

    [bold]Examples[/bold]

      plogq lint

      plogq lint train.py notebooks --select PQ001,PQ002

      plogq lint src --format sarif --output plogq.sarif

      plogq lint train.py --diff

      plogq lint --explain PQ001
    """
    if explain is not None:
        _explain(explain)
        return
    if server:
        _serve()
        return
    given = paths or [Path()]
    for path in given:
        if not path.exists():
            stop("lint", f"there is no file or folder {visible(str(path))}")
    try:
        settings = read_settings(Path() if len(given) != 1 else given[0])
        settings = with_options(settings, select, ignore, exclude or (), show_unknown)
    except BadSettings as error:
        stop("lint", str(error))
    with progress() as moved:
        report = lint_paths(given, settings, moved)
    for refused in report.refused:
        typer.echo(f"plogq lint: {visible(refused.file)}: {visible(refused.reason)}", err=True)
    for file, fault in dict(report.faults).items():
        typer.echo(
            f"plogq lint: {visible(file)}: a part was not followed, by a fault of plogq's own: "
            f"{type(fault).__name__}: {visible(str(fault))}",
            err=True,
        )
    if fix or show_diff:
        _mend(report, write=fix and not show_diff)
    if not show_diff:
        _print(report, format, output)
    raise typer.Exit(_code(report, strict))


def _serve() -> None:
    try:
        from ..doctor.server import serve
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] not in ("pygls", "lsprotocol"):
            raise
        stop("lint", "--server needs pygls, which is not installed: pip install 'plogq[server]'")
    serve()


def _code(report: Report, strict: bool) -> int:
    bad = {Level.ERROR, Level.WARNING} if strict else {Level.ERROR}
    if any(f.level in bad for f in report.findings):
        return 1
    unread = any(r.named or "syntax error" in r.reason for r in report.refused)
    return 2 if unread else 0


def _print(report: Report, format: Output, output: Path | None) -> None:
    def text() -> str:
        buffer = StringIO()
        show(report, Console(file=buffer, width=100, highlight=False, markup=False, emoji=False))
        return buffer.getvalue().rstrip("\n")

    deliver(
        "lint",
        lambda: report,
        format,
        output,
        show=lambda: show(report, Console(highlight=False, markup=False, emoji=False)),
        text=text,
        json=lambda: as_json(report),
    )


def _mend(report: Report, write: bool) -> None:
    """Make the safe fixes, or show them."""
    by_file: dict[Path, list[Edit]] = defaultdict(list)
    for edit in report.edits.values():
        by_file[edit.path].append(edit)
    for path, edits in by_file.items():
        before, after, data = fixed(path, edits)
        if not write:
            typer.echo(visible_lines(diff(shown(path), before, after)), nl=False)
            continue
        try:
            path.write_bytes(data)
        except OSError as error:
            unwritable("lint", path, error)
    if write and by_file:
        done = set(report.edits)
        report.findings = [f for f in report.findings if f not in done]
        n = len(done)
        typer.echo(f"Fixed {n} finding{'s' if n != 1 else ''}.", err=True)
        report.edits.clear()


def visible_lines(text: str) -> str:
    """A text of several lines without control characters."""
    return "".join(visible(line.rstrip("\r\n")) + "\n" for line in text.splitlines(keepends=True))


def _explain(code: str) -> None:
    rules = RULES.get(code.strip().upper())
    if rules is None:
        stop("lint", f"there is no rule {visible(code)}; there are {', '.join(RULES)}")
    text = page(rules[0].code)
    if sys.stdout.isatty():
        Console().print(Markdown(text))
    else:
        typer.echo(text)
