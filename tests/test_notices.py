"""What is compiled into the wheel is named in it, with its licence."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from scikit_build_core.build import prepare_metadata_for_build_wheel

ROOT = Path(__file__).parent.parent
NOTICES = ROOT / "THIRD_PARTY_NOTICES"


def declared() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["license-files"]


def test_the_files_of_licences_exist() -> None:
    assert {"LICENSE", "THIRD_PARTY_NOTICES"} <= set(declared())
    for name in declared():
        assert (ROOT / name).stat().st_size > 0


def test_what_is_linked_is_named_with_its_licence() -> None:
    text = NOTICES.read_text(encoding="utf-8")
    for part in (
        "nanobind",
        "Copyright (c) 2022 Wenzel Jakob",
        "Redistributions in binary form must reproduce the above copyright notice",
        "robin-map",
        "Copyright (c) 2017 Thibaut Goetghebuer-Planchon",
        "The above copyright notice and this permission notice shall be included",
        "Copyright 2023 The OpenXLA Authors",
    ):
        assert part in text


def test_the_notices_are_those_of_the_nanobind_that_builds() -> None:
    """A newer nanobind may come under other words."""
    nanobind = distribution("nanobind")
    texts = [f.read_text() for f in nanobind.files or [] if f.name == "LICENSE"]
    (licence,) = texts
    assert licence.strip() in NOTICES.read_text(encoding="utf-8")


def test_every_part_of_the_build_is_looked_at() -> None:
    """The build asks for nothing else that is compiled in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = [x.partition(">")[0] for x in project["build-system"]["requires"]]
    assert sorted(names) == ["nanobind", "scikit-build-core"]
    cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.findall(r"find_package\((\w+)", cmake)
    assert sorted(found) == ["Python", "Threads", "nanobind"]


def test_a_wheel_brings_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the build itself says what is in one, without compiling it."""
    monkeypatch.chdir(ROOT)
    folder = tmp_path / prepare_metadata_for_build_wheel(str(tmp_path))
    metadata = (folder / "METADATA").read_text(encoding="utf-8")
    for name in declared():
        assert f"License-File: {name}" in metadata
        assert (folder / "licenses" / name).read_bytes() == (ROOT / name).read_bytes()
