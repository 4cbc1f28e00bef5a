"""What a packager meets: the build without a compiler, the metadata, and the files beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import plogq

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake, which builds plogq, is absent")
def test_a_build_without_a_compiler_ends_in_a_sentence(tmp_path: Path) -> None:
    cmake, make = shutil.which("cmake"), shutil.which("ninja") or shutil.which("make")
    assert cmake is not None
    if make is None:
        pytest.skip("neither Ninja nor Make, with which CMake builds, is there")
    generator = "Ninja" if make.endswith("ninja") else "Unix Makefiles"
    ended = subprocess.run(
        [cmake, "-G", generator, f"-DCMAKE_MAKE_PROGRAM={make}", "-S", ROOT, "-B", tmp_path],
        env={"PATH": str(tmp_path), "CXX": "/nonexistent"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode != 0
    said = " ".join(ended.stderr.split())
    assert "plogq needs a C++ compiler to be built from source, and none was found" in said
    assert "apt install g++" in said


def test_one_version_everywhere() -> None:
    assert PROJECT["project"]["version"] == plogq.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {plogq.__version__}\n" in citation
    assert f"\n## {plogq.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_pythons_that_are_named_are_those_that_wheels_are_built_for() -> None:
    named = re.findall(
        r"Python :: 3\.(\d+)$", "\n".join(PROJECT["project"]["classifiers"]), flags=re.M
    )
    built = re.findall(r"cp3(\d+)-", PROJECT["tool"]["cibuildwheel"]["build"])
    assert named == built
    assert PROJECT["project"]["requires-python"] == f">=3.{named[0]}"


def test_the_workflow_builds_for_every_system() -> None:
    text = (ROOT / ".github/workflows/wheels.yml").read_text(encoding="utf-8")
    for part in ("ubuntu-latest", "ubuntu-24.04-arm", "macos-latest", "windows-latest",
                 "pypa/cibuildwheel@", "--sdist", "twine check", "check-wheel-contents",
                 "attestations: write"):  # fmt: skip
        assert part in text
