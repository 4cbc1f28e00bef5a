"""What the operators of `compiled.py` and `compiled_pairs.py` share: how one is declared with the
fields of a layout, and the derivative of a gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

import torch
from torch import Tensor
from torch.library import custom_op

from .uncompiled_derivatives import in_operations

_KINDS = {str: "str", int: "SymInt", bool: "bool"}


def operator(name: str, layout: type, given: str, results: str) -> Callable[..., Any]:
    """Makes a function an operator: of what is given, then of the fields of a layout."""
    fields = ", ".join(f"{_KINDS[kind]} {field}" for field, kind in get_type_hints(layout).items())
    return custom_op(name, mutates_args=(), schema=f"({given}, {fields}) -> {results}")


def again(
    kept: Sequence[Tensor], rebuilt: Callable[[Sequence[Tensor]], Any], upstream: list[Tensor]
) -> tuple[list[Tensor | None], Tensor | None, Tensor | None]:
    """The derivative of gradients, through the formula in PyTorch's own operations, by the arrays,
    d_loss and d_log_z that were kept; `rebuilt` makes of arrays the call, all of its arrays, and
    which of these the gradients are of."""
    with torch.enable_grad():
        saved = [x.detach().requires_grad_(x.is_floating_point()) for x in kept]
        *arrays, d_loss, d_log_z = saved
        call, found, needs = rebuilt(arrays)
        made = [g for g in in_operations(call, found, needs, d_loss, d_log_z) if g is not None]
        leaves = [x for x in saved if x.requires_grad]
        grads = iter(torch.autograd.grad(made, leaves, upstream, allow_unused=True))
    each = [next(grads) if x.requires_grad else None for x in saved]
    *of_arrays, of_loss, of_log_z = each
    return of_arrays, of_loss, of_log_z
