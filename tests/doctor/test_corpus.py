"""What the linter says of the corpus: what is wrong is found, what is right is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from plogq.doctor.lint.run import lint
from plogq.doctor.rules import RULES

from .programs import Program, programs

PROGRAMS = programs()
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("family", sorted({p.family for p in PROGRAMS}))
def test_a_program_has_the_findings_that_it_should_have(family: str) -> None:
    assert not [said for p in PROGRAMS if p.family == family for said in wrong_of(p)]


def wrong_of(program: Program) -> list[str]:
    """What the linter says of a program and should not, or does not and should."""
    found = {f.rule: f for f in program.read()}
    expected = set(program.expected)
    if program.family.startswith("watched"):
        # Written for the doctor that watches; the linter finds some, and must be right.
        expected = set(found) & {*program.expected, *program.undecidable}
    if set(found) == expected:
        return []
    says = [f"{rule}: {f.message}" for rule, f in found.items()]
    return [f"{program}: {sorted(expected)} expected, found {says}"]


def test_the_examples_and_the_docs_of_this_project_are_clean() -> None:
    report = lint([ROOT / "examples", ROOT / "docs"])
    assert report.files > 5
    # What the pictures show is wrong on purpose.
    found = {Path(f.place.file).name for f in report.findings}
    assert found == {"twice.py"}
    assert report.faults == []


def test_the_corpus_has_what_was_promised() -> None:
    wrong = [p for p in PROGRAMS if p.expected or p.undecidable]
    twins = {p.name: p for p in PROGRAMS if p.name.endswith("-twin")}
    alike = [p for p in PROGRAMS if p not in wrong and p.name not in twins]
    assert len(wrong) >= 60
    assert len(twins) >= 60
    assert len(alike) >= 60
    assert {rule for p in wrong for rule in (*p.expected, *p.undecidable)} == set(RULES)
    names = [str(p) for p in PROGRAMS]
    assert len(names) == len(set(names))
