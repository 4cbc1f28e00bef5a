"""Files as people have them: the number that their layout means, or a sentence that helps."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from plogq.cli import main

FIELD = Path(__file__).parent / "field"
CASES: list[dict[str, Any]] = json.loads((FIELD / "cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_file_of_the_field(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(FIELD)
    arguments = ["plogq", "score", case["file"], *case["args"], "--format", "json"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    out, said = capsys.readouterr()
    report = json.loads(out) if ended.value.code in (0, None) else None
    wanted = case["expect"].get("any_of", [case["expect"]])
    faults = [_fault(expect, ended.value.code, report, said) for expect in wanted]
    assert None in faults, faults


def _fault(
    expect: dict[str, Any], code: Any, report: dict[str, Any] | None, said: str
) -> str | None:
    """What is not as expected."""
    if "refusal_mentions" not in expect:
        if report is None:
            return f"refused ({code}): {said}"
        if abs(report["cross_entropy"] - expect["cross_entropy"]) > 1e-6:
            found, wanted = report["cross_entropy"], expect["cross_entropy"]
            return f"H is {found}, not {wanted}: {report['reasons']}"
        counts = {k: report[k] for k in ("events", "bad_rows", "left_out") if k in expect}
        wanted = {k: expect[k] for k in counts}
        return None if counts == wanted else f"{counts}, not {wanted}"
    if code != 2:
        return f"exit code {code}, not 2: {report and report['cross_entropy']}"
    words = [[w] if isinstance(w, str) else w for w in expect["refusal_mentions"]]
    lower = said.lower()
    absent = [any_of for any_of in words if not any(w.lower() in lower for w in any_of)]
    there = [w for w in expect.get("not_mentions", []) if w.lower() in lower]
    return f"{said}: without {absent}, with {there}" if absent or there else None
