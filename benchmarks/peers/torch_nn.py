"""PyTorch: torch.nn.functional, eager and through torch.compile, with its default threads.

The tensors share the arrays' memory. `.grad` is cleared in every call, as a training loop does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..case import Run

Loss = Callable[..., Any]


def tensor(x: Any) -> torch.Tensor:
    """The array as a tensor, without a copy."""
    if x.dtype.name == "bfloat16":
        return tensor(x.view(np.int16)).view(torch.bfloat16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # read-only inputs: nothing here writes to them
        return torch.from_numpy(x)


def same(loss: Loss) -> Loss:
    return loss


def compiled(loss: Loss) -> Loss:
    # Cases differ in shape, and Dynamo stops compiling after eight versions of one function.
    torch.compiler.reset()
    return torch.compile(loss, dynamic=False)


def _divergence(z: Any, p: Any) -> Any:
    return F.kl_div(F.log_softmax(z, dim=-1), p, reduction="batchmean")


def _linear(hidden: Any, weight: Any, bias: Any, y: Any) -> Any:
    return F.cross_entropy(F.linear(hidden, weight, bias), y)


def unfused(hidden: Any, weight: Any, y: Any) -> Any:
    return F.cross_entropy(F.linear(hidden, weight), y)


def fused(hidden: Any, weight: Any, y: Any) -> Any:
    # Without options it is the unfused layer by another name.
    options = torch.nn.LinearCrossEntropyOptions()
    return F.linear_cross_entropy(hidden, weight, y, options=options)


def _in_float32(hidden: Any, weight: Any, y: Any) -> Any:
    """Products and sums in float32; autograd rounds the gradients, once, to the inputs' type."""
    return unfused(hidden.float(), weight.float(), y)


def _between(z: Any, t: Any) -> Any:
    return F.kl_div(
        F.log_softmax(z, -1), F.log_softmax(t, -1), reduction="batchmean", log_target=True
    )


def _distilled(hidden: Any, weight: Any, of_teacher: Any, its_weight: Any) -> Any:
    return _between(hidden @ weight.T, of_teacher @ its_weight.T)


def _touched(z: Any, t: Any) -> Run:
    """Both arrays read, and as much written as a gradient takes."""
    inputs = tensor(z), tensor(t)
    out = torch.empty_like(inputs[0])

    def run() -> Any:
        torch.add(*inputs, out=out)

    return run


def _loss(loss: Loss, wrap: Callable[[Loss], Loss]) -> Callable[..., Run]:
    def prepare(*arrays: Any) -> Run:
        inputs, function = [tensor(x) for x in arrays], wrap(loss)

        def run() -> Any:
            with torch.no_grad():
                return function(*inputs)

        return run

    return prepare


def gradients(loss: Loss, wrap: Callable[[Loss], Loss], count: int = 1) -> Callable[..., Run]:
    """The loss, then backward() into fresh gradients of the first `count` inputs."""

    def prepare(*arrays: Any) -> Run:
        inputs, function = [tensor(x) for x in arrays], wrap(loss)
        leaves = [x.requires_grad_() for x in inputs[:count]]

        def run() -> Any:
            value = function(*inputs)
            value.backward()
            gradients = tuple(x.grad for x in leaves)
            for x in leaves:
                x.grad = None
            return value.detach(), gradients

        return run

    return prepare


def _table(wrap: Callable[[Loss], Loss]) -> dict[str, Callable[..., Run]]:
    return {
        "labels_loss": _loss(F.cross_entropy, wrap),
        "labels_grad": gradients(F.cross_entropy, wrap),
        "probs_grad": gradients(F.cross_entropy, wrap),
        "kl_grad": gradients(_divergence, wrap),
        "between_grad": gradients(_between, wrap),
        "distilled_grad": gradients(_distilled, wrap, count=2),
        "binary_grad": gradients(F.binary_cross_entropy_with_logits, wrap),
        "linear_grad": gradients(_linear, wrap, count=3),
        "unbiased_grad": gradients(unfused, wrap, count=2),
    }


EAGER = _table(same)
COMPILED = _table(compiled)
FUSED = {"unbiased_grad": gradients(fused, same, count=2)}
FLOAT32 = {"unbiased_grad": gradients(_in_float32, same, count=2)}
TOUCHED = {"between_grad": _touched}
