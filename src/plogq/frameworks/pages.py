"""Memory for large gradients, kept from one step of training to the next.

The system clears every page of new memory before it hands it over, which takes longer than the
gradient takes to compute. So the memory of the last large gradient that was freed is kept, one
block and never more than `PLOGQ_KEEP_BYTES` (2³⁰ by default; 0 keeps none), and the next gradient
of that size goes there. A gradient of another size lets it go. NumPy, where it comes from at
first, asks for huge pages.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

LARGE = 1 << 22
_kept: list[Any] = []


class _Lease:
    """Lends a block to one array, and takes it back when that array and its views are gone."""

    __slots__ = ("__array_interface__", "_block", "_keep")

    def __init__(self, block: Any, keep: bool) -> None:
        self._block, self._keep = block, keep
        self.__array_interface__ = block.__array_interface__

    def __del__(self) -> None:
        if self._keep:
            _kept[:] = [self._block]


def pages(size: int) -> Any:
    """A new array of `size` bytes, not cleared.

    Raises:
        ValueError: PLOGQ_KEEP_BYTES is no whole number.
    """
    asked = os.environ.get("PLOGQ_KEEP_BYTES", "")
    if asked and not asked.isdecimal():
        raise ValueError(f"PLOGQ_KEEP_BYTES must be a number of bytes, got {asked!r}")
    most = int(asked) if asked else 1 << 30
    try:
        block = _kept.pop()
    except IndexError:
        block = None
    if block is None or block.nbytes != size:
        # The old block goes before the new one comes.
        block = None
        block = np.empty(size, np.uint8)
    return np.asarray(_Lease(block, size <= most))
