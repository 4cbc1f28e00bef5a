"""The same numbers, laid out in memory as no one expects: strided, reversed, misaligned, frozen."""

from __future__ import annotations

import numpy as np

from .program import Array
from .values import Rng

NUMPY = ("plain", "strided", "reversed", "transposed", "read-only", "misaligned", "padded")
TORCH = ("plain", "strided", "transposed", "padded")


def laid_out(rng: Rng, x: Array, layouts: tuple[str, ...] = NUMPY) -> Array:
    """A view or copy of x with the same values, shape and dtype."""
    layout = layouts[int(rng.integers(len(layouts)))] if rng.random() < 0.5 else "plain"
    if layout == "plain" or not x.ndim:
        return x.copy()
    if layout == "strided":
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1] + 1), x.dtype)
        view = wide[..., 1::2]
    elif layout == "padded":
        view = np.zeros(tuple(n + 3 for n in x.shape), x.dtype)[
            tuple(slice(2, n + 2) for n in x.shape)
        ]
    elif layout == "reversed":
        axis = int(rng.integers(x.ndim))
        view = np.flip(np.zeros_like(x), axis)
    elif layout == "transposed":
        order = rng.permutation(x.ndim)
        view = np.zeros([x.shape[i] for i in order], x.dtype).transpose(np.argsort(order))
    elif layout == "misaligned":
        bytes_ = np.zeros(x.nbytes + 1, np.uint8)
        view = bytes_[1:].view(x.dtype).reshape(x.shape)
    else:
        view = np.zeros_like(x)
    view[...] = x
    if layout == "read-only":
        view.flags.writeable = False
    return view
