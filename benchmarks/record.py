"""The newest measurement of each case, kept as data, and the pages that are filled from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .report import figures, headlines, markdown

RECORD = Path(__file__).parent / "record.json"

_MARKED = re.compile(
    r"(?P<open><!-- table: (?P<name>[\w-]+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL
)


def load() -> dict[str, Any]:
    if not RECORD.exists():
        return {}
    return json.loads(RECORD.read_text(encoding="utf-8"))


def add(cases: Iterable[dict[str, Any]], order: Iterable[str]) -> dict[str, Any]:
    """Put new measurements in place of older ones of the same cases, and keep the file."""
    known = load() | {case["name"]: case for case in cases}
    kept = {name: known[name] for name in order if name in known}
    RECORD.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return kept


def fill(place: Path, known: dict[str, Any]) -> list[Path]:
    """Write the tables into a page, or into every page of a directory; which pages changed.

    A table stands between `<!-- table: NAME -->` and `<!-- end -->`, NAME a case,
    "targets" or "headlines".
    """
    pages = sorted(place.rglob("*.md")) if place.is_dir() else [place]
    changed: list[Path] = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        filled = _MARKED.sub(lambda match: _filled(match, known), text)
        if filled != text:
            page.write_text(filled, encoding="utf-8")
            changed.append(page)
    return changed


def _filled(match: re.Match[str], known: dict[str, Any]) -> str:
    name = match["name"]
    if name == "targets" and known:
        body = figures(known.values())
    elif name == "headlines" and known:
        body = headlines(known)
    elif name in known:
        body = markdown(known[name])
    else:
        return match[0]
    return f"{match['open']}\n{body}\n\n{match['close']}"
