"""The rules' pages, from their docstrings: `python -m plogq.doctor.pages docs/doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

from .findings import Level
from .rules import RULES

_LEVELS = {
    Level.ERROR: "an error where what made the array was seen",
    Level.WARNING: "a warning: it may be meant, or needs a reader's eye",
    Level.INFO: "info: harmless",
    Level.UNKNOWN: "unknown",
}


def page(code: str) -> str:
    """One rule's page: its docstring, how to silence it."""
    rule = RULES[code][0]
    first, _, rest = rule.page.partition("\n")
    return (
        f"# {code}: {rule.name}\n\n{first}\n{rest.rstrip()}\n\n"
        f"**Level:** {_LEVELS[rule.level]}.\n\n"
        f"**To silence it:** `# plogq: ignore[{code}]` on the line of the loss, or\n"
        f'`ignore = ["{code}"]` under `[tool.plogq.lint]` in pyproject.toml.\n'
    )


def table() -> str:
    """All rules as a table, each linked to its page."""
    rows = ["| rule | name | level | |", "| :-- | :-- | :-- | :-- |"]
    for code, rules in RULES.items():
        r = rules[0]
        rows.append(f"| [{code}]({code}.md) | {r.name} | {r.level.value} | {r.title} |")
    return "\n".join(rows)


def between(text: str, name: str, new: str) -> str:
    """A page with what stands between two markers replaced.

    Raises:
        ValueError: the page has no such markers.
    """
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if start not in text or end not in text:
        raise ValueError(f"the page has no {start} and {end}")
    head, _, rest = text.partition(start)
    _, _, tail = rest.partition(end)
    return f"{head}{start}\n\n{new}\n\n{end}{tail}"


def write(folder: Path) -> None:
    """Write every rule's page, and the table into the overview."""
    folder.mkdir(parents=True, exist_ok=True)
    for code in RULES:
        (folder / f"{code}.md").write_text(page(code), encoding="utf-8")
    overview = folder / "index.md"
    if overview.exists():
        text = overview.read_text(encoding="utf-8")
        overview.write_text(between(text, "rules", table()), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
