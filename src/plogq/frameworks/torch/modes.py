"""Who looks on while PyTorch computes: compilers, transforms, dispatch modes, autograd."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch.autograd import forward_ad

Tensor = torch.Tensor


PLAIN = (torch.Tensor, torch.nn.Parameter)


# Whether values are unknown for now, because a program is being recorded.
tracing = torch.compiler.is_compiling
# Whether it is recorded by following Python's code, which does not follow C++; asked of plain
# tensors, as what stands for values elsewhere is no plain tensor: it takes half the time.
followed = torch.compiler.is_dynamo_compiling


def forward_mode() -> bool:
    """Whether derivatives are carried along with values."""
    return forward_ad._current_level >= 0


functorch = cast("Any", torch._C)._functorch
_legacy = functorch.is_legacy_batchedtensor  # autograd.grad(is_grads_batched=True)


_functorch_active = torch._C._are_functorch_transforms_active


_modes = torch._C._len_torch_dispatch_stack


def _intercepted() -> bool:
    """Whether something else looks at every operation now: a transform, or a dispatch mode."""
    return forward_ad._current_level >= 0 or _functorch_active() or _modes() > 0


def transformed(x: Tensor) -> bool:
    """Whether forward mode or a transform of torch.func is at work on x."""
    if forward_ad._current_level >= 0 or _functorch_active():
        return True
    return not torch.compiler.is_compiling() and _legacy(x)


def ordinary(x: Tensor) -> bool:
    """Whether x is a tensor as such, and not one of the kinds that stand for something else."""
    return x.__class__ in PLAIN and not _intercepted() and not _legacy(x)


def plain(*arrays: Tensor) -> bool:
    """Whether these are ordinary tensors in this process's memory, whose values can be read."""
    if torch.compiler.is_compiling():
        return False
    if forward_ad._current_level >= 0 or _functorch_active() or _modes() > 0:
        return False
    for x in arrays:  # noqa: SIM110 - a generator takes longer than the checks
        if x.__class__ not in PLAIN or not x.is_cpu or _legacy(x):
            return False
    return True


def wants_gradient(x: Any) -> bool:
    """Whether a gradient with respect to x is asked for."""
    return isinstance(x, torch.Tensor) and x.requires_grad
