"""What a tensor shows of itself: its kind, its numbers, what a call of a loss was given."""

from __future__ import annotations

from types import FrameType
from typing import Any, cast

import torch

from ..facts import Array, Made
from .evidence import Numbers
from .places import is_library

_BLANK = Array()
_PLAIN_DISPATCH = cast("Any", torch.Tensor).__torch_dispatch__
_wrapped = cast("Any", torch._C)._functorch.is_functorch_wrapped_tensor


def tells(value: Array) -> bool:
    """Whether more is known than a shape."""
    return bool(
        value.made is not None or value.by or value.rising is not None or value.low is not None
    )


def plain(x: torch.Tensor) -> Array:
    """What a tensor shows of itself."""
    if x.is_nested:
        return Array(kind=kind_of(x))  # rows of several lengths have no shape
    made = Made.PARAMETER if x.requires_grad and x.is_leaf else None
    return _BLANK.but(made=made, shape=tuple(x.shape), kind=kind_of(x), batched=x.dim() >= 2)


def kind_of(x: torch.Tensor) -> str:
    """The kind of its numbers."""
    if x.dtype is torch.bool:
        return "bool"
    return "float" if x.dtype.is_floating_point or x.dtype.is_complex else "int"


def read(x: torch.Tensor) -> Numbers | None:
    """The numbers of a tensor's first events; None where they cannot be read without a change."""
    kind = type(x)
    if kind is not torch.Tensor and kind is not torch.nn.Parameter:
        dispatch = getattr(kind, "__torch_dispatch__", None)
        if dispatch is not None and dispatch is not _PLAIN_DISPATCH:
            return None
    if x.is_meta or x.layout is not torch.strided or x.is_quantized or x.dtype.is_complex:
        return None
    try:
        if _wrapped(x):
            return None
        with torch._C.DisableTorchFunction():
            out = x.detach()
            if out.numel() > 1 << 20 and out.dim():
                out = out[: max(1, (1 << 20) // max(1, out.numel() // out.shape[0]))]
            if out.dtype in (torch.bfloat16, torch.float16):
                out = out.float()
            return out.cpu().numpy()
    except (RuntimeError, TypeError, NotImplementedError):
        return None


def options_of(given: dict[str, Any]) -> dict[str, object]:
    """The options of a call that a rule asks for, less defaults."""
    out: dict[str, object] = {}
    for name in ("reduction", "log_target", "ignore_index"):
        if name in given and given[name] is not None:
            out[name] = given[name]
    if out.get("ignore_index") == -100:
        del out["ignore_index"]
    if given.get("size_average") is False:
        out["reduction"] = "sum"
    if given.get("reduce") is False:
        out["reduction"] = "none"
    return out


def library_of(frame: FrameType | None, outer: FrameType | None) -> str:
    """The library that called the loss, where it is neither PyTorch nor the user."""
    while frame is not None and frame is not outer:
        name = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if name not in ("torch", "plogq") and is_library(frame.f_code):
            return name
        frame = frame.f_back
    return ""
