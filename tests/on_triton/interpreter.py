"""Triton's interpreter on the CPU, nearer to a GPU in two things.

As it comes, the interpreter combines the lanes of a tile one number at a time, in Python. Here it
combines one half of an axis with the other, and the halves of that: what warps do, and in a few
steps instead of thousands. And it cuts float32 off where a GPU rounds it to bfloat16.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from triton.runtime import interpreter

from ..bounds import BFLOAT16

LANE_BY_LANE = interpreter.ReduceOps.generic_reduce


def _in_halves(self: Any, input: tuple[Any, ...]) -> list[Any]:
    axis, kinds = self.axis, [x.dtype for x in input]
    data = [x.handle.data for x in input]
    assert not self.keep_dims
    while (n := data[0].shape[axis]) > 1:
        low, high = (
            [x.take(half, axis) for x in data] for half in (range(n // 2), range(n // 2, n))
        )
        both = [self.to_tensor(x, kind) for x, kind in zip((*low, *high), kinds * 2, strict=True)]
        data = [x.handle.data for x in self.combine_fn.fn(*both)]
    return [self.to_tensor(x.take(0, axis), kind) for x, kind in zip(data, kinds, strict=True)]


def _rounded(x: npt.NDArray[Any], source: Any, target: Any, _: Any) -> npt.NDArray[Any]:
    """float32 as bfloat16, rounded to the nearest, and back; bfloat16 is held in uint16."""
    kinds = {"fp32": np.dtype(np.float32), "bf16": BFLOAT16}
    found = x.view(kinds[source.name]).astype(kinds[target.name])
    return found.view(np.uint16 if target.name == "bf16" else np.uint32)


def like_a_gpu(patch: pytest.MonkeyPatch) -> None:
    """From here on tiles are reduced in halves and numbers rounded."""
    patch.setattr(interpreter.ReduceOps, "generic_reduce", _in_halves)
    patch.setattr(interpreter, "_convert_float", _rounded)
