"""torch.compile and torch.export call the kernels in Triton through the custom operators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq.frameworks.torch import compiled as torch_ops

from ..on_torch.pairs import Call
from ..on_torch.test_export import check_operators
from .device import DEVICE, kernel_of, put
from .test_autograd import PAIRS

Tensor = torch.Tensor

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.usefixtures("triton_first"),
]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels that recorded programs are made with, as they are made."""
    names: list[str] = []
    kernel = torch_ops._kernel

    def spied(layout: Any, *given: Any) -> Any:
        names.append(layout.kernel)
        return kernel(layout, *given)

    monkeypatch.setattr(torch_ops, "_kernel", spied)
    return names


@pytest.mark.slow
def test_a_compiled_program_calls_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair with log Z and without, in one graph, and the gradient of all."""
    names = called(monkeypatch)
    calls = [Call(p, q, np.float32, (3,), 4, put) for p, q in PAIRS]
    sizes = [len(call.inputs) for call in calls]

    def run(*inputs: Tensor) -> Tensor:
        total, first = inputs[0].new_zeros(()), 0
        for i, (call, size) in enumerate(zip(calls, sizes, strict=True)):
            own = inputs[first : first + size]
            total = total + plogq.cross_entropy(*call.pair(*own), z_loss=0.25 * (i % 2))
            first += size
        return total

    leaves = [x for call in calls for x in call.leaves()]
    with plogq.validation("off"):
        compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
        got = compiled(*leaves)
        grads = torch.autograd.grad(got, leaves, materialize_grads=True)
        want = run(*leaves)
        wanted = torch.autograd.grad(want, leaves, materialize_grads=True)
    assert names
    assert set(names) == {"triton"}
    torch.testing.assert_close(got, want, rtol=1e-6, atol=0)
    for a, b in zip(grads, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


class Model(torch.nn.Module):
    """A layer and the loss of what it puts out."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 5, device=DEVICE)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        p = plogq.Smoothed(plogq.Labels(y, ignore=-100), 0.1)
        stored = plogq.cross_entropy(p, plogq.Logits(self.layer(x)))
        q = plogq.LinearLogits(x, self.layer.weight, self.layer.bias)
        return stored + plogq.cross_entropy(p, q)


def batch(n: int) -> tuple[Tensor, Tensor]:
    y = torch.arange(n, device=DEVICE) % 5
    y[1] = -100
    return torch.linspace(-1, 1, 3 * n, device=DEVICE).view(n, 3), y


def test_an_exported_program_runs_them_for_any_number_of_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = called(monkeypatch)
    model = Model()
    events = torch.export.Dim("events", min=2, max=64)
    program = torch.export.export(
        model, batch(6), dynamic_shapes={"x": {0: events}, "y": {0: events}}
    )
    run = program.module()
    for n in (6, 11):
        torch.testing.assert_close(run(*batch(n)), model(*batch(n)), rtol=1e-6, atol=0)
    assert set(names) == {"triton"}


@pytest.mark.parametrize(
    ("p", "q", "log_z"),
    [(*PAIRS[0], True), *((*pair, i % 2 == 1) for i, pair in enumerate(PAIRS))],
)
def test_operators_keep_what_they_promise(
    p: str, q: str, log_z: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Call(p, q, np.float32, (3,), 4, put)
    pair = kernel_of(*call.pair(*call.leaves()))
    assert pair.kernel.name == "triton"
    check_operators(pair, log_z, monkeypatch)
