"""plogq.compat.keras beside the installed Keras, on every backend, each in a process of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .. import unoptimised
from ..forked import KERAS, PYTEST, commands

FOLDER = Path(__file__).parent / "on_backend"
# Each backend, and how many tests it has at least; NumPy has no gradients, and trains nothing.
BACKENDS = {"tensorflow": 180, "jax": 180, "torch": 180, "numpy": 110}


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_it_is_keras_on_this_backend(backend: str) -> None:
    done = commands(KERAS).run(
        *(str(FOLDER), "-n", "0", "-p", "no:cacheprovider"),
        code=PYTEST,
        folder=FOLDER.parents[2],
        env=unoptimised.environment(KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="3"),
    )
    assert done.returncode == 0, done.stdout[-10_000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None, done.stdout[-2_000:]
    assert int(passed[1]) >= BACKENDS[backend]
    assert "skipped" not in done.stdout
