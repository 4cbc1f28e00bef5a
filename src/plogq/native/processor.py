"""What the C++ kernels run on: instruction sets of this processor, and the threads of a call."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from . import _cpu

# From how many elements on a call has threads that are spawned for it, or those of a pool, which
# answers in a microsecond.
_SPAWNED, _POOLED = 1 << 19, 1 << 14
_MOST = 1024

_SETS: tuple[str, ...] = _cpu.instruction_sets()
set_now: ContextVar[int] = ContextVar("plogq_instruction_set", default=0)


def instruction_sets() -> tuple[str, ...]:
    """The instruction sets that have kernels here and that this processor runs, fastest first."""
    return _SETS


_cpu.read_set(set_now)


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


# How many threads the pool has that another library has lent, asked anew for each call.
_pool: Callable[[], int] | None = None


def lend(pool: int, count: Callable[[], int]) -> None:
    """Let calls from Python use a pool: the address of its function, and its number of threads."""
    global _pool
    _cpu.lend(pool)
    _pool = count


def threads(elements: int, spawned: bool = False) -> int:
    """How many threads a call on this many elements uses: one where more would not pay.

    PLOGQ_NUM_THREADS says how many; else the pool that was lent has as many as it was told, unless
    they are `spawned`; else OMP_NUM_THREADS; else the processors that this process may use.

    Raises:
        ValueError: PLOGQ_NUM_THREADS is no positive integer.
    """
    pool = None if spawned else _pool
    if elements < (_SPAWNED if pool is None else _POOLED):
        return 1
    asked = os.environ.get("PLOGQ_NUM_THREADS", "")
    if asked:
        count = _positive(asked)
        if not count:
            raise ValueError(f"PLOGQ_NUM_THREADS must be a positive integer, got {asked[:40]!r}")
        return count
    if pool is not None:
        return pool()
    told = _positive(os.environ.get("OMP_NUM_THREADS", ""))
    return min(told, processors()) if told else processors()


_cpu.read_threads(threads)


def _positive(text: str) -> int:
    """The number that `text` is, or 0; OMP_NUM_THREADS may be one for each level, "4,2"."""
    first = text.partition(",")[0].strip()
    # Python itself refuses to read a number of thousands of digits.
    return min(int(first[:9]), _MOST) if first.isdecimal() else 0


def processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What these kernels run on: the instruction set, those there are, and the threads."""
    return {
        "instruction_set": _SETS[chosen()],
        "available": list(_SETS),
        "threads": threads(_SPAWNED),
    }


def read(array: Any) -> float:
    """The sum of a contiguous float32 array: what merely reading it with these threads costs."""
    return _cpu.read(chosen(), threads(array.size), array)
