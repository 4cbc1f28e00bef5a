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


def test_compiled_gives_the_same_numbers() -> None:
    """All in one graph, each on a row of its own: what breaks it is named by its line."""
    generator = torch.Generator().manual_seed(0)
    shape = (len(CALLS), 4, 5)
    x = torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_()
    t = torch.rand(shape, dtype=torch.float64, generator=generator).requires_grad_()

    def every(x: Any, t: Any) -> list[Any]:
        return [call(x[i], t[i]) for i, call in enumerate(CALLS.values())]

    found: list[list[Any]] = []
    for run in (torch.compile(every, fullgraph=True, backend="aot_eager"), every):
        out = run(x, t)
        found.append([*out, *torch.autograd.grad(sum(loss.sum() for loss in out), (x, t))])
    names = [*CALLS, "gradients of x", "gradients of t"]
    for name, got, want in zip(names, *found, strict=True):
        torch.testing.assert_close(got, want, msg=lambda m, name=name: f"{name}: {m}")
    # Of one class the loss is 0, and "linear" is of t alone.
    assert found[0][-2].flatten(1).any(1).sum() == len(CALLS) - 2


def test_a_label_outside_the_classes_raises_when_the_program_runs() -> None:
    compiled = torch.compile(compat.cross_entropy, fullgraph=True, backend="aot_eager")
    x = torch.zeros(2, 3)
    assert compiled(x, torch.tensor([0, 2])).isfinite()
    with pytest.raises(ValueError, match="label 3 at event 1 is outside the 3 classes"):
        compiled(x, torch.tensor([0, 3]))
