"""optax's own published tests of its losses, from the installed wheel, with ours in its place.

Every case passes: one that does not would be `known` to the comparison by name, with a reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import plogq.compat.optax as compat

from . import suite

SWAPS = {
    f"optax.losses._classification.{name}": f"plogq.compat.optax.{name}" for name in compat.__all__
}
# The classes of cases of those functions. That of the generalised divergence calls ours from within
# optax's own.
CLASSES = "CrossEntropy or PolyLoss or KLDivergence or SigmoidFocalLoss"


@pytest.mark.slow
def test_published_cases(tmp_path: Path) -> None:
    ours = suite.compare(["optax.losses._classification_test"], CLASSES, SWAPS, tmp_path)
    assert len(ours.passed) >= 50, ours.failed
