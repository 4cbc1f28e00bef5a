"""plogq.compat.torch with few classes, and with one, whose log-probability need not be 0."""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F

from plogq.compat import torch as compat

from ..together import for_each

GENERATOR = torch.Generator().manual_seed(5)
SHAPES = [(1,), (4, 1), (2, 1, 3), (0, 1), (4, 2), (2, 3, 3)]
WEIGHTS = {
    "none": lambda k, dtype: None,
    "some": lambda k, dtype: torch.linspace(0.25, 3.0, k + 1, dtype=dtype)[1:],
    "nothing": lambda k, dtype: torch.zeros(k, dtype=dtype),
}


def outcome(loss: Any, x: torch.Tensor, *args: Any, **options: Any) -> list[Any]:
    """The loss and its gradient."""
    leaf = x.clone().requires_grad_()
    found = loss(leaf, *args, **options)
    found.sum().backward()
    return [found.detach(), leaf.grad]


@for_each("dtype", [torch.float32, torch.float64], ids=str)
@for_each("weight", WEIGHTS)
@for_each("shape", SHAPES, ids=str)
def test_every_option_is_that_of_torch(shape: Any, weight: str, dtype: torch.dtype) -> None:
    axis = min(1, len(shape) - 1)
    classes = shape[axis]
    x = torch.randn(shape, generator=GENERATOR, dtype=dtype)
    w: Any = WEIGHTS[weight](classes, dtype)
    y = torch.zeros(shape[:axis] + shape[axis + 1 :], dtype=torch.long)
    y.view(-1)[::2] = -100
    for reduction, ignored in product(("none", "sum", "mean"), (-100, 0)):
        labels = y if ignored == -100 else y.clamp_min(0)
        options: Any = {"weight": w, "reduction": reduction, "ignore_index": ignored}
        calls = [("nll_loss", options)]
        calls += [("cross_entropy", {**options, "label_smoothing": a}) for a in (0.0, 0.25, 1.0)]
        for name, given in calls:
            want = outcome(getattr(F, name), x, labels, **given)
            got = outcome(getattr(compat, name), x, labels, **given)
            if weight == "nothing" and reduction == "mean":
                # The gradient of a mean of nothing is 0 here, and NaN there.
                want[1].nan_to_num_(0.0)
            torch.testing.assert_close(got, want, equal_nan=True)


def test_a_weight_of_one_class_counts() -> None:
    x, y, w = torch.tensor([[-0.5], [-2.0]]), torch.tensor([0, 0]), torch.tensor([3.0])
    assert compat.nll_loss(x, y, w, reduction="sum") == 7.5
    assert compat.nll_loss(x, y, w) == 1.25
    module = compat.NLLLoss(weight=w, reduction="none")
    torch.testing.assert_close(module(x, y), torch.nn.NLLLoss(w, reduction="none")(x, y))


@for_each("other", [torch.float32, torch.float64], ids=str)
def test_a_soft_target_of_one_class_has_the_dtype_that_torch_gives_it(other: torch.dtype) -> None:
    x, p, w = torch.ones(2, 1), torch.ones(2, 1), torch.ones(1, dtype=other)
    for reduction in ("none", "sum", "mean"):
        want = F.cross_entropy(x, p, w, reduction=reduction)
        torch.testing.assert_close(compat.cross_entropy(x, p, w, reduction=reduction), want)
