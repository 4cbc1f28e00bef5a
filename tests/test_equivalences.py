"""The page of equivalences is what the declarations say, and every helper is on it."""

from __future__ import annotations

from pathlib import Path

import pytest

import plogq.compat
from benchmarks import equivalences
from plogq.compat.declared import HELPERS, Helper

PAGE = Path(__file__).parents[1] / "docs" / "equivalences.md"


@pytest.fixture(scope="module")
def page() -> str:
    return equivalences.page()


def test_the_page_is_what_the_command_prints(
    page: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = "python -m benchmarks.equivalences --write docs/equivalences.md"
    assert PAGE.read_text(encoding="utf-8") == page, f"write it again: {command}"
    assert equivalences.main([]) == 0
    assert capsys.readouterr().out == page
    assert equivalences.main(["--write", str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page


def test_every_helper_is_on_the_page(page: str) -> None:
    sections = dict(part.partition("\n")[::2] for part in page.split("\n## ")[1:])
    assert {peer for peer, _ in HELPERS} == set(equivalences.peers())
    titles = dict(zip(equivalences.peers(), sections, strict=True))
    for (peer, name), helper in HELPERS.items():
        section = sections[titles[peer]]
        assert section.count(f"`{name}`") == 2
        assert f"`{helper.call}`".replace("|", "\\|") in section


def test_helpers_that_stand_for_the_same_share_a_row() -> None:
    one, two = (Helper("peer", name, "x", "x", "x", "x", "f(p)") for name in ("f", "F"))
    other = Helper("peer", "g", "x", "x", "x", "x", "g(p)")
    assert [names for names, _ in equivalences.grouped([one, other, two])] == ["`f`, `F`", "`g`"]


def test_a_module_without_a_heading_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "paddle.py").touch()
    monkeypatch.setattr(plogq.compat, "__path__", [str(tmp_path)])
    with pytest.raises(ValueError, match=r"no heading for plogq\.compat\.paddle"):
        equivalences.peers()
