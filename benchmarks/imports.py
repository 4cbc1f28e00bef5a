"""`import plogq` beside `import numpy`, each in fresh interpreters."""

from __future__ import annotations

import subprocess
import sys

from .case import OURS, Case, Contender, Run, Work
from .targets import Within

_CODE = """
from time import perf_counter
start = perf_counter()
import {0}
print(perf_counter() - start)
"""


def _importing(package: str) -> Run:
    def run() -> float:
        done = subprocess.run(
            [sys.executable, "-c", _CODE.format(package)],
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout)

    return run


def _work(quick: bool) -> Work:
    return Work(
        (
            Contender(OURS, "import plogq", lambda: _importing("plogq"), own_clock=True),
            Contender("numpy", "import numpy", lambda: _importing("numpy"), own_clock=True),
        ),
        elements=0,
    )


CASES = (Case("import", "`import plogq`", _work, (Within("numpy", 1.3),), memory=False),)
