"""Findings for programs: JSON, GitHub's workflow commands, SARIF 2.1.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..findings import Finding, Level
from ..lint.run import Report
from ..rules import RULES, Rule

_GITHUB = {
    Level.ERROR: "error",
    Level.WARNING: "warning",
    Level.INFO: "notice",
    Level.UNKNOWN: "notice",
}
_SARIF = {
    Level.ERROR: "error",
    Level.WARNING: "warning",
    Level.INFO: "note",
    Level.UNKNOWN: "none",
}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_json(report: Report) -> str:
    """The findings, the number of files, and the files that were not read."""
    return json.dumps(
        {
            "findings": [f.as_dict() for f in report.findings],
            "files": report.files,
            "not_read": [{"file": r.file, "reason": r.reason} for r in report.refused],
        },
        indent=2,
        ensure_ascii=False,
    )


def as_github(report: Report) -> str:
    """One workflow command a line: GitHub shows them beside the code."""
    return "\n".join(map(_command, report.findings))


def _command(f: Finding) -> str:
    cell = f" (cell {f.place.cell})" if f.place.cell is not None else ""
    return (
        f"::{_GITHUB[f.level]} file={_property(f.place.file)},line={f.place.line},"
        f"col={f.place.column},title={_property(f'{f.rule} {f.name}')}::"
        f"{_data(f'{f.message}{cell}. Help: {f.fix}')}"
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_sarif(report: Report, version: str) -> str:
    """A SARIF 2.1.0 log with one run; every rule is described, whether it spoke or not."""
    codes = list(RULES)
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "plogq",
                "version": version,
                "rules": [_rule(rules[0]) for rules in RULES.values()],
            }
        },
        "columnKind": "utf16CodeUnits",
        "results": [_result(f, codes) for f in report.findings],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {
                        "level": "warning",
                        "message": {"text": r.reason},
                        "locations": [
                            {"physicalLocation": {"artifactLocation": {"uri": _uri(r.file)}}}
                        ],
                    }
                    for r in report.refused
                ],
            }
        ],
    }
    return json.dumps(
        {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False
    )


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.page.partition("```")[0].strip()},
        "defaultConfiguration": {"level": _SARIF[rule.level]},
        "help": {"text": rule.page, "markdown": rule.page},
    }


def _result(f: Finding, codes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": f.rule,
        "ruleIndex": codes.index(f.rule),
        "level": _SARIF[f.level],
        "message": {"text": f"{f.message}. Help: {f.fix}"},
        "locations": [_location(f.place.file, f.place.line, f.place.column, f.place.cell)],
        "properties": {"evidence": list(f.evidence)},
    }
    if f.head is not None:
        head = _location(f.head.file, f.head.line, f.head.column, f.head.cell)
        head["message"] = {"text": "what the loss got comes from here"}
        found["relatedLocations"] = [head]
    return found


def _location(file: str, line: int, column: int, cell: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(file)},
            "region": {"startLine": line, "startColumn": column},
        }
    }
    if cell is not None:
        found["logicalLocations"] = [{"name": f"cell {cell}", "kind": "module"}]
    return found


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
