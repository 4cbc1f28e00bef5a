"""Every part of the fuzzer for as long as a pull request can wait: the same seeds on every run.

A part runs in a process of its own, so that a crash fails a test and not the run. For other seeds
and longer: `python -m tests.fuzz numpy --minutes 60 --seed 7`.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from ..together import for_each
from . import report, runner

SEED = 1_000_000_000
PROGRAMS = {"numpy": 250, "torch": 50, "jax": 3, "tensorflow": 4, "files": 8, "threads": 2}


@pytest.mark.slow
@for_each("part", PROGRAMS)
def test_nothing_is_found(part: str) -> None:
    if part in ("torch", "jax", "tensorflow") and find_spec(part) is None:
        pytest.skip(f"{part} is not installed")
    notes = runner.run(part, SEED, PROGRAMS[part], minutes=20, processes=1)
    assert notes.programs >= PROGRAMS[part]
    assert not notes.kinds, report.failures(notes)


def test_nothing_is_found_by_the_first_programs_on_numpy() -> None:
    notes = runner.run("numpy", 0, 100, minutes=5, processes=1)
    assert notes.programs == 100
    assert not notes.kinds, report.failures(notes)
