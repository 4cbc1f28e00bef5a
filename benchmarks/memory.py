"""Peak extra memory of one contender, in a process of its own: `python -m benchmarks.memory`.

The process prepares and calls the contender once, lets go of the result and of what the allocators
have kept, resets the system's record of its greatest resident size, and calls it again: what the
second call adds to the resident size is the answer. Where the record cannot be reset, growth over
the first call is.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")


def extra(case: str, contender: str, quick: bool) -> int | None:
    """Bytes that the contender needs besides its inputs, measured in a new process."""
    command = [sys.executable, "-m", "benchmarks.memory", case, contender]
    done = subprocess.run(
        command + (["--quick"] if quick else []), cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        return None
    return int(json.loads(done.stdout.splitlines()[-1])["extra"])


def measure(case: str, contender: str, quick: bool) -> int:
    """The same, in this process."""
    from .catalogue import CASES

    work = CASES[case].work(quick)
    chosen = next(c for c in work.contenders if c.name == contender)
    try:
        return chosen.memory() if chosen.memory else added(chosen.prepare(), chosen.warm)
    finally:
        work.close()


def added(run: Callable[[], Any], warm: Callable[[], Any] | None = None) -> int:
    """Bytes that a call adds to the resident size at its peak."""
    before = _greatest()
    # What plogq keeps of this call for the next would hide what the next one needs.
    os.environ["PLOGQ_KEEP_BYTES"] = "0"
    (warm or run)()
    del os.environ["PLOGQ_KEEP_BYTES"]
    first = _greatest() - before
    gc.collect()
    _trim()
    if not _reset():
        return max(0, first)
    before = _resident()
    run()
    return max(0, _greatest() - before)


def _trim() -> None:
    """Have the C library hand back what it keeps, where it can (glibc)."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return


def _reset() -> bool:
    """Forget the greatest resident size; False where the system does not let us."""
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


def _resident() -> int:
    return _status("VmRSS") or 0


def _greatest() -> int:
    known = _status("VmHWM")
    if known is not None:
        return known
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    name, which = sys.argv[1:3]
    print(json.dumps({"extra": measure(name, which, "--quick" in sys.argv)}))
