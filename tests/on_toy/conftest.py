"""The toy is a framework while its tests run: one row of the table, and no more."""

from __future__ import annotations

import sys

import pytest

from plogq import frameworks as arrays

from . import toybox

VERBS = toybox.verbs()


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "toybox", toybox.package())
    row = ("toybox", "Box", lambda: VERBS)
    monkeypatch.setattr(arrays, "FRAMEWORKS", (*arrays.FRAMEWORKS, row))
    monkeypatch.setattr(arrays, "_VERBS", dict(arrays._VERBS))
