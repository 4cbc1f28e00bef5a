"""torch's losses under plogq inside torch.compile, as one graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import plogq.compat.torch as compat

# Recording a function of autograd, torch.compile makes one, which torch itself has deprecated.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]

Y = torch.tensor([0, 4, -100, 2])
W = torch.tensor([0.5, 1.0, 3.0, 0.25, 2.0], dtype=torch.float64)

Call = Callable[[Any, Any], Any]
CALLS: dict[str, Call] = {
    "labels": lambda x, t: compat.cross_entropy(x, Y),
    "labels, every option": lambda x, t: compat.cross_entropy(x, Y, W, label_smoothing=0.1),
    "labels, none": lambda x, t: compat.cross_entropy(x, Y, reduction="none"),
    "probabilities": lambda x, t: compat.cross_entropy(x, t, W, label_smoothing=0.1),
    "log-probabilities": lambda x, t: compat.nll_loss(x.log_softmax(1), Y, W),
    "binary": lambda x, t: compat.binary_cross_entropy(x.sigmoid(), t, W),
    "binary scores": lambda x, t: compat.binary_cross_entropy_with_logits(x, t, W),
    "binary scores, pos_weight": lambda x, t: compat.binary_cross_entropy_with_logits(
        x, t, pos_weight=W
    ),
    "divergence": lambda x, t: compat.kl_div(x.log_softmax(1), t, reduction="batchmean"),
    "divergence, none": lambda x, t: compat.kl_div(x, t, reduction="none"),
    "linear": lambda x, t: compat.linear_cross_entropy(t, x.new_ones(5, 5).tril(), Y),
    "module": lambda x, t: compat.CrossEntropyLoss(weight=W, ignore_index=4)(x, Y.clamp_min(0)),
    "one class": lambda x, t: compat.cross_entropy(x[:, :1], Y.clamp_max(0)),
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("name", CALLS)
def test_compiled_gives_the_same_numbers(name: str) -> None:
    f = CALLS[name]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 5, dtype=torch.float64, generator=generator).requires_grad_()
    t = torch.rand(4, 5, dtype=torch.float64, generator=generator).requires_grad_()
    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
    found = []
    for g in (compiled, f):
        out = g(x, t)
        gradients = torch.autograd.grad(out.sum(), (x, t), allow_unused=True)
        found.append([out, *(y for y in gradients if y is not None)])
    torch.testing.assert_close(*found)
    assert len(found[0]) > 1


def test_a_label_outside_the_classes_raises_when_the_program_runs() -> None:
    compiled = torch.compile(compat.cross_entropy, fullgraph=True, backend="aot_eager")
    x = torch.zeros(2, 3)
    assert compiled(x, torch.tensor([0, 2])).isfinite()
    with pytest.raises(ValueError, match="label 3 at event 1 is outside the 3 classes"):
        compiled(x, torch.tensor([0, 3]))
