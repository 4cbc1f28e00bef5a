"""torch.nn.functional and plogq on tensors: eager and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from ..case import Run
from ..peers.torch_nn import compiled, same, tensor
from .losses import EPSILON, IGNORED, Loss, Prepare, pair

PEER: dict[str, Loss] = {
    "labels": lambda z, y, w: F.cross_entropy(z, y),
    "ignored": lambda z, y, w: F.cross_entropy(z, y, ignore_index=IGNORED),
    "smoothed": lambda z, y, w: F.cross_entropy(z, y, weight=w, label_smoothing=EPSILON),
    "soft": lambda z, p, w: F.cross_entropy(z, p),
    "yes/no": lambda z, y, w: F.binary_cross_entropy_with_logits(z, y),
    "none": lambda z, y, w: F.cross_entropy(z, y, reduction="none"),
}
DTYPES = ("float32", "bfloat16")


def _taken(wrap: Callable[[Any], Any]) -> Prepare:
    def prepare(loss: Loss, arrays: Any, gradient: bool) -> Run:
        z, target, weight = map(tensor, arrays)
        # F.cross_entropy takes class weights of the scores' type alone.
        weight = weight.to(z.dtype)
        function = wrap(loss)
        if not gradient:

            def forward() -> Any:
                with torch.no_grad():
                    return function(z, target, weight)

            return forward
        leaf = z.detach().requires_grad_()
        ones = torch.ones(())

        def both() -> Any:
            value = function(leaf, target, weight)
            value.backward(ones.to(value.dtype).expand(value.shape) if value.ndim else None)
            found, leaf.grad = leaf.grad, None
            return value.detach(), found

        return both

    return prepare


WAYS = {"eager": pair(_taken(same), PEER), "compiled": pair(_taken(compiled), PEER)}
