"""Run a peer's own published tests, with its own functions or with ours in their place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcomes:
    """What came of the cases: their names, and why those that failed did."""

    passed: frozenset[str]
    failed: dict[str, str]
    calls: dict[str, int]


def run(modules: list[str], select: str, swaps: dict[str, str], folder: Path) -> Outcomes:
    """The cases of these modules whose names `select` fits, in a process of their own.

    `swaps` leads from the dotted name of a function of the peer's to that of ours.
    """
    folder.mkdir(exist_ok=True)
    settings, report = folder / "pytest.ini", folder / "outcomes.json"
    settings.write_text("[pytest]\n", encoding="utf-8")
    environment = os.environ | {
        "PLOGQ_SWAPS": json.dumps(swaps),
        "PLOGQ_OUTCOMES": str(report),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTEST_ADDOPTS": "",
    }
    program = [sys.executable, "-m", "pytest", "-q", "--pyargs", *modules, "-k", select]
    program += ["-c", str(settings), "-p", "tests.peers.swapped", "-p", "no:cacheprovider"]
    done = subprocess.run(
        program, capture_output=True, text=True, env=environment, cwd=folder, check=False
    )
    # 0: all passed, 1: some failed; anything else ran no cases.
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(report.read_text(encoding="utf-8"))
    named = found["outcomes"]
    passed = frozenset(case for case, outcome in named.items() if outcome == "passed")
    return Outcomes(passed, found["reasons"], found["calls"])


def check(theirs: Outcomes, ours: Outcomes, known: dict[str, str]) -> None:
    """Every case that the peer passes, ours passes, or is in `known` with the reason; and fails."""
    assert theirs.passed
    lost = theirs.passed - ours.passed
    told = "\n".join(
        f"{case}: {ours.failed.get(case, 'did not run')}" for case in lost - set(known)
    )
    assert lost <= set(known), told
    assert set(known) <= lost, f"these pass, or are gone: {sorted(set(known) - lost)}"
    assert ours.calls, "nothing was put in place of the peer's"
    assert all(ours.calls.values()), ours.calls
