"""Triton's interpreter on the CPU, nearer to a GPU in two things, and quicker.

As it comes, the interpreter combines the lanes of a tile one number at a time, in Python. Here it
combines one half of an axis with the other, and the halves of that: what warps do, and in a few
steps instead of thousands. And it cuts float32 off where a GPU rounds it to bfloat16.

For every function that a kernel calls it puts its own operations into Triton's language once more,
which takes as long as the functions do. Here it does so once a launch.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import triton.language as tl
from triton.runtime import interpreter

from ..bounds import BFLOAT16

LANE_BY_LANE = interpreter.ReduceOps.generic_reduce
PUT_IN = interpreter._patch_lang
# Asked with every operation, it would make a table of all dtypes each time.
OF_NUMBERS = cache(interpreter._get_np_dtype)


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


def _in_numpy(kind: Any) -> np.dtype[Any]:
    """The dtype of a tile or a number, which for pointers is that of an address."""
    each = kind.scalar
    return np.dtype(np.uint64) if each.is_ptr() else OF_NUMBERS(each)


@cache
def _languages(function: Any) -> frozenset[str]:
    """Under which names a function has Triton's language."""
    here = function.__globals__.values()
    return frozenset(x.__name__ for x in here if inspect.ismodule(x) and x in (tl, tl.core))


class _Once:
    """In place of `_patch_lang`, which is called by a launch and by each function within it."""

    def __init__(self) -> None:
        self.put: set[str] = set()

    def __call__(self, function: Any) -> Any:
        names = _languages(function)
        if names and names <= self.put:
            return None
        scope = PUT_IN(function)
        if not self.put:  # a launch, which takes out again what it has put in
            scope.restore = self._ended(scope.restore)
        self.put |= names
        return scope

    def _ended(self, restore: Any) -> Any:
        def ended() -> None:
            self.put.clear()
            restore()

        return ended


def like_a_gpu(patch: pytest.MonkeyPatch) -> None:
    """From here on tiles are reduced in halves and numbers rounded."""
    patch.setattr(interpreter, "_patch_lang", _Once())
    patch.setattr(interpreter, "_get_np_dtype", _in_numpy)
    patch.setattr(interpreter.ReduceOps, "generic_reduce", _in_halves)
    patch.setattr(interpreter, "_convert_float", _rounded)
