"""Rooms: no file imports itself round a corner, for types or in a function either; none is long."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from . import test_imports as layers

SHORT = ("doctor",)  # rooms whose files are all short
LONGEST = 350  # lines: past that, look for the second idea
# Rooms whose files may still import one another; the package itself names its parts for types.
WITH_CIRCLES = ("", "formula", "kernels", "score")


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


def without(rooms: tuple[str, ...], of: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same without what files of these rooms import from one another."""

    def inside(name: str) -> bool:
        return any(name == r or (r and name.startswith(f"{r}.")) for r in rooms)

    return {n: {m for m in to if not (inside(n) and inside(m))} for n, to in of.items()}


def test_no_file_imports_itself_round_a_corner() -> None:
    found = circle(without(WITH_CIRCLES, graph()))
    assert found == [], " imports ".join(found)


def test_the_rooms_of_the_doctor_have_no_circle_and_are_looked_at() -> None:
    doctor = {n: to for n, to in graph().items() if n.startswith("doctor")}
    assert circle(doctor) == []
    assert len(doctor) > 100
    assert "doctor.lint.values.kinds" in doctor["doctor.lint.values"]
    assert without(WITH_CIRCLES, doctor) == doctor


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
    assert circle(without(("one", "two"), graph())) == []


@pytest.mark.parametrize("room", SHORT)
def test_each_file_is_short(room: str) -> None:
    files = sorted((layers.PACKAGE / room).rglob("*.py"))
    lines = {layers.module_name(f): len(f.read_text("utf-8").splitlines()) for f in files}
    assert lines
    assert {name: n for name, n in lines.items() if n > LONGEST} == {}
