"""What was found: checks and failures counted by kind, and the worst error of each category."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Failure:
    """One failure: what kind it is, the seed that shows it, and what was seen."""

    kind: str
    part: str
    seed: int
    detail: str

    def command(self) -> str:
        return f"python -m tests.fuzz {self.part} --only {self.seed}"


@dataclass
class Notes:
    """Everything that one part has found so far."""

    part: str
    seed: int = 0
    programs: int = 0
    checks: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: dict[str, Failure] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)

    def check(self, good: bool, kind: str, detail: str = "") -> bool:
        """Count a check; a failure is kept under its kind, the first of each in full."""
        self.checks += 1
        if not good:
            self.fail(kind, detail)
        return good

    def fail(self, kind: str, detail: str) -> None:
        self.kinds[kind] += 1
        self.first.setdefault(kind, Failure(kind, self.part, self.seed, detail))

    def share(self, category: str, share: float) -> None:
        """An error as a share of what is allowed."""
        self.counted[category] += 1
        self.worst[category] = max(self.worst.get(category, 0.0), share)

    def refused(self, what: str, error: BaseException, detail: str) -> None:
        """A refusal of what is valid, told apart by the start of its sentence, without numbers."""
        self.checks += 1
        sentence = " ".join(f"{type(error).__name__}: {error}".split())
        bare = re.sub(r"[-+]?\b(\d[\d.e+-]*|inf|nan)\b", "#", sentence)
        bare = re.sub(r"\((#(, )?)*\)", "#", bare)
        self.fail(f"{what}: {bare[:70]}", f"{sentence}\n{detail}")

    def merge(self, other: Notes) -> None:
        self.programs += other.programs
        self.checks += other.checks
        self.kinds.update(other.kinds)
        self.counted.update(other.counted)
        for kind, failure in other.first.items():
            self.first.setdefault(kind, failure)
        for category, share in other.worst.items():
            self.worst[category] = max(self.worst.get(category, 0.0), share)

    def as_json(self) -> dict[str, Any]:
        failures = [[f.kind, f.part, f.seed, f.detail] for f in self.first.values()]
        plain = {"kinds": dict(self.kinds), "counted": dict(self.counted), "worst": self.worst}
        return {**plain, "programs": self.programs, "checks": self.checks, "first": failures}

    @classmethod
    def from_json(cls, part: str, data: dict[str, Any]) -> Notes:
        return cls(
            part,
            0,
            data["programs"],
            data["checks"],
            Counter(data["kinds"]),
            {f[0]: Failure(*f) for f in data["first"]},
            data["worst"],
            Counter(data["counted"]),
        )
