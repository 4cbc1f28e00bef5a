"""Precision and recall of each rule on the corpus: `python -m tests.doctor.scores docs/doctor`.

By reading each program, and by running it under watch, one process for each framework.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from plogq.doctor.pages import between
from plogq.doctor.rules import RULES

from .programs import Program, programs
from .running import FRAMEWORKS, cannot_run


def table() -> str:
    """The linter's: one row a rule."""
    several = programs()
    return rows(several, [{f.rule for f in p.read()} for p in several])


def running_table() -> str:
    """That of the runs: of the programs that run here and reach their loss."""
    found: dict[str, Any] = {}
    for name in FRAMEWORKS:
        run = subprocess.run(
            [sys.executable, "-m", "tests.doctor.running", name], stdout=subprocess.PIPE, check=True
        )
        found |= json.loads(run.stdout)
    ran = [p for p in programs() if not cannot_run(p, found[str(p)])]
    return rows(ran, [set(found[str(p)]["found"]) for p in ran])


def rows(several: list[Program], found_in: list[set[str]]) -> str:
    """One row a rule: how many it should find, found, and found where it should not have."""
    wanted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    false: Counter[str] = Counter()
    for program, found in zip(several, found_in, strict=True):
        expected = {*program.expected, *program.undecidable}
        wanted.update(expected)
        right.update(found & expected)
        false.update(found - expected)
    out = [
        "| rule | name | misuses | found | false alarms | precision | recall |",
        "| :-- | :-- | --: | --: | --: | --: | --: |",
    ]
    for code, rules in RULES.items():
        out.append(
            _row(f"[{code}]({code}.md)", rules[0].name, wanted[code], right[code], false[code])
        )
    out.append(_row("all", "", wanted.total(), right.total(), false.total()))
    bad = sum(bool(p.expected or p.undecidable) for p in several)
    out.append(f"\n{bad} wrong programs and {len(several) - bad} right ones.")
    return "\n".join(out)


def _row(code: str, name: str, wanted: int, right: int, false: int) -> str:
    precision = f"{right / (right + false):.0%}" if right + false else "–"
    recall = f"{right / wanted:.0%}" if wanted else "–"
    return f"| {code} | {name} | {wanted} | {right} | {false} | {precision} | {recall} |"


if __name__ == "__main__":
    page = Path(sys.argv[1]) / "index.md"
    text = between(page.read_text("utf-8"), "scores", table())
    page.write_text(between(text, "running", running_table()), "utf-8")
