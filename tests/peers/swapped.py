"""A pytest plugin: functions of ours in place of a peer's own, and a file of what came of it.

`PLOGQ_SWAPS` says which, as JSON from the peer's dotted name to ours; `PLOGQ_OUTCOMES` is the file;
`PLOGQ_ONLY` names the cases to be run, where not all are.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

calls: Counter[str] = Counter()
outcomes: dict[str, str] = {}
collected: list[str] = []
reasons: dict[str, str] = {}


def named(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def counted(name: str, function: Any) -> Any:
    """The function, and how often it is called."""
    calls[name] = 0
    if isinstance(function, type):
        # A class stays one, and what is counted is how often it is made.
        made: Any = function
        made.__init__ = counted(name, made.__init__)
        return made

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        calls[name] += 1
        return function(*arguments, **options)

    return call


def pytest_configure(config: pytest.Config) -> None:
    for theirs, ours in json.loads(os.environ["PLOGQ_SWAPS"]).items():
        module, _, attribute = theirs.rpartition(".")
        setattr(import_module(module), attribute, counted(theirs, named(ours)))


def named_case(of: pytest.Item | pytest.TestReport) -> str:
    """The case with its file, as two modules may have cases of one name."""
    return Path(of.location[0]).name + "::" + of.nodeid.partition("::")[2]


# After those that are not selected are gone.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only = json.loads(os.environ["PLOGQ_ONLY"])
    if only is not None:
        items[:] = [item for item in items if named_case(item) in only]
    collected.extend(map(named_case, items))


def pytest_runtest_setup() -> None:
    """Cases that draw at random draw the same on every run, ours and the peer's own."""
    np.random.seed(7)  # noqa: NPY002 - it is what they draw from


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    case = named_case(report)
    if report.when == "call" or report.outcome != "passed":
        outcomes[case] = report.outcome
        if report.failed:
            reasons[case] = str(report.longrepr)[-2000:]


def pytest_sessionfinish(session: pytest.Session) -> None:
    found = {"outcomes": outcomes, "reasons": reasons, "calls": calls, "collected": collected}
    Path(os.environ["PLOGQ_OUTCOMES"]).write_text(json.dumps(found), encoding="utf-8")
