"""What PyTorch's losses have in common besides the loss: arguments, dtypes, means of nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn import _reduction

from ... import validation
from ...frameworks.torch.arrays import plain

Tensor = torch.Tensor


def reduction_name(size_average: Any, reduce: Any, reduction: str) -> str:
    """ "none", "mean" or "sum", with torch's own warnings for what it has deprecated.

    Raises:
        ValueError: another reduction, in torch's words.
    """
    if size_average is not None or reduce is not None:
        return _reduction.legacy_get_string(size_average, reduce)
    if reduction in ("mean", "sum", "none"):
        return reduction
    return ("none", "mean", "sum")[_reduction.get_enum(reduction)]


def require_tensors(function: str, **arguments: Any) -> None:
    """Refuse what is no tensor, as torch's argument parser does.

    Raises:
        TypeError: naming the argument.
    """
    for place, (name, x) in enumerate(arguments.items(), 1):
        if not isinstance(x, torch.Tensor) and (x is not None or place <= 2):
            raise TypeError(
                f"{function}(): argument '{name}' (position {place}) must be Tensor, not "
                f"{type(x).__name__}; write torch.as_tensor({name})"
            )


def require_floating(function: str, x: Tensor) -> None:
    """Refuse scores that are no floating-point numbers.

    Raises:
        NotImplementedError: which is torch's, a RuntimeError.
    """
    if not x.is_floating_point():
        raise NotImplementedError(
            f'"{function}" is not implemented for {scalar_type(x)!r}: input holds floating-point '
            "numbers, write input.float()"
        )


def scalar_type(x: Tensor) -> str:
    """The name that torch's messages have for the dtype of x."""
    return _SCALAR_TYPES.get(x.dtype, str(x.dtype).removeprefix("torch."))


_SCALAR_TYPES = {
    torch.float64: "Double",
    torch.float32: "Float",
    torch.float16: "Half",
    torch.bfloat16: "BFloat16",
    torch.int64: "Long",
    torch.int32: "Int",
    torch.int16: "Short",
    torch.int8: "Char",
    torch.uint8: "Byte",
    torch.bool: "Bool",
    torch.complex64: "ComplexFloat",
    torch.complex128: "ComplexDouble",
}


def unchecked() -> AbstractContextManager[Any]:
    """Without plogq's checks of probabilities and weights, which torch has not.

    While a program is being recorded none of them runs, and there is nothing to switch off.
    """
    return nullcontext() if torch.compiler.is_compiling() else validation("off")


def in_dtype(loss: Tensor, dtype: torch.dtype) -> Tensor:
    """The loss in torch's dtype; under autocast torch computes these losses in float32."""
    if loss.dtype is dtype:
        return loss
    if dtype.itemsize < 4 and torch.is_autocast_enabled(loss.device.type):
        return loss
    return loss.to(dtype)


def counted(mean: Tensor) -> bool:
    """Whether it is plain to see that the mean is of something: plogq's mean of nothing is 0."""
    return plain(mean) and bool(mean.detach())


def mean_of(mean: Tensor, mass: Any) -> Tensor:
    """plogq's mean, and NaN where the mass is 0: torch divides 0 by 0.

    The gradient there is 0, torch's as ours: plogq's mean of nothing has that gradient, and a
    division by True or False leaves it so.
    """
    return mean / (mass != 0)
