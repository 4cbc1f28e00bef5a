"""What checks and masses need of a whole array, in C++: sums of rows, totals, ranges."""

from __future__ import annotations

from math import prod
from typing import Any, Protocol

import numpy as np

from . import _cpu
from .processor import chosen, threads

Array = Any


F64, F32, F16, BF16, U8 = range(5)


class Memory(Protocol):
    """How a framework's arrays lie in memory."""

    def code(self, x: Array) -> int | None:
        """The kernels' number for the dtype of x, or None where they have none."""
        ...

    def refuses(self, x: Array, role: str) -> str | None:
        """Why the kernels cannot take x, or None."""
        ...

    def exported(self, x: Array) -> Any:
        """x as the buffer protocol hands it over: bfloat16 as the 16 bits that it is."""
        ...

    def host(self, x: Array) -> Any:
        """x as a NumPy array."""
        ...

    def empty(self, shape: tuple[int, ...], dtype: int) -> Array:
        """A new array of the framework."""
        ...

    def like(self, x: Array) -> Array:
        """A new array for the gradient of x."""
        ...


def known_code(memory: Memory, x: Array) -> int:
    """The number of a dtype that `refuses` has let through."""
    found = memory.code(x)
    assert found is not None
    return found


def contiguous(x: Any, dtype: type[np.generic] = np.float64) -> Any:
    """x as the kernels' plain pointers want it: native, aligned and without gaps."""
    plain = np.ascontiguousarray(x, dtype)
    return plain if plain.flags.aligned else plain.copy()


def row_sums(memory: Memory, x: Array, axis: int, weight: Any) -> tuple[Array, Array] | None:
    """Σ over the classes, each times its weight, and the least entry (0 where all are greater).

    None for a dtype that the kernels do not take.
    """
    dtype = memory.code(x)
    if dtype is None or 0 in x.shape:
        return None
    events = (*x.shape[:axis], *x.shape[axis + 1 :])
    sums, least = memory.empty(events, F64), memory.empty(events, F64)
    _cpu.row_sums(
        chosen(),
        threads(prod(x.shape)),
        memory.exported(x),
        axis,
        dtype,
        None if weight is None else contiguous(memory.host(weight)),
        memory.exported(sums),
        memory.exported(least),
    )
    return sums, least


def total(memory: Memory, x: Array) -> float:
    """The sum of a contiguous float32 or float64 array, always in the same order (N6)."""
    return _cpu.total(memory.exported(x), known_code(memory, x))


def value_range(memory: Memory, x: Array) -> tuple[float, float] | None:
    """The least and the greatest element, NaN where one is; None for a dtype not taken."""
    dtype = memory.code(x)
    # float64 goes through float32 inside, which may round a value onto the bound.
    if dtype in (None, F64) or 0 in x.shape:
        return None
    return _cpu.value_range(chosen(), threads(prod(x.shape)), memory.exported(x), dtype)
