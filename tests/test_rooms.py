"""Rooms: no file imports itself round a corner, for types or in a function either; none is long."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from . import test_imports as layers

# Lines that tell a checker of types to look away, in all that is ours.
MOST_UNCHECKED = 15
LONGEST = 350  # lines: past that, look for the second idea
# Files that are longer, and say why in their first lines.
LONG = ("decision",)


def graph() -> dict[str, set[str]]:
    """Every module of ours, and those that it imports, wherever in its file."""
    return {
        layers.module_name(path): {name for name, ours in layers.imports(path) if ours}
        for path in sorted(layers.PACKAGE.rglob("*.py"))
    }


def circle(of: Mapping[str, set[str]]) -> list[str]:
    """Modules of which each imports the next and the last the first; empty if there are none."""
    try:
        TopologicalSorter(of).prepare()
    except CycleError as found:
        return found.args[1][::-1]  # graphlib follows "is imported by"
    return []


def test_what_is_listed_as_slow_is_there() -> None:
    tests = Path(__file__).parent
    shared = "".join(path.read_text() for path in (tests / "suite").rglob("*.py"))
    listed = [x for x in (tests / "slow.txt").read_text().splitlines() if not x.startswith("#")]
    assert len(listed) > 50
    for line in listed:
        file, *_, name = line.split("::")
        text = (tests / file).read_text()
        assert f"def {name}(" in (text + shared if "_suite" in file else text), line


def test_no_file_imports_itself_round_a_corner() -> None:
    found = circle(graph())
    assert found == [], " imports ".join(found)


def test_every_file_is_looked_at() -> None:
    found = graph()
    assert len(found) > 300
    assert "doctor.lint.values.kinds" in found["doctor.lint.values"]


@pytest.mark.parametrize(
    "second", ["from .one import X\n", "def f():\n    from plogq import one\n",
               "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .one import X\n"],
)  # fmt: skip
def test_a_circle_is_seen(second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.py").write_text("from .two import f\n")
    (tmp_path / "two.py").write_text("import plogq.three\n")
    (tmp_path / "three.py").write_text(second)
    monkeypatch.setattr(layers, "PACKAGE", tmp_path)
    found = circle(graph())
    assert set(found) == {"one", "two", "three"}
    assert {*pairwise(found)} == {("one", "two"), ("two", "three"), ("three", "one")}


def test_each_file_is_short() -> None:
    files = sorted(layers.PACKAGE.rglob("*.py"))
    lines = {layers.module_name(f): len(f.read_text("utf-8").splitlines()) for f in files}
    assert {name for name, n in lines.items() if n > LONGEST} == set(LONG)


def test_types_are_looked_away_from_in_few_places() -> None:
    """And never from a whole file: what frameworks leave untyped is said in pyproject.toml."""
    tells = re.compile(r"# *(pyright|type): *(?P<what>\w+)")
    root = Path(__file__).parents[1]
    found: dict[str, str] = {}
    for folder in ("src", "benchmarks", "tests", "docs", "examples"):
        for path in sorted((root / folder).rglob("*.py")):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if told := tells.search(line):
                    found[f"{path}:{number}"] = told["what"]
    assert 0 < len(found) <= MOST_UNCHECKED, list(found)
    assert set(found.values()) == {"ignore"}, found
