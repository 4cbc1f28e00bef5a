"""The corpus, run in processes that are doubled from one, and what is to come of each program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import unoptimised
from ..forked import KERAS, commands
from .programs import Program
from .running import MISSED, cannot_run

ROOT = Path(__file__).parents[2]


def said(name: str, *programs: str, **env: str) -> dict[str, Any]:
    """Every program of a framework, or those of these names, run in one process."""
    code = "from tests.doctor.running import main"
    run = commands(KERAS).run(
        name, *programs, code=code, env=unoptimised.environment(**env), folder=ROOT
    )
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
