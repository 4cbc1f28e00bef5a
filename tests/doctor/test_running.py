"""What the doctor says of the corpus where it runs: all that runs here is found, nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .. import unoptimised
from .programs import Program, programs
from .running import MISSED, cannot_run, framework

ROOT = Path(__file__).parents[2]


def said(name: str, *programs: str, **env: str) -> dict[str, Any]:
    """Every program of a framework, or those of these names, run in one process."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.doctor.running", name, *programs],
        capture_output=True, text=True, cwd=ROOT, check=False, env=unoptimised.environment(**env),
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


def judged(found: dict[str, Any], of: list[Program]) -> int:
    """How many programs ran; each of them has the findings that it should have."""
    ran = 0
    for program in of:
        one = found[str(program)]
        assert one["faults"] == {}, program
        if cannot_run(program, one):
            assert one["found"] == [], program
            continue
        ran += 1
        expected = sorted({*program.expected, *program.undecidable})
        expected = [] if program.name in MISSED else expected
        assert one["found"] == expected, (str(program), one["messages"], one["error"])
    return ran


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("torch", 370),
        ("tensorflow", 20),
        ("sklearn", 20),
        pytest.param("keras", 110, marks=pytest.mark.slow),
        pytest.param("jax", 50, marks=pytest.mark.slow),
    ],
)
def test_the_programs_of_the_corpus_are_judged_as_they_should_be(name: str, least: int) -> None:
    of = [p for p in programs() if framework(p) == name]
    assert judged(said(name), of) >= least


def of_each_rule(several: list[Program]) -> list[Program]:
    """The first misuse of each rule, their twins, and some that look alike."""
    seen: set[str] = set()
    chosen: list[Program] = []
    alike: list[Program] = []
    for program in several:
        rules = {*program.expected, *program.undecidable}
        if not rules <= seen:
            chosen.append(program)
        elif not rules and not program.name.endswith("-twin"):
            alike.append(program)
        seen |= rules
    twins = {f"{p.name}-twin" for p in chosen}
    return [*chosen, *(p for p in several if p.name in twins), *alike[::3]]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_is_judged_alike_on_every_backend(backend: str) -> None:
    """What of a framework's own is watched; how the rules judge is one for all backends."""
    several = [p for p in programs() if framework(p) == "keras" and "tf." not in p.text]
    of = of_each_rule(several)
    assert len({rule for p in of for rule in (*p.expected, *p.undecidable)}) >= 10
    found = said("keras", *(p.name for p in of), KERAS_BACKEND=backend)
    assert judged(found, of) >= 25
