"""The kernels compiled for real hardware, in all the ways in which they can be launched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from . import compiled

ROOT = Path(__file__).parents[2]


@cache
def programs(targets: str) -> list[dict[str, Any]]:
    """What was compiled; Triton's interpreter is at work in this process, so in another one."""
    ran = subprocess.run(
        [sys.executable, "-m", compiled.__name__, targets, *KERNELS],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


KERNELS = {
    "stored": {
        "stored.forward",
        "stored.together",
        "gradient.backward",
        "gradient.entries_of",
        "at_once.fused",
    },
    "binary": {"binary.forward", "binary.backward"},
    "pairs": {"pairs.forward", "pairs.backward"},
    "linear": {"linear.forward", "linear.backward", "linear.product", "stored.together"},
}


def check(part: str, target: str, together: str) -> None:
    """Every kernel of a part compiles, and needs no more than a device has.

    `together` are the targets that one process compiles for.
    """
    found = [x for x in programs(together) if (x["part"], x["target"]) == (part, target)]
    assert {x["kernel"] for x in found} >= KERNELS[part]
    for x in found:
        assert x["binary"], x
        if target.startswith("sm_"):
            assert x["shared"] <= compiled.SHARED, x
            # Two programs of products share a multiprocessor, so that what follows a product moves
            # some numbers to memory and back; nothing else moves more than a few.
            assert x["spills"] <= (400 if part == "linear" else 16), x
