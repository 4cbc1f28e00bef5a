"""What one step of training costs: its time, and how far it raises the memory of this process."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path


def cost(step: Callable[[], object], calls: int = 2) -> tuple[float, float | None]:
    """Seconds a call (the fastest of a few), and MB at the peak beyond what was there before.

    The memory is that of the whole process, whoever asked for it: PyTorch, NumPy or plogq. Only
    Linux can say; elsewhere it is None.
    """
    # plogq keeps the memory of its last large gradient for the next step, which would hide it.
    os.environ["PLOGQ_KEEP_BYTES"] = "0"
    step()
    linux = _start_anew()
    before = _held("VmRSS") if linux else 0
    seconds = [_timed(step)]
    megabytes = (_held("VmHWM") - before) / 1e6 if linux else None
    del os.environ["PLOGQ_KEEP_BYTES"]
    seconds += [_timed(step) for _ in range(calls - 1)]
    return min(seconds), megabytes


def _timed(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def line(name: str, seconds: float, megabytes: float | None) -> str:
    memory = "" if megabytes is None else f"{megabytes:7.0f} MB"
    return f"{name:32} {seconds * 1e3:7.0f} ms {memory}".rstrip()


def _start_anew() -> bool:
    """Hand back what the allocator has kept, and forget the peak; False where nobody can."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError, TypeError):
        return False
    return True


def _held(field: str) -> int:
    """Bytes that this process holds now (VmRSS), or held at the most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) * 1024
