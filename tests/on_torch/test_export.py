"""torch.export of a module with a loss, and the operators that compiled programs call."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.library import opcheck

import plogq
from plogq import Labels, Logits, Probs, Smoothed, Weighted, cross_entropy

# Its import makes the operators; a compiled program imports it the same way.
from plogq.frameworks.torch import compiled as torch_ops
from plogq.pairing import Pair, prepare

from .pairs import PAIRS, Call

Tensor = torch.Tensor

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Model(torch.nn.Module):
    """A layer and the loss of what it puts out."""

    def __init__(self, reduction: str = "mean", linear: bool = False) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 5).double()
        self.reduction, self.linear = reduction, linear

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        p = Smoothed(Labels(y, ignore=-100), 0.1)
        q: Any = Logits(self.layer(x))
        if self.linear:
            q = plogq.LinearLogits(x, self.layer.weight, self.layer.bias)
        return cross_entropy(p, q, reduction=self.reduction)


def batch(n: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    y = torch.randint(0, 5, (n,), generator=generator)
    y[1] = -100
    return torch.randn(n, 3, generator=generator, dtype=torch.float64), y


@pytest.mark.parametrize("linear", [False, True], ids=["Logits", "LinearLogits"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_an_exported_module_gives_the_losses_of_the_module(reduction: str, linear: bool) -> None:
    """Of any number of events, and with the same refusal of a label that is no class."""
    model = Model(reduction, linear)
    events = torch.export.Dim("events", min=2, max=64)
    program = torch.export.export(
        model, batch(6), dynamic_shapes={"x": {0: events}, "y": {0: events}}
    )
    run = program.module()
    for n in (6, 11):
        torch.testing.assert_close(run(*batch(n)), model(*batch(n)), rtol=1e-12, atol=0)
    x, y = batch(6)
    y[3] = 5
    with pytest.raises(plogq.LabelError, match="label 5 at event 3 is outside the 5 classes"):
        run(x, y)


def test_an_exported_program_is_saved_and_loaded(tmp_path: Any) -> None:
    model = Model()
    program = torch.export.export(model, batch(6))
    torch.export.save(program, tmp_path / "loss.pt2")
    again = torch.export.load(tmp_path / "loss.pt2").module()
    torch.testing.assert_close(again(*batch(6)), model(*batch(6)), rtol=1e-12, atol=0)


def test_a_training_program_has_the_gradients_of_the_module() -> None:
    model = Model()
    run = torch.export.export(model, batch(6)).module()
    for module in (model, run):
        module(*batch(6)).backward()
    theirs = dict(run.named_parameters())
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(theirs[name].grad, parameter.grad, rtol=1e-12, atol=1e-15)


def test_the_program_holds_one_operator_for_the_loss() -> None:
    """Not the formula written out: the kernel runs in what was exported as well."""
    program = torch.export.export(Model("none"), batch(6))
    called = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    ours = [name for name in called if name.startswith("plogq.")]
    assert "plogq.losses.default" in ours
    assert not [name for name in called if name.startswith("aten.exp.")]


OPERATORS = [pair for pair in PAIRS[::2] if "smoothed>both_weights>" not in pair[0]]


def check_operators(pair: Pair, log_z: bool, patch: pytest.MonkeyPatch) -> None:
    """Schemas, fake results, autograd's registration, by PyTorch's own checks."""
    given: list[tuple[Any, ...]] = []
    losses = torch_ops.losses

    def spied(*arguments: Any) -> Any:
        given.append(arguments)
        return losses(*arguments)

    patch.setattr(torch_ops, "losses", spied)
    loss, found = torch_ops.recorded(pair.kernel, pair.measure, pair.scores, log_z)
    assert loss.shape == (3,)
    assert found.shape == loss.shape if log_z else found is None
    (arguments,) = given
    assert arguments[2] == pair.kernel.name
    # A dynamic AOT trace of autograd takes seconds; test_compile.py runs it for every pair.
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    opcheck(torch.ops.plogq.losses.default, arguments, test_utils=checks)
    arrays, places, *layout = arguments
    _, _, greatest, rest = losses(*arguments)
    plain = [x.detach() for x in arrays]
    d_loss, d_log_z = torch.ones_like(loss).detach(), torch.zeros_like(loss).detach()
    arguments = (plain, greatest, rest, d_loss, d_log_z, places, *layout)
    opcheck(torch.ops.plogq.gradients.default, arguments, test_utils=checks)


@pytest.mark.parametrize("log_z", [True, False], ids=["log Z", "no log Z"])
@pytest.mark.parametrize(("p", "q"), OPERATORS)
def test_operators_keep_what_they_promise(
    p: str, q: str, log_z: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Call(p, q)
    check_operators(prepare(*call.pair(*call.leaves())), log_z, monkeypatch)


@pytest.mark.slow
def test_operators_are_checked_through_aot_once() -> None:
    y, z = torch.tensor([0, 1, 2]), torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    w = torch.rand(3, dtype=torch.float64)

    def loss(y: Tensor, z: Tensor, w: Tensor) -> Tensor:
        return cross_entropy(Weighted(Labels(y), sample_weight=w), Logits(z))

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager", dynamic=True)
    torch.testing.assert_close(compiled(y, z, w), loss(y, z, w))
    p = torch.softmax(torch.randn(3, 4), -1)
    with torch.no_grad():
        got = torch.compile(
            lambda p, z: cross_entropy(Probs(p), Logits(z)), fullgraph=True, backend="aot_eager"
        )(p, z)
    torch.testing.assert_close(got, cross_entropy(Probs(p), Logits(z)).detach())
    torch.compiler.reset()
