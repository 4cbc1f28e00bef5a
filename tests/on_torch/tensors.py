"""The representations that the makers give, with tensors in place of their arrays, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from plogq.kernels import table

from ..bounds import BFLOAT16
from ..rebuilt import HELD, WEIGHTS, Change, rebuilt

Array = npt.NDArray[Any]
Tensor = torch.Tensor

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
# The C++ kernel on the tensors' own memory, and the formula in PyTorch's own operations.
WAYS = ("cpu", "formula")


def tensor(x: npt.ArrayLike, device: str = "cpu") -> Tensor:
    """A tensor of the same values and dtype, in memory of its own."""
    x = np.array(x)
    if x.dtype == BFLOAT16:
        return torch.from_numpy(x.view(np.uint16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(x).to(device)


def array(x: Tensor) -> Array:
    """The values of a tensor, in NumPy's dtype of the same name."""
    x = x.detach().cpu()
    if x.dtype is torch.bfloat16:
        return x.contiguous().view(torch.uint16).numpy().view(BFLOAT16)
    return x.numpy()


def leaf(x: npt.ArrayLike, device: str = "cpu") -> Tensor:
    return tensor(x, device).requires_grad_()


def dtype_of(x: Tensor) -> np.dtype[Any]:
    return array(x[:0] if x.ndim else x).dtype


def on_torch(r: Any, change: Change = tensor) -> Any:
    """The same P or Q with `change` of every array in place of it."""
    return rebuilt(r, change)


def tensors(r: Any) -> list[Tensor]:
    """Every tensor that a representation holds, those of what it wraps first."""
    inner = tensors(r.target) if hasattr(r, "target") else []
    each = [getattr(r, n, None) for n in (*HELD, *WEIGHTS)]
    flat = [x for held in each for x in (held if isinstance(held, tuple) else (held,))]
    return [*inner, *(x for x in flat if isinstance(x, torch.Tensor))]


def recorded(r: Any) -> Any:
    """The same representation, its floating-point tensors leaves that require gradients."""
    return on_torch(r, lambda x: x.detach().clone().requires_grad_(x.is_floating_point()))


def leaves(q: Any) -> dict[str, Tensor]:
    """Q's tensors under their own names."""
    return {n: getattr(q, n) for n in HELD if getattr(q, n, None) is not None}


@contextmanager
def by(way: str) -> Iterator[None]:
    """Inside this block pairs go one of the WAYS, or by the kernel of another name."""
    if way == "cpu":
        yield
        return
    with table.using(way):
        yield
