"""Precision and recall of each rule on the corpus: `python -m tests.doctor.scores docs/doctor`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from plogq.doctor.lint.run import lint_text
from plogq.doctor.pages import between
from plogq.doctor.rules import RULES

from .programs import programs


def table() -> str:
    """One row a rule: how many it should find, found, and found where it should not have."""
    wanted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    false: Counter[str] = Counter()
    several = programs()
    for program in several:
        found = {f.rule for f in lint_text(program.text, program.name)}
        expected = {*program.expected, *program.undecidable}
        wanted.update(expected)
        right.update(found & expected)
        false.update(found - expected)
    rows = [
        "| rule | name | misuses | found | false alarms | precision | recall |",
        "| :-- | :-- | --: | --: | --: | --: | --: |",
    ]
    for code, rules in RULES.items():
        rows.append(
            _row(f"[{code}]({code}.md)", rules[0].name, wanted[code], right[code], false[code])
        )
    rows.append(_row("all", "", wanted.total(), right.total(), false.total()))
    bad = sum(bool(p.expected or p.undecidable) for p in several)
    rows.append(f"\n{bad} wrong programs and {len(several) - bad} right ones.")
    return "\n".join(rows)


def _row(code: str, name: str, wanted: int, right: int, false: int) -> str:
    precision = f"{right / (right + false):.0%}" if right + false else "–"
    recall = f"{right / wanted:.0%}" if wanted else "–"
    return f"| {code} | {name} | {wanted} | {right} | {false} | {precision} | {recall} |"


if __name__ == "__main__":
    page = Path(sys.argv[1]) / "index.md"
    page.write_text(between(page.read_text("utf-8"), "scores", table()), "utf-8")
