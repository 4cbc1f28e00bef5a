"""A finding: which rule, how sure, where, what follows, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .facts import Place


class Level(StrEnum):
    """How sure and how bad: provenance that decides is an error, what needs intent a warning."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"  # harmless
    UNKNOWN = "unknown"  # the pattern fits, and its source was not seen


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one sighting."""

    message: str  # what came, what is taken, what follows
    fix: str  # what to write
    head: Place | None = None
    evidence: tuple[str, ...] = ()
    level: Level | None = None  # None: the rule's own
    option: tuple[str, object] | None = None  # the option of the loss that mends it, if one does


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its rule and its place."""

    rule: str
    name: str
    level: Level
    place: Place
    message: str
    fix: str
    evidence: tuple[str, ...] = ()
    head: Place | None = None
    option: tuple[str, object] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: lines and columns from 1."""
        head = None
        if self.head is not None:
            head = {"file": self.head.file, "line": self.head.line, "column": self.head.column}
            if self.head.cell is not None:
                head["cell"] = self.head.cell
        found: dict[str, Any] = {
            "rule": self.rule,
            "name": self.name,
            "level": self.level.value,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "message": self.message,
            "fix": self.fix,
            "evidence": list(self.evidence),
            "head": head,
        }
        if self.place.cell is not None:
            found["cell"] = self.place.cell
        return found
