"""The toy is a framework while its tests run: one row of the table, and no more."""

from __future__ import annotations

import sys

import pytest

from plogq import frameworks

from . import toybox

VERBS = toybox.verbs()


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "toybox", toybox.package())
    monkeypatch.setattr(frameworks, "FRAMEWORKS", list(frameworks.FRAMEWORKS))
    monkeypatch.setattr(frameworks, "_VERBS", dict(frameworks._VERBS))
    frameworks.register("toybox", "Box", lambda: VERBS)
