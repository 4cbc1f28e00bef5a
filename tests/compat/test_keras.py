"""plogq.compat.keras beside the installed Keras, on every backend, each in a process of its own.

The tests in `on_backend` run in all of them at once.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "on_backend"
# Each backend, and how many tests it has at least; NumPy has no gradients, and trains nothing.
BACKENDS = {"tensorflow": 180, "jax": 180, "torch": 180, "numpy": 110}


@pytest.fixture(scope="module")
def processes() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Every backend's tests, all under way."""
    program = [sys.executable, "-m", "pytest", str(FOLDER), "-p", "no:cacheprovider"]
    started = {
        backend: subprocess.Popen(
            program,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=FOLDER.parents[2],
            env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        for backend in BACKENDS
    }
    yield started
    for process in started.values():
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "torch", "tensorflow", "jax"])
def test_it_is_keras_on_this_backend(
    backend: str, processes: dict[str, subprocess.Popen[str]]
) -> None:
    output, _ = processes[backend].communicate()
    assert processes[backend].returncode == 0, output[-10_000:]
    passed = re.search(r"(\d+) passed", output)
    assert passed is not None, output[-2_000:]
    assert int(passed[1]) >= BACKENDS[backend]
    assert "skipped" not in output
