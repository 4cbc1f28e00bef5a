"""scikit-learn's own published tests of log_loss, from the installed wheel, with ours in its place.

Every case passes: one that does not would stand in `KNOWN` by name, with a reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import suite

KNOWN: dict[str, str] = {}
SWAPS = {"sklearn.metrics.log_loss": "plogq.compat.sklearn.log_loss"}
# Cases of log_loss itself, and those that hold another score against it; what all metrics share.
MODULES = ("test_classification", "test_common")


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_published_cases(module: str, tmp_path: Path) -> None:
    modules = [f"sklearn.metrics.tests.{module}"]
    theirs = suite.run(modules, "log_loss", {}, tmp_path / "theirs")
    assert len(theirs.passed) >= 15, theirs.failed
    suite.check(theirs, suite.run(modules, "log_loss", SWAPS, tmp_path / "ours"), KNOWN)
