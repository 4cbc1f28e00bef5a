"""The corpus, run in a process for each framework, and what is to come of each program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .programs import Program
from .running import cannot_run

ROOT = Path(__file__).parents[2]


def said(name: str, *programs: str, **env: str) -> dict[str, Any]:
    """Every program of a framework, or those of these names, run in one process."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.doctor.running", name, *programs],
        capture_output=True, text=True, cwd=ROOT, check=False, env=os.environ | env,
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
        assert one["found"] == expected, (str(program), one["messages"], one["error"])
    return ran
