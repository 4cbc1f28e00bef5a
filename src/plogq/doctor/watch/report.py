"""The report at the end of a run: what was found, how the run failed, what was not seen and why."""

from __future__ import annotations

import ast
import json
import linecache
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ..facts import Array, Place
from ..findings import Finding, Level
from ..lint.modules import Module
from ..lint.run import Report
from .places import shown
from .sightings import LABELS, Kind, Site
from .watch import Watch


@dataclass
class Seen:
    """What a watch saw, as a report needs it; what other processes saw is added."""

    findings: list[Finding] = field(default_factory=list[Finding])
    sites: int = 0
    calls: int = 0
    watched: dict[str, str] = field(default_factory=dict[str, str])
    unseen: list[str] = field(default_factory=list[str])
    faults: list[str] = field(default_factory=list[str])
    crash: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "findings": [f.as_dict() for f in self.findings],
            "call_sites": self.sites,
            "calls": self.calls,
            "watched": self.watched,
            "not_seen": self.unseen,
            "faults": self.faults,
            "crash": self.crash or None,
        }

    def add(self, other: dict[str, Any]) -> None:
        """What another process of the same run saw, from its JSON."""
        known = {(f.rule, f.place) for f in self.findings}
        for item in other["findings"]:
            f = finding_of(item)
            if (f.rule, f.place) not in known:
                self.findings.append(f)
        self.sites = max(self.sites, other["call_sites"])
        self.calls += other["calls"]
        self.watched = {**other["watched"], **self.watched}
        unseen = dict.fromkeys([*self.unseen, *other["not_seen"]])
        # A process that calls no loss is nothing to speak of beside one that does.
        self.unseen = [u for u in unseen if not (self.sites and u.startswith("nothing:"))]
        self.faults = list(dict.fromkeys([*self.faults, *other["faults"]]))
        self.crash = self.crash or other["crash"] or ""

    @property
    def bad(self) -> bool:
        """Whether there is an error."""
        return any(f.level is Level.ERROR for f in self.findings)


def seen_by(watch: Watch) -> Seen:
    """What a watch saw."""
    sightings = watch.sightings
    sites = list(sightings.sites.values())
    calls = sum(site.calls for site in sites)
    out = Seen(sightings.findings(), len(sites), calls, dict(watch.watched))
    unseen = list(watch.unseen)
    if not watch.watched:
        unseen.append("nothing: no framework that is watched was imported")
    elif not sites and not sightings.sums:
        unseen.append("nothing: no loss that is known was called")
    blind = [s for s in sites if all(k.labels.batches == 0 for k in s.kinds.values())]
    if blind:
        many = f"{len(blind)} call site{'s' if len(blind) != 1 else ''}"
        unseen.append(f"the labels' values at {many} (traced, or without numbers)")
    out.unseen = unseen
    for name, (n, said) in watch.faults.items():
        times = f", {n} times" if n > 1 else ""
        out.faults.append(
            f"a part of {name} was not followed, by a fault of plogq's own{times}: {said}"
        )
    if sightings.crashes:
        out.crash = _crash(*sightings.crashes[-1], out.findings)
    return out


def _crash(site: Site, kind: Kind, findings: list[Finding]) -> str:
    """How the run failed in a loss, in the rules' words where a rule speaks."""
    rules = [f.rule for f in findings if f.place == site.place]
    said = kind.failed.split("\n")[0]
    said = said if len(said) <= 160 else said[:159] + "…"
    labels = kind.labels
    values = f", values from {labels.low:g} to {labels.high:g}" if labels.low is not None else ""
    got = f"{_array(kind.prediction)}, and for the target {_array(kind.target)}{values}"
    line = f"{site.contract.name} at {site.place} failed: {said}. It got {got}."
    return f"{line} {', '.join(rules)} above says why." if rules else line


def _array(x: Array) -> str:
    shape = "an unknown shape" if x.shape is None else (
        "shape (" + ", ".join("?" if n is None else str(n) for n in x.shape) + ")"
    )  # fmt: skip
    return f"{shape} of {x.kind or 'unknown'} numbers"


def report_of(seen: Seen) -> Report:
    """As the printers of findings take it."""
    report = Report(seen.findings)
    report.files = len({f.place.file for f in seen.findings})
    for f in seen.findings:
        if f.place.file not in report.sources:
            lines = linecache.getlines(_file(f.place))
            module = Module(None, f.place.file, [x.rstrip("\n") for x in lines], ast.Module([], []))
            if f.place.cell is not None:
                module.cells = None
            report.sources[f.place.file] = module
    return report


def _file(place: Place) -> str:
    """The file behind a place that was shown."""
    for name in linecache.cache:
        if shown(name)[0] == place.file:
            return name
    return place.file


def summary(seen: Seen) -> str:
    """One line on what was watched, one on what was not seen, one each for what failed."""
    from ..output.text import counted

    found = counted(seen.findings)
    watched = ", ".join(f"{name} {version}" for name, version in seen.watched.items())
    lines = [
        f"{'Found ' + found if found else 'No findings'} at {seen.sites:,} call "
        f"site{'s' if seen.sites != 1 else ''} of losses, {seen.calls:,} "
        f"call{'s' if seen.calls != 1 else ''} looked at{f' ({watched})' if watched else ''}."
    ]
    if seen.unseen:
        lines.append(f"Not seen: {'; '.join(seen.unseen)}.")
    lines += [f"plogq doctor: {fault}" for fault in seen.faults]
    if seen.crash:
        lines.insert(0, seen.crash)
    return "\n".join(lines)


def printed(seen: Seen, width: int | None = None) -> str:
    """The report as text without colour."""
    from rich.console import Console

    buffer = StringIO()
    console = Console(file=buffer, width=width or 100, highlight=False, markup=False, emoji=False)
    show(seen, console)
    return buffer.getvalue().rstrip("\n")


def show(seen: Seen, console: Any) -> None:
    """Print the report in ruff's manner."""
    from ..output import text

    text.show(report_of(seen), console, summary(seen))


def finding_of(item: dict[str, Any]) -> Finding:
    """A finding from its JSON."""
    head = item["head"]
    return Finding(
        item["rule"], item["name"], Level(item["level"]),
        Place(item["file"], item["line"], item["column"], item.get("cell")), item["message"],
        item["fix"], tuple(item["evidence"]),
        None if head is None else Place(head["file"], head["line"], head["column"],
                                        head.get("cell")),
    )  # fmt: skip


def written(seen: Seen, path: Path) -> None:
    """Leave what was seen for another process."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(seen.as_dict()), encoding="utf-8")
    part.replace(path)


__all__ = ["LABELS", "Seen", "printed", "report_of", "seen_by", "show", "summary", "written"]
