"""What a run found, as a table to read and as the table of docs/testing.md."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .notes import Notes

BEGIN, END = "<!-- table: fuzz -->", "<!-- end -->"


def line(notes: Notes, seconds: float) -> str:
    """One line of progress."""
    return (
        f"{notes.part}: {notes.programs:,} programs, {notes.checks:,} checks, "
        f"{sum(notes.kinds.values()):,} failures of {len(notes.kinds)} kinds, {seconds:.0f} s"
    )


def table(found: Iterable[tuple[Notes, float]]) -> str:
    """Programs, checks and failures of every part, then the worst errors, as Markdown."""
    found = list(found)
    lines = ["| part | programs | checks | failures | minutes |", "|:--|--:|--:|--:|--:|"]
    lines += [
        f"| {n.part} | {n.programs:,} | {n.checks:,} | {sum(n.kinds.values()):,} | {s / 60:.0f} |"
        for n, s in found
    ]
    shares = [
        f"| {n.part} | {category} | {n.counted[category]:,} | {share:.2g} |"
        for n, _ in found
        for category, share in sorted(n.worst.items())
    ]
    if shares:
        lines += ["", "| part | what | numbers held | worst error, of the bound |"]
        lines += ["|:--|:--|--:|--:|", *shares]
    return "\n".join(lines)


def failures(notes: Notes, full: int = 10) -> str:
    """Every kind of failure with how often it came, and the first of each with its command."""
    if not notes.kinds:
        return f"{notes.part}: nothing found"
    lines: list[str] = []
    for i, (kind, count) in enumerate(notes.kinds.most_common()):
        first = notes.first[kind]
        lines.append(f"{count:7,} × {kind}\n          {first.command()}")
        if i < full:
            lines.append("\n".join(f"          | {x}" for x in first.detail.splitlines()[:40]))
    return "\n".join(lines)


def write(path: Path, found: Iterable[tuple[Notes, float]], command: str) -> None:
    """The table between the markers of a page, with the command and the machine that made it.

    Raises:
        ValueError: a page without the markers.
    """
    page = path.read_text()
    if BEGIN not in page or END not in page:
        raise ValueError(f"{path} has no {BEGIN} … {END} to write the table between")
    made = f"`{command}`, {date.today().isoformat()}; {machine()}."
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n\n{table(found)}\n\n{made}\n\n{END}{after}")


def machine() -> str:
    """The processor's kernels and the versions of what was run."""
    from plogq.native import processor

    names: dict[str, Any] = {}
    for name in ("plogq", "numpy", "torch", "jax", "tensorflow-cpu", "pyarrow"):
        try:
            names[name] = version(name)
        except PackageNotFoundError:
            continue
    sets = ", ".join(processor.instruction_sets())
    shown = ", ".join(f"{name} {v}" for name, v in names.items())
    return f"{platform.system()} {platform.machine()}, kernels: {sets}; {shown}"


def slug(kind: str) -> str:
    """A kind of failure as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", kind.lower())[:80].strip("-")
