"""The closed-form gradients under PyTorch's autograd: checked by differences, and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import plogq

from .. import makers
from ..together import for_each
from .pairs import PAIRS, Call
from .tensors import WAYS, by

Tensor = torch.Tensor

every_pair = for_each(("p", "q"), PAIRS)


def close(got: Any, want: Any, **options: Any) -> None:
    torch.testing.assert_close(got, want, **{"rtol": 1e-10, "atol": 1e-12, **options})


@every_pair
@for_each("reduction", ["none", "mean"])
def test_gradients_are_the_slopes_of_the_loss(p: str, q: str, reduction: str) -> None:
    """With respect to every tensor of P and Q; the mean's divisor depends on P as well."""
    call = Call(p, q)
    assert gradcheck(
        call.by_option(reduction=reduction),
        call.leaves(),
        check_forward_ad=True,
        check_backward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
        fast_mode=True,
    )


@every_pair
def test_gradients_of_gradients_are_the_slopes_of_the_gradients(p: str, q: str) -> None:
    call = Call(p, q, events=(2,))
    for options in ({"reduction": "none"}, {"reduction": "mean"}):
        assert gradgradcheck(
            call.by_option(**options), call.leaves(), check_batched_grad=True, fast_mode=True
        )


@for_each("q", ["Logits", "Logits(softcap)", "LinearLogits(bias)", "BinaryLogits"])
def test_the_z_loss_and_log_z_have_gradients(q: str) -> None:
    p = "BinaryProbs(soft)-both_weights" if q[0] == "B" else "Probs-both_weights"
    call = Call(p, q, events=(2,))
    for options in ({"reduction": "none"}, {"reduction": "mean"}, {"normalizer": 3}):
        loss = call.by_option(z_loss=0.25, **options)
        assert gradcheck(
            loss, call.leaves(), check_forward_ad=True, check_batched_grad=True, fast_mode=True
        )
        # A number that divides is a number there too.
        assert "normalizer" in options or gradgradcheck(loss, call.leaves(), fast_mode=True)

    def log_z(*of_q: Tensor) -> Tensor:
        return plogq.log_normalizer(call.pair(*call.of_p, *of_q)[1])

    leaves = call.leaves()[len(call.of_p) :]
    assert gradcheck(log_z, leaves, check_forward_ad=True, check_batched_grad=True)
    assert gradgradcheck(log_z, leaves)


@for_each(
    ("p", "q", "way"),
    [(*pair, way) for pair in PAIRS for way in WAYS if (way, pair[1][:6]) != ("formula", "Linear")],
)
def test_gradients_are_those_of_the_textbook(p: str, q: str, way: str) -> None:
    """Autograd through -(p * log_softmax(s)).sum(), in float64 and by either way."""
    call = Call(p, q, events=(2, 3), classes=6)
    ours, theirs = call.leaves(), call.leaves()
    weight = torch.linspace(-1, 2, 6, dtype=torch.float64).view(2, 3)
    with by(way):
        loss = call(*ours, reduction="none")
        (loss * weight).sum().backward()
    want = call.plainly(*theirs, reduction="none")
    (want * weight).sum().backward()
    close(loss, want)
    for a, b in zip(ours, theirs, strict=True):
        close(a.grad, torch.zeros_like(a) if b.grad is None else b.grad)
    ours, theirs = call.leaves(), call.leaves()
    with by(way):
        loss = call(*ours)
    want = call.plainly(*theirs)
    close(loss, want)
    close(torch.autograd.grad(loss, ours), torch.autograd.grad(want, theirs))


@every_pair
def test_a_hessian_vector_product_is_that_of_the_textbook(p: str, q: str) -> None:
    """A third of the work of a Hessian, and what second-order optimisers run."""
    call = Call(p, q, events=(4,), classes=5)

    def product(loss: Any) -> tuple[Tensor, ...]:
        leaves = call.leaves()
        first = torch.autograd.grad(loss(*leaves), leaves, create_graph=True)
        generator = torch.Generator().manual_seed(3)
        along = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in leaves]
        dot = sum((g * v).sum() for g, v in zip(first, along, strict=True))
        return torch.autograd.grad(dot, leaves, materialize_grads=True)

    close(product(call), product(call.plainly))


def test_a_third_derivative() -> None:
    call = Call("Probs-smoothed", "Logits", events=(1,), classes=3)

    def third(loss: Any) -> tuple[Tensor, ...]:
        leaves = call.leaves()
        found: Any = loss(*leaves)
        for _ in range(2):
            found = torch.autograd.grad(found, leaves, create_graph=True)
            found = sum((g**2).sum() for g in found)
        return torch.autograd.grad(found, leaves)

    close(third(call), third(call.plainly))


@for_each("reduction", ["mean", "none"])
def test_a_graph_that_is_kept_can_be_run_again(reduction: str, way: str) -> None:
    call = Call("Probs-both_weights", "Logits")
    leaves = call.leaves()
    loss = call(*leaves, reduction=reduction).sum()
    first = torch.autograd.grad(loss, leaves, retain_graph=True)
    again = torch.autograd.grad(loss, leaves, retain_graph=True)
    close(first, again, rtol=0, atol=0)
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()
    close(tuple(x.grad for x in leaves), first, rtol=0, atol=0)


@every_pair
def test_each_tensor_may_be_the_only_one_that_requires_a_gradient(p: str, q: str) -> None:
    call = Call(p, q)
    leaves = call.leaves()
    want = torch.autograd.grad(call(*leaves, reduction="none").sum(), leaves)
    for i, expected in enumerate(want):
        alone = [x.detach().clone().requires_grad_(i == j) for j, x in enumerate(leaves)]
        for create_graph in (False, True):
            loss = call(*alone, reduction="none").sum()
            (got,) = torch.autograd.grad(loss, [alone[i]], create_graph=create_graph)
            close(got, expected)


def test_without_anything_to_differentiate_no_graph_is_made(way: str) -> None:
    call = Call("Labels-both_weights", "Logits")
    for reduction in ("mean", "none"):
        assert not call(*call.inputs, reduction=reduction).requires_grad
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                loss = call(*call.leaves(), reduction=reduction)
                assert not loss.requires_grad
                assert loss.is_inference() is (mode is torch.inference_mode)
                close(loss, call(*call.inputs, reduction=reduction))


def test_inference_tensors_are_taken(way: str) -> None:
    with torch.inference_mode():
        call = Call("Probs-smoothed", "Logits")
        held = call(*call.inputs)
    close(call(*call.inputs), held.clone())


@for_each("reduction", ["mean", "none", "sum"])
def test_a_gradient_has_its_inputs_dtype_whatever_flows_back(reduction: str, way: str) -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        z = torch.randn(3, 4).to(dtype).requires_grad_()
        p = torch.full((3, 4), 0.25, dtype=torch.float32, requires_grad=True)
        loss = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z), reduction=reduction)
        assert loss.dtype is (torch.float64 if dtype is torch.float64 else torch.float32)
        loss.double().sum().backward()
        assert z.grad.dtype is dtype
        assert p.grad.dtype is torch.float32


@for_each("name", ["Labels-both_weights", "Probs-class_weight>smoothed"])
def test_the_mean_is_differentiated_through_its_mass(name: str, way: str) -> None:
    """d(Σ w H / Σ w) / dw_i = (H_i - mean) · mass_i / Σ w: not H_i / Σ w."""
    call = Call(name, "Logits")
    leaves = call.leaves()
    loss = call(*leaves)
    got = torch.autograd.grad(loss, leaves[: len(call.of_p)])
    want = torch.autograd.grad(call.plainly(*leaves), leaves[: len(call.of_p)])
    close(got, want)
    weights = torch.tensor([1.0, 3.0], dtype=torch.float64, requires_grad=True)
    p = plogq.Weighted(plogq.Labels(torch.tensor([0, 1])), sample_weight=weights)
    z = torch.tensor([[1.0, 0.0], [0.5, 0.0]], dtype=torch.float64)
    plogq.cross_entropy(p, plogq.Logits(z)).backward()
    each = plogq.cross_entropy(
        plogq.Labels(torch.tensor([0, 1])), plogq.Logits(z), reduction="none"
    )
    close(weights.grad, (each - (each * weights.detach()).sum() / 4) / 4)


def test_a_normalizer_has_a_gradient_where_it_asks_for_one(way: str) -> None:
    z = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    n = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    y = plogq.Labels(torch.tensor([0, 1, 2, 0]))
    loss = plogq.cross_entropy(y, plogq.Logits(z), normalizer=n)
    total = plogq.cross_entropy(y, plogq.Logits(z), reduction="sum")
    close(torch.autograd.grad(loss, n, retain_graph=True)[0], -total.detach() / 49)
    close(torch.autograd.grad(loss, z)[0], torch.autograd.grad(total, z)[0] / 7)


@for_each("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_parameter_learns(dtype: torch.dtype, way: str) -> None:
    """A model, an optimizer, and the loss of a training step after another: it goes down."""
    torch.manual_seed(0)
    x, y = torch.randn(64, 5), torch.randint(0, 3, (64,))
    layer = torch.nn.Linear(5, 3).to(dtype)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(layer(x.to(dtype))))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05
    assert np.isfinite(losses).all()


def test_a_parameter_may_be_the_scores_themselves(way: str) -> None:
    """`nn.Parameter` is a tensor of a class of its own."""
    scores = torch.nn.Parameter(torch.zeros(2, 4))
    plogq.cross_entropy(plogq.Labels(torch.tensor([1, 2])), plogq.Logits(scores)).backward()
    want = torch.full((2, 4), 0.125)
    want[0, 1] = want[1, 2] = -0.375
    close(scores.grad, want)


def test_every_wrapper_of_every_target_has_a_gradient_for_its_own_tensors() -> None:
    """No tensor of P is forgotten, whatever wraps it."""
    for p in makers.TARGETS:
        call = Call(p, "Logits", events=(2,), classes=3)
        if not call.of_p:
            continue
        leaves = call.leaves()
        got = torch.autograd.grad(call(*leaves, reduction="none").sum(), leaves)
        want = torch.autograd.grad(
            call.plainly(*leaves, reduction="none").sum(), leaves, materialize_grads=True
        )
        for a, b in zip(got, want, strict=True):
            close(a, b, msg=lambda m, p=p: f"{p}: {m}")


@for_each("reduction", ["mean", "none"])
@for_each("wrap", [lambda p: p, lambda p: plogq.Smoothed(p, 0.1)])
def test_a_loss_may_be_written_to(reduction: str, wrap: Any) -> None:
    """`loss /= steps`, as gradients are accumulated."""
    y, z = torch.tensor([0, 2, 1]), torch.randn(3, 4, requires_grad=True)
    loss = plogq.cross_entropy(wrap(plogq.Labels(y)), plogq.Logits(z), reduction=reduction)
    loss /= 4
    loss.sum().backward()
    written, z.grad = z.grad, None
    again = plogq.cross_entropy(wrap(plogq.Labels(y)), plogq.Logits(z), reduction=reduction) / 4
    again.sum().backward()
    assert torch.equal(written, z.grad)
