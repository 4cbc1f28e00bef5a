"""P and Q as arguments of Triton kernels: where arrays lie, what is per event, what is refused."""

# PyTorch types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingParameterType=false

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch

from ...arrays import torch as verbs
from ..contract import Measure

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
    if verbs.transformed(x):
        return "under forward mode and torch.func PyTorch's own operations are at work"
    if not torch.compiler.is_compiling() and not verbs.ordinary(x):
        return f"{role} is a {type(x).__name__}; these kernels take plain tensors"
    if x.dtype not in FLOATS:
        return f"{role} is {verbs.dtype_name(x)}; the kernels take float32, bfloat16 and float16"
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


def per_event(x: Any, events: tuple[int, ...]) -> Tensor | None:
    """x as one float64 per event without gaps, or None for None."""
    return None if x is None else x.to(torch.float64).broadcast_to(events).contiguous()


def per_class(x: Tensor | None) -> Tensor | None:
    """x [K] without gaps, or None for None."""
    return None if x is None else x.contiguous()


def upstream(x: Any, events: tuple[int, ...]) -> tuple[Tensor | None, float, int]:
    """What flows back: a tensor, a number that it is times, and the step between events."""
    if not isinstance(x, torch.Tensor):
        return None, float(x), 0
    if x.numel() == 1 or not any(x.stride()):
        return x, 1.0, 0
    return x.broadcast_to(events).contiguous(), 1.0, 1


def power_of_two(n: int) -> int:
    """The least power of two from n on."""
    return 1 << (n - 1).bit_length() if n > 1 else 1


def parts(measure: Measure) -> dict[str, Any]:
    """The weights of P as the kernels want them."""
    background = measure.background[0] if measure.background else None
    dense = measure.dense is not None
    return {
        "event_weight": per_event(measure.event, measure.events) if dense else None,
        "class_weight": per_class(measure.class_weight) if dense else None,
        "factor": None if background is None else per_event(background.factor, measure.events),
        "spread": None if background is None else per_class(background.classes),
    }


def mass_of(measure: Measure) -> Tensor | None:
    """The mass of every event, None where it is 1 by construction."""
    return None if measure.unit_mass() else per_event(measure.mass(verbs), measure.events)


def sparse_of(m: Measure) -> tuple[Tensor | None, Tensor | None, int]:
    """The sparse part of P without gaps, and how many entries an event has."""
    if m.index is None:
        return None, None, 0
    value = None if m.value is None else m.value.contiguous()
    return m.index.contiguous(), value, m.index.shape[-1]


class Entries(NamedTuple):
    """The sparse part of P with the entries of an event by class; `last` of each one's class."""

    classes: Tensor
    value: Tensor | None
    last: Tensor


def in_runs(index: Tensor, value: Tensor | None) -> Entries:
    """Entries [..., T] in the order of their classes, in time T log T."""
    index, order = index.sort(dim=-1, stable=True)
    last = torch.searchsorted(index, index, right=True) - 1
    return Entries(index, None if value is None else value.gather(-1, order), last)


def flowing(d_loss: Any, d_log_z: Any, events: tuple[int, ...], like: Tensor) -> dict[str, Any]:
    """What flows back to losses and to log Z, as the kernels' arguments on the device of `like`."""
    loss, number, step = upstream(d_loss, events)
    if not isinstance(d_log_z, torch.Tensor) and d_log_z:
        d_log_z = torch.full((), d_log_z, device=like.device)
    z, _, z_step = upstream(d_log_z, events)
    return {
        "d_loss": loss,
        "d_all": number,
        "loss_step": step,
        "d_log_z": z,
        "log_z_step": z_step,
    }
