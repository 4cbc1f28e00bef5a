"""PyTorch's modes: anomaly, determinism, checkpoints, autocast, meta tensors, fake tensors."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ClassVar

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint

import plogq

from .. import makers
from ..together import for_each
from .pairs import PAIRS, Call
from .tensors import on_torch, tensors

Tensor = torch.Tensor

every_pair = for_each(("p", "q"), PAIRS)
some_pairs = for_each(("p", "q"), PAIRS[::4])


def same(got: Any, want: Any) -> None:
    torch.testing.assert_close(got, want, rtol=0, atol=0, equal_nan=True)


def gradients(call: Call, reduction: str = "mean") -> tuple[Tensor, ...]:
    leaves = call.leaves()
    loss = call(*leaves, reduction=reduction)
    return (loss.detach(), *torch.autograd.grad(loss.sum(), leaves))


@every_pair
def test_deterministic_algorithms(p: str, q: str) -> None:
    """No operation without a deterministic form is used, and the numbers are the same."""
    call = Call(p, q)
    want = gradients(call)
    torch.use_deterministic_algorithms(True)
    try:
        same(gradients(call), want)
        leaves = call.leaves()
        first = torch.autograd.grad(call(*leaves), leaves, create_graph=True)
        torch.autograd.grad(sum(g.square().sum() for g in first), leaves, allow_unused=True)
        torch.func.vmap(lambda *x: call(*x, reduction="none"))(*(x[None] for x in call.inputs))
    finally:
        torch.use_deterministic_algorithms(False)


@some_pairs
@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_anomaly_mode(p: str, q: str) -> None:
    call = Call(p, q)
    want = gradients(call)
    with torch.autograd.detect_anomaly():
        same(gradients(call), want)


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled", "ignore:Error detected in")
def test_anomaly_mode_finds_a_nan_where_it_came_from(way: str) -> None:
    z = torch.tensor([[float("nan"), 0.0]], requires_grad=True)
    with torch.autograd.detect_anomaly():
        loss = plogq.cross_entropy(plogq.Labels(torch.tensor([0])), plogq.Logits(z))
        with pytest.raises(RuntimeError, match="returned nan values"):
            loss.backward()


@some_pairs
@for_each("use_reentrant", [False, True])
def test_checkpoints(use_reentrant: bool, p: str, q: str) -> None:
    """The forward runs again in backward."""
    for reduction in ("mean", "none"):
        call = Call(p, q)
        want = gradients(call, reduction)
        leaves = call.leaves()
        loss = checkpoint(call.by_option(reduction=reduction), *leaves, use_reentrant=use_reentrant)
        loss.sum().backward()
        same((loss.detach(), *(x.grad for x in leaves)), want)


@for_each("dtype", [torch.bfloat16, torch.float16])
def test_autocast_leaves_the_loss_alone(dtype: torch.dtype, way: str) -> None:
    """A loss is what autocast runs in float32; ours has float32 statistics whatever comes."""
    torch.manual_seed(2)
    x, layer = torch.randn(6, 4), torch.nn.Linear(4, 5)
    y = plogq.Labels(torch.randint(0, 5, (6,)))
    with torch.autocast("cpu", dtype):
        scores = layer(x)
        assert scores.dtype is dtype
        loss = plogq.cross_entropy(y, plogq.Logits(scores))
    assert loss.dtype is torch.float32
    loss.backward()
    assert layer.weight.grad.dtype is torch.float32
    leaf = scores.detach().requires_grad_()
    outside = plogq.cross_entropy(y, plogq.Logits(leaf))
    same(loss, outside)
    outside.backward()
    # And inside, with the backward inside as well: the same bits.
    again = scores.detach().requires_grad_()
    with torch.autocast("cpu", dtype):
        plogq.cross_entropy(y, plogq.Logits(again)).backward()
    same(again.grad, leaf.grad)


@for_each(("p", "q"), [pair for pair in PAIRS if pair[1][:6] != "Linear"])
def test_autocast_of_float32_scores_rounds_nothing(p: str, q: str) -> None:
    """Scores that came as float32 are not made bfloat16 on the way, twice differentiated or not."""
    call = Call(p, q)

    def found(create_graph: bool) -> tuple[Tensor, ...]:
        leaves = [x.detach().float().requires_grad_() for x in call.inputs]
        loss = call(*leaves, reduction="none")
        assert loss.dtype is torch.float32
        return (loss.detach(), *torch.autograd.grad(loss.sum(), leaves, create_graph=create_graph))

    for create_graph in (False, True):
        want = found(create_graph)
        with torch.autocast("cpu", torch.bfloat16):
            same(found(create_graph), want)


def test_autocast_of_linear_logits() -> None:
    """Products as autocast has them, statistics in float32, gradients in the tensors' dtypes."""
    torch.manual_seed(4)
    h, w = (torch.randn(n, 8, requires_grad=True) for n in (5, 7))
    y = torch.randint(0, 7, (5,))
    with torch.autocast("cpu", torch.bfloat16):
        loss = plogq.cross_entropy(plogq.Labels(y), plogq.LinearLogits(h, w))
    assert loss.dtype is torch.float32
    loss.backward()
    assert h.grad.dtype is w.grad.dtype is torch.float32
    want = torch.nn.functional.cross_entropy(h.detach() @ w.detach().T, y)
    torch.testing.assert_close(loss.detach(), want, rtol=0.03, atol=0.03)


@every_pair
@for_each("fake", [False, True], ids=["meta", "fake"])
def test_tensors_without_values_have_shapes_and_dtypes(fake: bool, p: str, q: str) -> None:
    """Nothing is read; forward, backward and the mean's divisor have the shapes of real ones."""
    call = Call(p, q)
    mode = FakeTensorMode() if fake else nullcontext()
    with mode:
        change = mode.from_tensor if isinstance(mode, FakeTensorMode) else _meta
        target, prediction = on_torch(call.p, change), on_torch(call.q, change)
        for reduction in ("mean", "none"):
            prediction = on_torch(prediction, _leaf)
            loss = plogq.cross_entropy(target, prediction, reduction=reduction)
            assert loss.dtype is torch.float64
            assert loss.shape == (() if reduction == "mean" else (3,))
            assert loss.device.type == ("cpu" if fake else "meta")
            leaves = tensors(prediction)
            found = torch.autograd.grad(loss.sum(), leaves)
            for x, g in zip(leaves, found, strict=True):
                assert (g.shape, g.dtype, g.device) == (x.shape, x.dtype, x.device)


def _meta(x: Tensor) -> Tensor:
    return torch.empty_like(x, device="meta")


def _leaf(x: Tensor) -> Tensor:
    return x.detach().requires_grad_()


@for_each("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_loss_of_a_meta_tensor_has_the_dtype_of_a_real_one(dtype: torch.dtype) -> None:
    z = torch.empty(4, 3, dtype=dtype, device="meta", requires_grad=True)
    y = torch.empty(4, dtype=torch.int64, device="meta")
    for options in ({}, {"reduction": "none"}, {"reduction": "sum", "z_loss": 0.1}):
        loss = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), **options)
        assert loss.dtype is (torch.float64 if dtype is torch.float64 else torch.float32)
        (gradient,) = torch.autograd.grad(loss.sum(), z)
        assert gradient.dtype is dtype
        assert gradient.is_meta


def test_log_z_entropy_and_divergence_of_meta_tensors() -> None:
    z = torch.empty(4, 3, device="meta")
    p = plogq.Probs(torch.empty(4, 3, device="meta"))
    assert plogq.log_normalizer(plogq.Logits(z)).shape == (4,)
    assert plogq.entropy(p).is_meta
    assert plogq.kl_divergence(p, plogq.Logits(z), reduction="none").shape == (4,)


def test_explain_says_what_runs_for_meta_tensors() -> None:
    z = torch.empty(4, 3, device="meta")
    said = str(
        plogq.explain(
            plogq.Labels(torch.empty(4, dtype=torch.int64, device="meta")), plogq.Logits(z)
        )
    )
    assert said.splitlines()[0] == "Labels × Logits on torch, meta: formula"


@for_each("name", ["Labels-plain", "Probs-smoothed"])
def test_the_default_dtype_and_device_change_nothing(name: str, rng: Any, way: str) -> None:
    """What is made on the way is made where the inputs are, in a dtype of its own."""
    p = on_torch(makers.TARGETS[name](rng, (5,), 4, "float32").target)
    q = on_torch(makers.logits(rng, (5,), 4, "float32").prediction)
    want = plogq.cross_entropy(p, q)
    torch.set_default_dtype(torch.float64)
    try:
        same(plogq.cross_entropy(p, q), want)
        with torch.device("meta"):
            same(plogq.cross_entropy(p, q), want)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_tensor_subclass_goes_through_the_formula() -> None:
    """What a subclass means by an operation is its own; its memory is not read behind its back."""

    class Traced(torch.Tensor):
        calls: ClassVar[list[str]] = []

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            cls.calls.append(getattr(func, "__name__", str(func)))
            return super().__torch_function__(func, types, args, kwargs or {})

    z = torch.randn(3, 4)
    y = plogq.Labels(torch.tensor([0, 1, 3]))
    q = plogq.Logits(z.clone().as_subclass(Traced))
    assert "formula" in str(plogq.explain(y, q)).splitlines()[0]
    assert "Traced" in str(plogq.explain(y, q))
    got = plogq.cross_entropy(y, q)
    torch.testing.assert_close(got.as_subclass(Tensor), plogq.cross_entropy(y, plogq.Logits(z)))
