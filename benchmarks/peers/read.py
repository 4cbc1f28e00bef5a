"""The floor: reading every float input once, with the kernels' own threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..case import Run


def _reader() -> Any:
    from plogq.native import processor as kernels

    # Without compiled kernels NumPy's sum stands in; halves are then read as pairs.
    return getattr(kernels, "read", _sum)


def _sum(x: Any) -> Any:
    flat = x.reshape(-1)
    if x.itemsize == 2 and flat.size % 2 == 0:
        flat = flat.view(np.float32)
    with np.errstate(all="ignore"):
        return flat.sum()


def one(z: Any, target: Any) -> Run:
    read = _reader()
    return lambda: (read(z), None)[1]


def two(z: Any, target: Any) -> Run:
    read = _reader()
    return lambda: (read(z), read(target), None)[2]


WORK = {"labels_loss": one, "labels_grad": one, "probs_grad": two, "binary_grad": two}
