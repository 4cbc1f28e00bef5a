"""A framework that is too old or too new: a sentence with the command that mends it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from plogq.frameworks.versions import NEWEST, OLDEST, fitting, require

ROOT = Path(__file__).parents[2]


def module(name: str, version: str) -> ModuleType:
    made = ModuleType(name)
    made.__version__ = version
    return made


@pytest.mark.parametrize("name", OLDEST)
def test_older_than_the_oldest(name: str) -> None:
    with pytest.raises(
        ImportError, match=rf"{name} .* or newer, and 0\.4\.1 is loaded.*pip install"
    ):
        require(module(name, "0.4.1"))
    for version in (OLDEST[name], f"{OLDEST[name]}.1", f"{OLDEST[name]}+cpu", "99.0rc1", "dev"):
        require(module(name, version))


def test_the_extras_say_the_same() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    for name, oldest in OLDEST.items():
        (found,) = [re.sub(r".*>=", "", r) for r in extras[name] if r.startswith(name)]
        assert found == oldest


def test_the_oldest_are_tested_in_ci() -> None:
    text = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    pinned = dict(line.split("==") for line in text.splitlines() if "==" in line)
    pinned["tensorflow"] = pinned["tensorflow-cpu"]
    assert {name: pinned[name].removesuffix(".0") for name in OLDEST} == OLDEST


def test_the_newest_are_those_that_the_tests_run_on() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = dict(line.split("==") for line in text.splitlines() if "==" in line)
    pinned["tensorflow"] = pinned["tensorflow-cpu"]
    assert {name: pinned[name] for name in NEWEST} == NEWEST


ARRAYS = {"torch": "Tensor", "jax": "Array", "tensorflow": "Tensor"}
# What a framework's module has that was made for this test: its arrays, and nothing else.
USE = """
import {name}, plogq
try:
    plogq.Logits({name}.{array}())
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("version", ["0.4.1", "99.0", "tested"])
def test_a_framework_that_lacks_what_is_used_of_it(name: str, version: str, tmp_path: Path) -> None:
    """Old or new, the sentence says so; of one that is neither Python's own error stays."""
    has = NEWEST[name] if version == "tested" else version
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(
        f"__version__ = {has!r}\nclass {ARRAYS[name]}: pass\n"
    )
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})"
    program += USE.format(name=name, array=ARRAYS[name])
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    says = {
        "0.4.1": rf"plogq takes {name} \S+ or newer, and 0\.4\.1 is loaded; "
        rf"write pip install -U 'plogq\[{name}\]'",
        "99.0": rf"plogq is tested with {name} {OLDEST[name]} to {NEWEST[name]}; 99\.0 is loaded, "
        rf"and plogq does not know it \(.*\): write pip install '{name}<={NEWEST[name]}'.*",
        "tested": r"(No module named|cannot import name) .*",
    }[version]
    assert re.fullmatch(says, ran.stdout.strip()), ran.stdout


def test_what_is_amiss_with_something_else_is_left_alone() -> None:
    def load() -> None:
        raise ImportError("no such thing")

    for name in ("numpy", "torch"):
        with pytest.raises(ImportError, match="no such thing"):
            fitting(load, name)
