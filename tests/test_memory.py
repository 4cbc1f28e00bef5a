"""What a call adds to the resident memory, each in a process of its own.

It stands beside tests/kernels, which also runs under the sanitizers: they keep memory of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_MEASURED = """
import numpy as np, plogq
from benchmarks.memory import added
rng = np.random.default_rng(0)
events, classes = 2048, 32000
def layer(d):
    made = (rng.normal(size=(n, d)).astype(np.float32) / d for n in (events, classes))
    return plogq.LinearLogits(*made)
p, q = layer(16), layer(8)
kept = []
def run():
    kept[:] = [plogq.value_and_grad(p, q)]
print(added(run) / (events * classes * 4))
"""


@pytest.mark.slow
def test_both_chunks_are_a_small_share_of_one_side() -> None:
    """Of 2048 × 32000 scores 5%, and the gradients beside them."""
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    assert float(done.stdout) <= 0.05 + (2048 + 32000) * 8 / (2048 * 32000)
