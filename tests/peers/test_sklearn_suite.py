"""scikit-learn's own published tests of log_loss, from the installed wheel, with ours in its place.

Every case passes: one that does not would be `known` to the comparison by name, with a reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import suite

SWAPS = {"sklearn.metrics.log_loss": "plogq.compat.sklearn.log_loss"}
# Cases of log_loss itself, and those that hold another score against it; what all metrics share.
MODULES = ("test_classification", "test_common")


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_published_cases(module: str, tmp_path: Path) -> None:
    ours = suite.compare([f"sklearn.metrics.tests.{module}"], "log_loss", SWAPS, tmp_path)
    assert len(ours.passed) >= 15, ours.failed
