"""What the doctor says of the corpus where it runs: all that runs here is found, nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .programs import Program, programs
from .running import cannot_run, framework

ROOT = Path(__file__).parents[2]


def said(name: str, **env: str) -> dict[str, Any]:
    """Every program of a framework, run in one process."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.doctor.running", name],
        capture_output=True, text=True, cwd=ROOT, check=False, env={**os.environ, **env},
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


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("torch", 215),
        ("tensorflow", 8),
        ("tf1", 3),
        ("sklearn", 16),
        pytest.param("keras", 80, marks=pytest.mark.slow),
        pytest.param("jax", 30, marks=pytest.mark.slow),
    ],
)
def test_the_programs_of_the_corpus_are_judged_as_they_should_be(name: str, least: int) -> None:
    of = [p for p in programs() if framework(p) == name]
    assert judged(said(name), of) >= least


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_is_judged_alike_on_every_backend(backend: str) -> None:
    of = [p for p in programs() if framework(p) == "keras" and "tf." not in p.text]
    found = said("keras", KERAS_BACKEND=backend)
    assert judged(found, of) >= 50
