"""The sums over the classes by Triton, where that takes the tensor: how they are launched."""

from __future__ import annotations

import torch

from .layout import laid_out, on, per_class, refuses, tiles

Tensor = torch.Tensor


def row_sums(x: Tensor, axis: int, weight: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """Σ over the classes in float64, each times its weight, and the least entry, in float32.

    None for what Triton does not take.
    """
    if refuses(x, "P") is not None:
        return None
    from . import sums

    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    found = torch.empty(shape, device=x.device, dtype=torch.float64)
    least = torch.empty(shape, device=x.device)
    if found.numel():
        array, place, step = laid_out(x, axis)
        t = tiles(found.numel(), x, axis)
        with on(x):
            sums.rows[(-(-found.numel() // t["ROWS"]),)](
                array, *place, step, per_class(weight), found, least, found.numel(),
                x.shape[axis], **t,
            )  # fmt: skip
    return found, least
