"""Everything public besides `cross_entropy`, and its options, on tensors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import plogq

from .. import bounds, makers, oracle
from ..together import for_each
from .tensors import array, leaf, on_torch, tensor, tensors

Tensor = torch.Tensor
F = torch.nn.functional

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
SCORES = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5], [0.0, 0.0, 0.0], [1.0, -2.0, 3.0]])
Y = np.array([1, 0, -1, 2])
WEIGHTS = np.array([1.0, 3.0, 5.0, 0.5])
LOSSES = [
    oracle.of_logits(oracle.row(SCORES[i])).cost[int(Y[i])] * oracle.real(WEIGHTS[i])
    for i in (0, 1, 3)
]


def close(got: Any, want: Any, off: float = 1e-12) -> None:
    torch.testing.assert_close(got, want, rtol=off, atol=off)


def weighted() -> Any:
    return plogq.Weighted(plogq.Labels(tensor(Y), ignore=-1), sample_weight=tensor(WEIGHTS))


@for_each(
    ("options", "divisor"),
    [
        ({"reduction": "sum"}, 1),
        ({"reduction": "mean"}, 4.5),
        ({}, 4.5),
        ({"reduction": "sum_over_batch_size"}, 4),
        ({"normalizer": 7}, 7),
        ({"normalizer": 2.5, "reduction": "sum"}, 2.5),
        ({"normalizer": torch.tensor(2.5)}, 2.5),
        ({"normalizer": torch.tensor([2.5])}, 2.5),
        ({"normalizer": torch.tensor(12, dtype=torch.int16)}, 12),
        ({"normalizer": torch.tensor(2.5, dtype=torch.bfloat16)}, 2.5),
        ({"normalizer": torch.tensor(2.5, requires_grad=True)}, 2.5),
        ({"normalizer": np.float32(2.5)}, 2.5),
    ],
    ids=str,
)
def test_what_the_sum_is_divided_by(options: dict[str, Any], divisor: float, way: str) -> None:
    """And the gradient with it; the loss is a tensor without axes, whatever the normalizer is."""
    z = leaf(SCORES)
    loss = plogq.cross_entropy(weighted(), plogq.Logits(z), **options)
    assert loss.shape == ()
    assert loss.dtype is torch.float64
    assert loss.item() == pytest.approx(float(sum(LOSSES) / oracle.real(divisor)), rel=1e-14)
    loss.backward()
    for i, w in enumerate([1.0, 3.0, 0.0, 0.5]):
        p = oracle.weigh(oracle.one_hot(max(int(Y[i]), 0), 3), w / divisor)
        truth = oracle.logits_gradient(p, oracle.of_logits(oracle.row(SCORES[i])))
        np.testing.assert_allclose(array(z.grad)[i], [float(g) for g in truth], rtol=1e-13)


@for_each("dtype", DTYPES)
def test_the_dtypes_of_results(dtype: torch.dtype, way: str) -> None:
    wide = torch.float64 if dtype is torch.float64 else torch.float32
    z = torch.randn(4, 3).to(dtype)
    exact = torch.softmax(torch.randn(4, 3, dtype=torch.float64), -1)
    p, y = exact.to(dtype), torch.tensor([0, 1, 2, 0])
    for reduction in ("none", "mean", "sum", "sum_over_batch_size"):
        for target in (plogq.Labels(y), plogq.Probs(exact), plogq.Probs(p)):
            for q in (plogq.Logits(z), plogq.Probs(p), plogq.LogProbs(p.log())):
                got = plogq.cross_entropy(target, q, reduction=reduction)
                assert got.dtype is wide
                assert plogq.kl_divergence(target, q, reduction=reduction).dtype is wide
        assert plogq.entropy(plogq.Probs(p), reduction=reduction).dtype is torch.float64
    assert plogq.log_normalizer(plogq.Logits(z)).dtype is wide
    assert plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), z_loss=0.5).dtype is wide
    losses = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), reduction="none")
    assert plogq.focal(losses).dtype is plogq.poly(losses).dtype is wide


@for_each("name", makers.TARGETS)
def test_entropies_are_those_of_numpy(name: str) -> None:
    rng = np.random.default_rng(12)
    p = makers.TARGETS[name](rng, (2, 3), 4, np.dtype(np.float64)).target
    target = on_torch(p)
    q = makers.logits(rng, (2, 3), 4, np.dtype(np.float64)).prediction
    for reduction in ("none", "mean"):
        want = plogq.kl_divergence(p, q, reduction=reduction)
        got = plogq.kl_divergence(target, on_torch(q), reduction=reduction)
        np.testing.assert_allclose(array(got), want, rtol=1e-12, atol=1e-12)
        try:
            want = plogq.entropy(p, reduction=reduction)
        except plogq.ShapeError:
            with pytest.raises(plogq.ShapeError, match="number of classes"):
                plogq.entropy(target, reduction=reduction)
            continue
        got = plogq.entropy(target, reduction=reduction)
        np.testing.assert_allclose(array(got), want, rtol=1e-13, atol=1e-15)


@for_each("name", makers.BINARY_TARGETS)
def test_binary_entropies_are_those_of_numpy(name: str) -> None:
    rng = np.random.default_rng(13)
    p = makers.BINARY_TARGETS[name](rng, (2, 3), 0, np.dtype(np.float64)).target
    q = makers.binary_logits(rng, (2, 3), 0, np.dtype(np.float64)).prediction
    for reduction in ("none", "mean"):
        for mine, of in ((plogq.entropy, (p,)), (plogq.kl_divergence, (p, q))):
            want = mine(*of, reduction=reduction)
            got = mine(*map(on_torch, of), reduction=reduction)
            np.testing.assert_allclose(array(got), want, rtol=1e-12, atol=1e-12)


def test_entropy_and_divergence_have_gradients() -> None:
    """With respect to P as well, where it is not at the edge of [0, 1]."""
    torch.manual_seed(5)
    p = torch.softmax(torch.randn(3, 4, dtype=torch.float64), -1).requires_grad_()
    y = torch.rand(5, dtype=torch.float64).mul(0.8).add(0.1).requires_grad_()
    z, b = (torch.randn(n, dtype=torch.float64, requires_grad=True) for n in ((3, 4), (5,)))
    w = torch.rand(3, dtype=torch.float64).add(0.5).requires_grad_()

    def unchecked(call: Any) -> Any:
        def run(*inputs: Tensor) -> Tensor:
            with plogq.validation("off"):
                return call(*inputs)

        return run

    for call, inputs in (
        (lambda p: plogq.entropy(plogq.Probs(p)), (p,)),
        (lambda p: plogq.entropy(plogq.Smoothed(plogq.Probs(p), 0.2), reduction="none"), (p,)),
        (lambda p, w: plogq.entropy(plogq.Weighted(plogq.Probs(p), sample_weight=w)), (p, w)),
        (lambda p, z: plogq.kl_divergence(plogq.Probs(p), plogq.Logits(z)), (p, z)),
        (lambda p, z: plogq.kl_divergence(plogq.Probs(p), plogq.Logits(z), reduction="none"),
         (p, z)),
        (lambda y: plogq.entropy(plogq.BinaryProbs(y)), (y,)),
        (lambda y, b: plogq.kl_divergence(plogq.BinaryProbs(y), plogq.BinaryLogits(b)), (y, b)),
    ):  # fmt: skip
        assert gradcheck(unchecked(call), inputs, check_forward_ad=True, check_batched_grad=True)
        assert gradgradcheck(unchecked(call), inputs)


def test_a_divergence_is_finite_where_p_is_0_and_so_is_its_gradient(way: str) -> None:
    """0 · log 0 = 0; ∂KL/∂q there is what ∂H/∂q is."""
    p = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    z = torch.tensor([[1.0, 2.0, 3.0], [0.0, -np.inf, 1.0]], dtype=torch.float64)
    z.requires_grad_()
    got = plogq.kl_divergence(plogq.Probs(p), plogq.Logits(z), reduction="none")
    q = torch.softmax(z.detach(), -1)
    want = torch.where(p > 0, p * (p.log() - q.log()), 0.0).nan_to_num().sum(-1)
    close(got.detach(), want)
    got.sum().backward()
    close(z.grad, q - p)
    assert plogq.entropy(plogq.Probs(p), reduction="none").tolist() == [np.log(2), 0.0]
    binary = torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64)
    b = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    got = plogq.kl_divergence(plogq.BinaryProbs(binary), plogq.BinaryLogits(b), reduction="none")
    close(got.detach(), torch.tensor([np.log(2), np.log(2), 0.0], dtype=torch.float64))
    got.sum().backward()
    assert b.grad.tolist() == [0.5, -0.5, 0.0]


@for_each("dtype", DTYPES)
def test_log_z_is_that_of_logsumexp_and_its_gradient_the_softmax(
    dtype: torch.dtype, way: str
) -> None:
    off = 1e-13 if dtype is torch.float64 else 1e-6
    for axis in (-1, 0):
        z = torch.randn(6, 6).to(dtype).requires_grad_()
        got = plogq.log_normalizer(plogq.Logits(z, axis=axis))
        wide = z.detach().to(got.dtype)
        close(got.detach(), wide.logsumexp(axis), off)
        got.sum().backward()
        want = torch.softmax(wide, axis).to(dtype)
        close(z.grad, want, max(off, torch.finfo(dtype).eps))
    b = torch.randn(7).to(dtype).requires_grad_()
    got = plogq.log_normalizer(plogq.BinaryLogits(b))
    close(got.detach(), F.softplus(b.detach().to(got.dtype)), off)
    got.sum().backward()
    close(b.grad, b.detach().sigmoid(), max(off, torch.finfo(dtype).eps))


def test_log_z_of_linear_logits() -> None:
    h, w = (torch.randn(n, 3, dtype=torch.float64, requires_grad=True) for n in (4, 5))
    got = plogq.log_normalizer(plogq.LinearLogits(h, w))
    want = (h @ w.T).logsumexp(-1)
    close(got, want)
    for a, b in zip(*(torch.autograd.grad(x.sum(), (h, w)) for x in (got, want)), strict=True):
        close(a, b)


def test_focal_and_poly_of_certain_and_impossible_events() -> None:
    """Loss 0 and loss ∞, in value and gradient: no NaN of 0 · ∞ or of 0 ** (gamma - 1)."""
    for gamma in (0.0, 1.0, 2.0):
        losses = torch.tensor([0.0, 1e-30, np.inf], dtype=torch.float64, requires_grad=True)
        got = plogq.focal(losses, gamma)
        assert got.tolist() == [0.0, pytest.approx(1e-30 ** (1 + gamma), abs=0), np.inf]
        got[:2].sum().backward()
        assert losses.grad[:2].isfinite().all(), gamma
    losses = torch.tensor([0.0, np.inf], requires_grad=True)
    got = plogq.poly(losses, 2.0)
    assert got.tolist() == [0.0, np.inf]
    got.sum().backward()
    assert losses.grad.tolist() == [3.0, 1.0]


@for_each("name", ["Labels-plain", "Probs-both_weights", "SparseProbs-smoothed"])
@for_each("reduction", ["mean", "none", "sum"])
def test_value_and_grad_is_what_backward_gives(name: str, reduction: str, way: str) -> None:
    rng = np.random.default_rng(31)
    p = on_torch(makers.TARGETS[name](rng, (4,), 5, np.dtype(np.float64)).target)
    for make in makers.STORED.values():
        q = on_torch(make(rng, (4,), 5, np.dtype(np.float64)).prediction)
        loss, grad = plogq.value_and_grad(p, q, reduction=reduction)
        assert type(grad) is type(q)
        leaves = on_torch(q, lambda x: x.detach().clone().requires_grad_())
        want = plogq.cross_entropy(p, leaves, reduction=reduction)
        want.sum().backward()
        close(loss, want.detach())
        close(tensors(grad)[0], tensors(leaves)[0].grad)
    q = on_torch(makers.logits(rng, (4,), 5, np.dtype(np.float64)).prediction)
    loss, grad = plogq.value_and_grad(p, q, reduction=reduction, z_loss=0.25)
    z = q.scores.clone().requires_grad_()
    want = plogq.cross_entropy(p, plogq.Logits(z), reduction=reduction, z_loss=0.25)
    want.sum().backward()
    close((loss, grad.scores), (want.detach(), z.grad))


def test_value_and_grad_into_a_tensor_that_is_given(way: str) -> None:
    z = torch.randn(4, 3)
    y = plogq.Labels(torch.tensor([0, 1, 2, 0]))
    loss, grad = plogq.value_and_grad(y, plogq.Logits(z))
    out = torch.full_like(z, float("nan"))
    again, filled = plogq.value_and_grad(y, plogq.Logits(z), out=out)
    assert filled.scores is out
    close((again, out), (loss, grad.scores), 0.0)
    work = z.clone()
    plogq.value_and_grad(y, plogq.Logits(work), out="scores")
    close(work, grad.scores, 1e-6)
    for bad, says in (
        (z, "out overlaps the scores"),
        (torch.zeros(3, 4), r"shape \(4, 3\)"),
        (torch.zeros(4, 3, dtype=torch.float64), "dtype float32"),
        (np.zeros((4, 3), np.float32), "got ndarray"),
    ):
        with pytest.raises(ValueError, match=says):
            plogq.value_and_grad(y, plogq.Logits(z), out=bad)
    with pytest.raises(ValueError, match="read-only"):
        plogq.value_and_grad(y, plogq.Logits(z.clone().requires_grad_()), out="scores")


def test_explain_says_what_runs_and_why_not_the_rest() -> None:
    z, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    assert str(plogq.explain(plogq.Labels(y), plogq.Logits(z))) == (
        "Labels × Logits on torch, cpu: cpu"
    )
    twice = plogq.Smoothed(
        plogq.Weighted(
            plogq.Smoothed(plogq.Labels(y), 0.1), class_weight=torch.tensor([1.0, 2.0, 3.0])
        ),
        0.1,
    )
    said = str(plogq.explain(twice, plogq.Logits(z)))
    assert said.splitlines()[0] == "Smoothed × Logits on torch, cpu: formula"
    assert "cpu refused: P is smoothed more than once" in said


def pickled(x: Any) -> Any:
    return pickle.loads(pickle.dumps(x))


@for_each("call", [copy.copy, copy.deepcopy, pickled])
def test_representations_are_copied_and_pickled(call: Any) -> None:
    rng = np.random.default_rng(2)
    for name in ("Labels(ignore)-both_weights", "SparseProbs-smoothed", "Probs-plain"):
        p = on_torch(makers.TARGETS[name](rng, (3,), 4, np.dtype(np.float32)).target)
        q = on_torch(makers.capped_logits(rng, (3,), 4, np.dtype(np.float32)).prediction)
        assert torch.equal(plogq.cross_entropy(call(p), call(q)), plogq.cross_entropy(p, q))


def test_the_six_helpers_on_tensors(way: str) -> None:
    torch.manual_seed(9)
    z, p = torch.randn(5, 3), torch.softmax(torch.randn(5, 3), -1)
    q, y = torch.softmax(z, -1), torch.tensor([0, 2, 1, 1, 0])
    soft = torch.rand(5, 3)
    for got, want in (
        (plogq.sparse_softmax_cross_entropy(y, z), F.cross_entropy(z, y)),
        (plogq.softmax_cross_entropy(p, z), F.cross_entropy(z, p)),
        (plogq.sparse_categorical_cross_entropy(y, q), F.nll_loss(q.log(), y)),
        (plogq.categorical_cross_entropy(p, q), -(p * q.log()).sum(-1).mean()),
        (plogq.sigmoid_cross_entropy(soft, z), F.binary_cross_entropy_with_logits(z, soft)),
        (plogq.binary_cross_entropy(soft, q), F.binary_cross_entropy(q, soft)),
    ):
        close(got, want, 1e-6)


@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
def test_events_of_any_shape(dtype: Any, way: str) -> None:
    """A single event, images, sequences; labels in the shape of the events."""
    for shape in ((), (1,), (2, 3), (2, 1, 4)):
        z = torch.randn(*shape, 5).to(tensor(np.zeros(0, dtype)).dtype).requires_grad_()
        y = torch.randint(0, 5, shape)
        loss = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), reduction="none")
        assert loss.shape == shape
        want = F.cross_entropy(
            z.detach().to(loss.dtype).reshape(-1, 5), y.reshape(-1), reduction="none"
        )
        close(loss.detach(), want.reshape(shape), 1e-5)
        loss.sum().backward()
        assert z.grad.shape == z.shape
