"""What the C++ kernels run on: instruction sets of this processor, and the threads of a call."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from . import _cpu

_THREADED = 1 << 20

_SETS: tuple[str, ...] = _cpu.instruction_sets()
set_now: ContextVar[int] = ContextVar("plogq_instruction_set", default=0)


def instruction_sets() -> tuple[str, ...]:
    """The instruction sets that have kernels here and that this processor runs, fastest first."""
    return _SETS


@contextmanager
def instruction_set(name: str) -> Generator[None]:
    """Inside this block the kernels of this instruction set run.

    Raises:
        ValueError: this processor does not run it.
    """
    if name not in _SETS:
        raise ValueError(f"this processor runs {', '.join(_SETS)}, not {name!r}")
    token = set_now.set(_SETS.index(name))
    try:
        yield
    finally:
        set_now.reset(token)


def chosen() -> int:
    """The number of the instruction set that runs now."""
    return set_now.get()


def threads(elements: int) -> int:
    """How many threads a call on this many elements uses: one below about a million.

    PLOGQ_NUM_THREADS says how many, else the processors that this process may use.

    Raises:
        ValueError: PLOGQ_NUM_THREADS is no positive integer.
    """
    if elements < _THREADED:
        return 1
    asked = os.environ.get("PLOGQ_NUM_THREADS", "")
    if asked:
        # Python itself refuses to read a number of thousands of digits.
        count = int(asked[:9]) if asked.isdecimal() else 0
        if count < 1:
            raise ValueError(f"PLOGQ_NUM_THREADS must be a positive integer, got {asked[:40]!r}")
        return min(count, 1024)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What these kernels run on: the instruction set, those there are, and the threads."""
    return {
        "instruction_set": _SETS[chosen()],
        "available": list(_SETS),
        "threads": threads(_THREADED),
    }


def read(array: Any) -> float:
    """The sum of a contiguous float32 array: what merely reading it with these threads costs."""
    return _cpu.read(chosen(), threads(array.size), array)
