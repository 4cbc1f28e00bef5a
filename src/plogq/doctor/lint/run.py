"""Linting files and folders: which files, what is found in each, what is kept of it."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..contracts import Takes
from ..facts import Array, Made, Seen, Sighting, ungraded
from ..findings import Finding, Level
from ..rules import judge
from .edits import Edit, edit_for
from .library import LIBRARY
from .measured import matters, measured, parents_of
from .modules import Module
from .project import Project, of_library
from .running.interpreter import Interpreter
from .settings import Settings
from .slots import Scope
from .sources import (
    Unreadable,
    imports_speaker,
    may_import_losses,
    read_bytes,
    read_module,
    speaks_of_losses,
)

_SUFFIXES = (".py", ".pyw", ".ipynb")
_LEFT_OUT = frozenset(
    [
        "__pycache__",
        "node_modules",
        "venv",
        "env",
        "build",
        "dist",
        "site-packages",
        "_build",
        "__pypackages__",
    ]
)
_IGNORE = re.compile(r"#\s*plogq:\s*ignore\b(?:\[([^\]]*)\])?", re.IGNORECASE)
_ORDER = (Level.ERROR, Level.WARNING, Level.INFO, Level.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was not linted, and why."""

    file: str
    reason: str
    named: bool  # by the caller, not found in a folder


@dataclass(slots=True)
class Report:
    """What was found in how many files."""

    findings: list[Finding] = field(default_factory=list[Finding])
    refused: list[Refused] = field(default_factory=list[Refused])
    files: int = 0
    faults: list[tuple[str, Exception]] = field(default_factory=list[tuple[str, Exception]])
    edits: dict[Finding, Edit] = field(default_factory=dict[Finding, Edit])
    sources: dict[str, Module] = field(default_factory=dict[str, Module])
    unknown: int = 0  # findings of that level that were not asked for


def shown(path: Path) -> str:
    """A path as messages show it: from the working directory where it lies below."""
    try:
        return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd()) else str(path)
    except (OSError, ValueError):
        return str(path)


def files_of(paths: Sequence[Path], settings: Settings) -> Iterator[tuple[Path, bool]]:
    """Every file to lint once, and whether it was named itself."""
    seen: set[Path] = set()
    for path in paths:
        found: Iterator[tuple[Path, bool]]
        found = _in_folder(path, settings) if path.is_dir() else iter([(path, True)])
        for file, named in found:
            try:
                real = file.resolve()
            except (OSError, RuntimeError):
                real = file.absolute()
            if real not in seen:
                seen.add(real)
                yield file, named


def _in_folder(folder: Path, settings: Settings) -> Iterator[tuple[Path, bool]]:
    """The files of a folder in their order; links that lead back are followed once."""
    been: set[tuple[int, int]] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        try:
            stat = os.stat(here)
        except OSError:
            folders.clear()
            continue
        if (stat.st_dev, stat.st_ino) in been:
            folders.clear()
            continue
        been.add((stat.st_dev, stat.st_ino))
        place = Path(here)
        folders[:] = sorted(
            f for f in folders
            if f not in _LEFT_OUT and not f.startswith(".") and not settings.leaves_out(place / f)
        )  # fmt: skip
        for name in sorted(names):
            if name.endswith(_SUFFIXES) and not settings.leaves_out(place / name):
                yield place / name, False


def lint(
    paths: Sequence[Path],
    settings: Settings | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Lint files, notebooks and folders; `progress` is called with how many files are done."""
    settings = settings or Settings()
    report = Report()
    project = Project(shown)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 6_000))
    try:
        for path, named in files_of(paths, settings):
            report.files += 1
            try:
                _one(path, named, settings, project, report)
            except Unreadable as why:
                report.refused.append(Refused(shown(path), str(why), named))
            except (RecursionError, MemoryError):
                reason = "it is nested too deeply to be followed"
                report.refused.append(Refused(shown(path), reason, named))
            if progress is not None:
                progress(report.files)
    finally:
        sys.setrecursionlimit(limit)
    report.findings = _sorted(report.findings)
    return report


def lint_unsaved(data: bytes, path: Path, settings: Settings | None = None) -> Report:
    """Lint what an editor holds of a file, which may not be written yet.

    Raises:
        Unreadable: a syntax error, which the next key may mend.
    """
    report = Report(files=1)
    if speaks_of_losses(data) or may_import_losses(data):
        module = read_module(path, shown(path), data=data)
        if module is not None:
            module.path = path
            _judged(module, settings or Settings(), Project(shown), report)
    report.findings = _sorted(report.findings)
    return report


def lint_text(text: str, name: str = "<text>", settings: Settings | None = None) -> list[Finding]:
    """Lint a program that stands in no file.

    Raises:
        Unreadable: a syntax error.
        Exception: a fault of ours, which `lint` notes in its report.
    """
    from .sources import parse

    report = Report()
    module = Module(None, name, text.split("\n"), parse(text))
    _judged(module, settings or Settings(), Project(), report)
    if report.faults:
        raise report.faults[0][1]
    return _sorted(report.findings)


def _one(path: Path, named: bool, settings: Settings, project: Project, report: Report) -> None:
    data = read_bytes(path, waits=named)
    worth = speaks_of_losses(data) or (
        not of_library(path) and (may_import_losses(data) or imports_speaker(data, path))
    )
    if not named and not worth:
        return
    module = read_module(path, shown(path), data=data)
    if module is None or not worth:
        return
    module.path = path
    _judged(module, settings, project, report)


def _judged(module: Module, settings: Settings, project: Project, report: Report) -> None:
    """Follow a program and judge what was seen."""
    project.begin(module)
    interpreter = Interpreter(module, project, LIBRARY)
    interpreter.run()
    readings = [interpreter]
    if interpreter.asked:
        # Choices that hang on one argument are made as one where it has its default.
        again = replace(module, scope=Scope(None))
        project.begin(again)
        readings.append(Interpreter(again, project, LIBRARY, no_arguments=True))
        readings[1].run()
    report.faults += [(module.shown, fault) for on in readings for fault in on.faults]
    known = {(f.rule, f.place): f for f in report.findings}
    for seen, call, node, source in (s for on in readings for s in (*on.found, *_cuts(on))):
        report.sources.setdefault(source.shown, source)
        if call is not None and matters(seen) and measured(call, parents_of(source.tree)):
            seen = ungraded(seen)
        for f in judge(seen):
            if not settings.wants(f.rule, source.path) or _silenced(f, call, source):
                continue
            old = known.get((f.rule, f.place))
            if old is not None:
                if _ORDER.index(old.level) <= _ORDER.index(f.level):
                    continue
                report.findings.remove(old)
                report.edits.pop(old, None)
            known[f.rule, f.place] = f
            report.findings.append(f)
            edit = None if f.option is None else edit_for(node, source, f.option)
            if edit is not None:
                report.edits[f] = edit
    for f in _supposed(interpreter, settings):
        if (f.rule, f.place) in known:
            continue
        known[f.rule, f.place] = f
        if settings.show_unknown:
            report.findings.append(f)
            report.sources.setdefault(f.place.file, module)
        else:
            report.unknown += 1


def _supposed(on: Interpreter, settings: Settings) -> Iterator[Finding]:
    """What may be wrong where no run of the code showed what the loss gets."""
    seen = {s.place for s, *_ in on.found if isinstance(s, Sighting) and _known(s.prediction)}
    for supposed, call, source in on.supposed:
        if supposed.seen.place in seen:
            continue
        for f in supposed.findings():
            if settings.wants(f.rule, source.path) and not _silenced(f, call, source):
                yield f


def _known(q: Array | None) -> bool:
    return q is not None and q.made not in (None, Made.DATA)


def _cuts(on: Interpreter) -> Iterator[tuple[Seen, ast.AST | None, ast.expr | None, Module]]:
    """Thresholds on scores that also go into a yes/no loss that takes scores."""
    heads = {
        seen.prediction.place
        for seen, *_ in on.found
        if isinstance(seen, Sighting)
        and not seen.loss.exclusive
        and seen.loss.takes is Takes.SCORES
        and seen.prediction is not None
        and seen.prediction.made is Made.SCORES
    }
    for cut in dict.fromkeys(on.cuts):
        if cut.scores.place in heads:
            yield cut, None, None, on.module


def _silenced(finding: Finding, call: ast.AST | None, module: Module) -> bool:
    """Whether a comment on a line of the call says to be silent."""
    first = _line(finding, module)
    last = max(first, getattr(call, "end_lineno", first) or first)
    for line in module.lines[first - 1 : last]:
        if "plogq" in line:
            for found in _IGNORE.finditer(line):
                if found[1] is None or finding.rule in found[1].replace(" ", "").upper().split(","):
                    return True
    return False


def _line(finding: Finding, module: Module) -> int:
    """The line of the program that a place of a notebook stands for."""
    if finding.place.cell is None or module.cells is None:
        return finding.place.line
    return module.cells[finding.place.cell - 1][0] + finding.place.line - 1


def source_line(place_line: int, cell: int | None, module: Module) -> str:
    """The text of a line, by its number in its file or cell."""
    line = place_line
    if cell is not None and module.cells is not None:
        line += module.cells[cell - 1][0] - 1
    return module.lines[line - 1] if 0 < line <= len(module.lines) else ""


def _sorted(findings: list[Finding]) -> list[Finding]:
    return sorted(
        findings,
        key=lambda f: (f.place.file, f.place.cell or 0, f.place.line, f.place.column, f.rule),
    )
