"""torch's loss modules with plogq's losses inside.

Each is torch's own class, of which only `forward` is another: arguments, buffers, attributes,
state_dict and repr are inherited, and `isinstance` still says yes.
"""

from __future__ import annotations

from typing import Any

import torch

from ..declared import declares_as
from . import classes, elementwise, linear

Tensor = torch.Tensor


@declares_as("torch", "CrossEntropyLoss", "cross_entropy")
class CrossEntropyLoss(torch.nn.CrossEntropyLoss):
    """`torch.nn.CrossEntropyLoss`, computed by `plogq.compat.torch.cross_entropy`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return classes.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


@declares_as("torch", "NLLLoss", "nll_loss")
class NLLLoss(torch.nn.NLLLoss):
    """`torch.nn.NLLLoss`, computed by `plogq.compat.torch.nll_loss`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return classes.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


@declares_as("torch", "BCELoss", "binary_cross_entropy")
class BCELoss(torch.nn.BCELoss):
    """`torch.nn.BCELoss`, computed by `plogq.compat.torch.binary_cross_entropy`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return elementwise.binary_cross_entropy(
            input, target, weight=self.weight, reduction=self.reduction
        )


@declares_as("torch", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits")
class BCEWithLogitsLoss(torch.nn.BCEWithLogitsLoss):
    """`torch.nn.BCEWithLogitsLoss`, by `plogq.compat.torch.binary_cross_entropy_with_logits`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return elementwise.binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )


@declares_as("torch", "KLDivLoss", "kl_div")
class KLDivLoss(torch.nn.KLDivLoss):
    """`torch.nn.KLDivLoss`, computed by `plogq.compat.torch.kl_div`."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return elementwise.kl_div(
            input, target, reduction=self.reduction, log_target=self.log_target
        )


if hasattr(torch.nn, "LinearCrossEntropyLoss"):

    @declares_as("torch", "LinearCrossEntropyLoss", "linear_cross_entropy")
    class LinearCrossEntropyLoss(torch.nn.LinearCrossEntropyLoss):
        """`torch.nn.LinearCrossEntropyLoss`, by `plogq.compat.torch.linear_cross_entropy`."""

        def forward(self, input: Tensor, target: Tensor) -> Tensor:
            shape = (self.num_classes, *self.out_features)
            held: Any = self.linear
            return linear.linear_cross_entropy(
                input,
                held.weight.reshape(*shape, held.in_features),
                target,
                linear_bias=None if held.bias is None else held.bias.reshape(shape),
                weight=self.weight,
                reduction=self.reduction,
                ignore_index=self.ignore_index,
                label_smoothing=self.label_smoothing,
                options=self.options,
            )
