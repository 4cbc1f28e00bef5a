"""The pages in docs/doctor are what the rules and the corpus say."""

from __future__ import annotations

from pathlib import Path

import pytest

from plogq.doctor.pages import between, page, table, write
from plogq.doctor.rules import RULES

from . import scores

DOCS = Path(__file__).parents[2] / "docs" / "doctor"


@pytest.mark.parametrize("code", RULES)
def test_the_page_of_a_rule_is_its_docstring(code: str) -> None:
    written = (DOCS / f"{code}.md").read_text(encoding="utf-8")
    assert written == page(code), "python -m plogq.doctor.pages docs/doctor"


def test_the_tables_are_what_was_printed() -> None:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    assert between(text, "rules", table()) == text, "python -m plogq.doctor.pages docs/doctor"
    assert between(text, "scores", scores.table()) == text, "python -m tests.doctor.scores"


def test_pages_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("a\n<!-- rules -->\nwas here\n<!-- end of rules -->\nb\n")
    write(tmp_path)
    text = (tmp_path / "index.md").read_text()
    assert text.startswith("a\n<!-- rules -->\n\n| rule |")
    assert text.endswith("<!-- end of rules -->\nb\n")
    assert "was here" not in text
    assert len(list(tmp_path.glob("PQ*.md"))) == len(RULES)
    with pytest.raises(ValueError, match="has no <!-- scores -->"):
        between(text, "scores", "")


def test_every_page_is_in_the_contents() -> None:
    contents = (DOCS.parents[1] / "mkdocs.yml").read_text(encoding="utf-8")
    for file in DOCS.glob("*.md"):
        assert f"doctor/{file.name}" in contents
