"""A framework that is too old: a sentence with the command that mends it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from plogq.arrays.versions import OLDEST, require


def module(name: str, version: str) -> ModuleType:
    made = ModuleType(name)
    made.__version__ = version  # type: ignore[attr-defined]
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
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    for name, oldest in OLDEST.items():
        (found,) = [re.sub(r".*>=", "", r) for r in extras[name] if r.startswith(name)]
        assert found == oldest
