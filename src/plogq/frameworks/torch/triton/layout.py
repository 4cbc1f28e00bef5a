"""Where tensors lie as Triton kernels take them, and which tensors those are."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

from ..modes import ordinary, transformed

Tensor = torch.Tensor


INSTALLED = find_spec("triton") is not None


# Triton looks at this once, too: when a kernel is defined.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


FLOATS = (torch.float32, torch.bfloat16, torch.float16)


def refuses(x: Tensor, role: str) -> str | None:
    """Why the kernels cannot take x, or None."""
    if not INSTALLED:
        return "Triton is not installed; PyTorch's CUDA builds bring it, else pip install triton"
    if not x.is_cuda and not (INTERPRETED and x.is_cpu):
        return (
            f"{role} is on {x.device}; these kernels run on CUDA and ROCm (and on the CPU where "
            "TRITON_INTERPRET=1 asks for Triton's interpreter, which is for tests)"
        )
    if not torch.compiler.is_compiling() and _too_late():
        return (
            "TensorFlow was imported before Triton, and a process does not survive loading their "
            "two LLVMs in that order; write import triton before import tensorflow"
        )
    if transformed(x):
        return "under forward mode and torch.func PyTorch's own operations are at work"
    if not torch.compiler.is_compiling() and not ordinary(x):
        return f"{role} is a {type(x).__name__}; these kernels take plain tensors"
    if x.dtype not in FLOATS:
        kind = str(x.dtype).removeprefix("torch.")
        return f"{role} is {kind}; the kernels take float32, bfloat16 and float16"
    return None


def _too_late() -> bool:
    # This part of it loads the LLVM; a file of somebody's own may have the name alone.
    return "tensorflow.python" in sys.modules and "triton" not in sys.modules


def on(x: Tensor) -> AbstractContextManager[Any]:
    """Inside, kernels are launched on the device of x."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


class Runs(NamedTuple):
    """Where events lie: event e at (e // length) · outer + (e % length) · inner."""

    outer: int
    length: int
    inner: int


def runs(x: Tensor, axis: int) -> Runs | None:
    """How the events of x lie in memory, or None where they lie in more than two ways at once."""
    found: list[tuple[int, int]] = []
    for i, (n, step) in enumerate(zip(x.shape, x.stride(), strict=True)):
        if i == axis or n == 1:
            continue
        if found and found[-1][1] == n * step:
            found[-1] = (found[-1][0] * n, step)
        else:
            found.append((n, step))
    if len(found) > 2:
        return None
    if len(found) == 2:
        return Runs(found[0][1], found[1][0], found[1][1])
    return Runs(found[0][1] if found else 0, 1, 0)


def laid_out(x: Tensor, axis: int) -> tuple[Tensor, Runs, int]:
    """x, or a copy of it where its events lie in too many ways; its runs; the step of a class."""
    found = runs(x, axis)
    if found is None:
        x = x.contiguous()
        found = runs(x, axis)
    assert found is not None
    return x, found, x.stride(axis)


def per_class(x: Tensor | None) -> Tensor | None:
    """x [K] without gaps, or None for None."""
    return None if x is None else x.contiguous()


def power_of_two(n: int) -> int:
    """The least power of two from n on."""
    return 1 << (n - 1).bit_length() if n > 1 else 1


_TILE, _WARPS = 2048, 4  # elements of a tile of stored scores, and warps that share them


def tiles(events: int, x: Tensor, axis: int) -> dict[str, int]:
    """Events and classes of a tile: lanes along whichever lie closest in memory."""
    axis %= x.ndim
    classes = x.shape[axis]
    near = x.stride(axis) == 1 or x.numel() == classes
    block = min(power_of_two(classes), _TILE if near else 16)
    rows = min(power_of_two(events), max(1, _TILE // block))
    return {"ROWS": rows, "BLOCK": block, "num_warps": _WARPS}
