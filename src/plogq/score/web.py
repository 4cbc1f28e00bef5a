"""Reports as one page of HTML that needs no network: laid out by Jinja2, drawn by matplotlib."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .chapters import chapter
from .column import InputError
from .comparison_chapter import comparison_chapter
from .layout import MOST_ROWS, Chapter
from .shown import excerpt, shown

if TYPE_CHECKING:
    from .comparison import Differences
    from .summary import Summary

_PAGES = Path(__file__).parent / "pages"
_NEEDED = ("jinja2", "matplotlib", "scipy")
# What a page may weigh, and how many rows a table has where more would be too heavy.
_HEAVIEST = 2_000_000
_FEWER = (MOST_ROWS, 300, 100, 30, 10, 3, 0)
_NAME = 80


def missing(*needed: str) -> str | None:
    """The library without which there is no page, if one is not installed."""
    return next((name for name in needed or _NEEDED if find_spec(name) is None), None)


def page(
    reports: Sequence[tuple[str, Summary]],
    comparison: Differences | None = None,
    alone: str = "",
    progress: Callable[[float], None] | None = None,
) -> str:
    """The page of these reports, each with the name of its file, and of their comparison; `alone`
    says why there is none, and `progress` is called with the part that is drawn, from 0 to 1.

    Raises:
        ModuleNotFoundError: Jinja2 or matplotlib is not installed.
    """
    lost = missing(*_NEEDED[:2])
    if lost is not None:
        raise ModuleNotFoundError(
            f"a page of HTML needs {lost}, which is not installed: pip install 'plogq[report]'",
            name=lost,
        )
    chapters: list[Chapter] = []
    for i, (name, report) in enumerate(reports):
        chapters.append(chapter(report, name if len(reports) > 1 else "In short", f"file{i}"))
        if progress is not None:
            progress((i + 1) / (len(reports) + 1))
    if comparison is not None:
        chapters.insert(0, comparison_chapter(comparison, "comparison"))
    elif alone:
        chapters.insert(0, Chapter("comparison", "Comparison", [alone], (), ()))
    return _laid_out(chapters, ", ".join(name for name, _ in reports))


def _laid_out(chapters: Sequence[Chapter], title: str) -> str:
    from markupsafe import Markup

    style, script = ((_PAGES / f"report.{end}").read_text("utf-8") for end in ("css", "js"))
    # What is drawn here is markup already; all else is text.
    marked = [_with_figures(each, Markup) for each in chapters]
    template, text = _template(), ""
    for most in _FEWER:
        text = template.render(
            chapters=marked, title=title, most=most, style=Markup(style), script=Markup(script),
            script_hash=_hash(script), version=version("plogq"),
        )  # fmt: skip
        if len(text.encode()) <= _HEAVIEST:
            break
    return text


@cache
def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["text"] = _text
    return environment.get_template("report.html")


def _text(value: str, most: int = _NAME) -> str:
    """Text from a file, without what would turn around or command what follows, and not whole where
    it is long."""
    return excerpt(shown(excerpt(value, most)), most)


def _with_figures(made: Chapter, markup: Any) -> Chapter:
    sections = [replace(s, figures=[markup(f) for f in s.figures]) for s in made.sections]
    return replace(made, sections=sections)


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def write_page(text: str, path: Path) -> None:
    """Write a page to a file, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    part = path
    try:
        # What is half written is no page: it has another name until it is whole. A device or a
        # pipe has no other name.
        if not path.exists() or stat.S_ISREG(path.stat().st_mode):
            part = path.with_name(f".{path.name}.part")
        try:
            with part.open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            if part != path:
                os.replace(part, path)
        finally:
            if part != path:
                part.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be written: {why}") from error
