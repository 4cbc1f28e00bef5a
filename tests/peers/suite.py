"""Run a peer's own published tests, with its own functions or with ours in their place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .. import unoptimised
from ..forked import KERAS, PYTEST, commands

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcomes:
    """What came of the cases: those that passed, the others, and why those that failed did."""

    passed: frozenset[str]
    others: frozenset[str]
    failed: dict[str, str]
    calls: dict[str, int]


def run(
    modules: list[str],
    select: str,
    swaps: dict[str, str],
    folder: Path,
    only: frozenset[str] | None = None,
) -> Outcomes:
    """The cases of these modules whose names `select` fits, in a process of their own.

    `swaps` leads from the dotted name of a function of the peer's to that of ours; of the cases,
    `only` leaves out all others.
    """
    folder.mkdir(exist_ok=True)
    settings, report = folder / "pytest.ini", folder / "outcomes.json"
    settings.write_text("[pytest]\n", encoding="utf-8")
    environment = unoptimised.environment(
        PLOGQ_SWAPS=json.dumps(swaps),
        PLOGQ_OUTCOMES=str(report),
        PLOGQ_ONLY=json.dumps(None if only is None else sorted(only)),
        PYTEST_ADDOPTS="",
    )
    arguments = ["-q", "--pyargs", *modules, "-k", select]
    arguments += ["-c", str(settings), "-p", "tests.peers.swapped", "-p", "no:cacheprovider"]
    code = f"sys.path.insert(0, {str(ROOT)!r})\n{PYTEST}"
    done = commands(KERAS).run(*arguments, code=code, env=environment, folder=folder)
    # 0: all passed, 1: some failed; anything else ran no cases.
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(report.read_text(encoding="utf-8"))
    named = found["outcomes"]
    passed = frozenset(case for case, outcome in named.items() if outcome == "passed")
    others = frozenset([*named, *found["collected"]]) - passed
    return Outcomes(passed, others, found["reasons"], found["calls"])


def compare(
    modules: list[str],
    select: str,
    swaps: dict[str, str],
    folder: Path,
    known: dict[str, str] | None = None,
) -> Outcomes:
    """Run them with ours; what it does not pass and nobody knows is run with the peer's own.

    A case that ours passes shows nothing more where it is run with the peer's own too.
    """
    ours = run(modules, select, swaps, folder / "ours")
    unknown = ours.others - set(known or {})
    theirs = run(modules, select, {}, folder / "theirs", unknown).passed if unknown else unknown
    check(theirs, ours, known or {})
    return ours


def check(theirs: frozenset[str], ours: Outcomes, known: dict[str, str]) -> None:
    """Every case that the peer passes, ours passes, or is in `known` with the reason; and fails."""
    assert ours.passed
    lost = (theirs | (ours.others & set(known))) - ours.passed
    told = "\n".join(
        f"{case}: {ours.failed.get(case, 'did not run')}" for case in lost - set(known)
    )
    assert lost <= set(known), told
    assert set(known) <= lost, f"these pass, or are gone: {sorted(set(known) - lost)}"
    assert ours.calls, "nothing was put in place of the peer's"
    assert all(ours.calls.values()), ours.calls
