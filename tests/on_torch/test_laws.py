"""Laws that hold for every representation on tensors, and the kernel's numbers of NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq

from .. import bounds, makers
from .tensors import array, on_torch, recorded, tensors

Tensor = torch.Tensor

every_stored = pytest.mark.parametrize("prediction", makers.STORED)
seeds = st.integers(0, 2**31)


def losses(p: Any, q: Any) -> Tensor:
    return plogq.cross_entropy(p, q, reduction="none")


def close(got: Any, want: Any, off: float = 1e-12) -> None:
    torch.testing.assert_close(got, want, rtol=off, atol=off)


def scores(seed: int, n: int, k: int, spread: float = 4.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(n, k, generator=generator, dtype=torch.float64)


def distribution(seed: int, n: int, k: int) -> Tensor:
    return torch.softmax(scores(seed + 1, n, k, 2.0), -1)


def labels(seed: int, n: int, k: int) -> Tensor:
    return torch.randint(0, k, (n,), generator=torch.Generator().manual_seed(seed + 2))


@given(st.tuples(seeds, st.integers(1, 6), st.integers(2, 9)), st.integers(-(2**20), 2**20))
def test_shifting_all_scores_changes_nothing(drawn: tuple[int, int, int], shift: int) -> None:
    seed, n, k = drawn
    # Multiples of 1/8 stay exact under these shifts.
    z = (scores(seed, n, k) * 8).round() / 8
    for p in (plogq.Labels(labels(*drawn)), plogq.Probs(distribution(*drawn))):
        assert torch.equal(losses(p, plogq.Logits(z + shift)), losses(p, plogq.Logits(z)))


@given(st.tuples(seeds, st.integers(1, 6), st.integers(2, 9)))
def test_an_index_is_its_one_hot_row(drawn: tuple[int, int, int]) -> None:
    y, k = labels(*drawn), drawn[2]
    one_hot = torch.nn.functional.one_hot(y, k).double()
    for make in (lambda: plogq.Logits(scores(*drawn)), lambda: plogq.Probs(distribution(*drawn))):
        q = recorded(make())
        want = losses(plogq.Labels(y), q)
        (slope,) = torch.autograd.grad(want.sum(), tensors(q))
        for p in (
            plogq.Probs(one_hot),
            plogq.SparseProbs(y[:, None], torch.ones(len(y), 1)),
            plogq.Smoothed(plogq.Labels(y), 0.0),
            plogq.Weighted(plogq.Labels(y), sample_weight=torch.ones(len(y))),
        ):
            got = losses(p, q)
            close(got, want)
            close(torch.autograd.grad(got.sum(), tensors(q))[0], slope)


@given(st.tuples(seeds, st.integers(1, 6), st.integers(2, 9)))
def test_the_cross_entropy_of_p_with_itself_is_its_entropy(drawn: tuple[int, int, int]) -> None:
    p = plogq.Probs(distribution(*drawn))
    close(losses(p, p), plogq.entropy(p, reduction="none"))
    close(losses(p, plogq.LogProbs(p.probs.log())), plogq.entropy(p, reduction="none"))
    close(plogq.kl_divergence(p, p, reduction="none"), torch.zeros(drawn[1], dtype=torch.float64))


@given(st.tuples(seeds, st.integers(1, 6), st.integers(2, 9)))
def test_gibbs_inequality(drawn: tuple[int, int, int]) -> None:
    p, q = plogq.Probs(distribution(*drawn)), plogq.Logits(scores(*drawn))
    assert (losses(p, q) >= plogq.entropy(p, reduction="none")).all()
    assert (plogq.kl_divergence(p, q, reduction="none") >= -1e-15).all()


@given(st.tuples(seeds, st.integers(1, 6), st.integers(2, 9)), st.floats(0, 1))
def test_the_loss_and_its_gradient_are_linear_in_p(
    drawn: tuple[int, int, int], share: float
) -> None:
    a, b = distribution(*drawn), distribution(drawn[0] // 2, *drawn[1:])
    q = recorded(plogq.Logits(scores(*drawn)))

    def both(p: Any) -> tuple[Tensor, Tensor]:
        loss = losses(p, q)
        return loss.detach(), torch.autograd.grad(loss.sum(), q.scores)[0]

    mix = both(plogq.Probs(share * a + (1 - share) * b))
    for got, one, other in zip(mix, both(plogq.Probs(a)), both(plogq.Probs(b)), strict=True):
        close(got, share * one + (1 - share) * other)
    doubled = plogq.Weighted(plogq.Probs(a), sample_weight=torch.full((drawn[1],), 2.0))
    for got, one in zip(both(doubled), both(plogq.Probs(a)), strict=True):
        close(got, 2 * one)


@given(st.tuples(seeds, st.integers(1, 6), st.integers(2, 9)), st.floats(0, 1))
def test_the_gradient_is_mass_q_less_p(drawn: tuple[int, int, int], epsilon: float) -> None:
    y, p, (n, k) = labels(*drawn), distribution(*drawn), drawn[1:]
    z = scores(*drawn).requires_grad_()
    q = torch.softmax(z.detach(), -1)
    w = torch.rand(n, dtype=torch.float64)
    one_hot = torch.nn.functional.one_hot(y, k).double()
    for target, masses in (
        (plogq.Labels(y), one_hot),
        (plogq.Probs(p), p),
        (plogq.Smoothed(plogq.Labels(y), epsilon), (1 - epsilon) * one_hot + epsilon / k),
        (plogq.Weighted(plogq.Probs(p), sample_weight=w), w[:, None] * p),
    ):
        (got,) = torch.autograd.grad(losses(target, plogq.Logits(z)).sum(), z)
        close(got, masses.sum(-1, keepdim=True) * q - masses)


@every_stored
def test_the_order_of_the_classes_does_not_matter(prediction: str, way: str) -> None:
    rng = np.random.default_rng(17)
    q = on_torch(makers.STORED[prediction](rng, (5,), 7, np.dtype(np.float64)).prediction)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
    y, w = labels(3, 5, 7), torch.rand(7) + 0.5
    moved = on_torch(q, lambda x: x[:, order])
    where = order.argsort()[y]
    here = plogq.Weighted(plogq.Smoothed(plogq.Labels(y), 0.2), class_weight=w)
    there = plogq.Weighted(plogq.Smoothed(plogq.Labels(where), 0.2), class_weight=w[order])
    close(losses(there, moved), losses(here, q))


def test_two_classes_are_one_yes_no_outcome(way: str) -> None:
    z = scores(5, 40, 1)[:, 0].requires_grad_()
    y = labels(5, 40, 2)
    two = losses(plogq.Labels(y), plogq.Logits(torch.stack([torch.zeros_like(z), z], -1)))
    one = losses(plogq.BinaryProbs(y), plogq.BinaryLogits(z))
    close(two, one, 1e-15)
    (a,), (b,) = (torch.autograd.grad(x.sum(), z) for x in (two, one))
    close(a, b, 1e-15)


@settings(max_examples=80)
@given(
    st.sampled_from(
        [
            *((p, q) for p in makers.TARGETS for q in makers.STORED),
            *((p, q) for p in makers.BINARY_TARGETS for q in makers.BINARY_PREDICTIONS),
        ]
    ),
    st.sampled_from(bounds.DTYPES),
    st.sampled_from([(3,), (2, 3), (), (70,)]),
    st.sampled_from([2, 5, 150]),
    seeds,
)
def test_the_kernel_gives_the_bits_that_it_gives_for_numpy(
    pair: tuple[str, str], dtype: Any, events: tuple[int, ...], classes: int, seed: int
) -> None:
    """The same memory, the same kernel: losses, sums and gradients."""
    rng = np.random.default_rng(seed)
    binary = pair[0].startswith("Binary")
    targets = makers.BINARY_TARGETS if binary else makers.TARGETS
    predictions = makers.BINARY_PREDICTIONS if binary else makers.STORED
    p = targets[pair[0]](rng, events, classes, dtype).target
    q = predictions[pair[1]](rng, events, classes, dtype).prediction
    if plogq.explain(p, q).chosen == "formula":
        return
    target, prediction = on_torch(p), recorded(on_torch(q))
    want, grad = plogq.value_and_grad(p, q, reduction="sum")
    got = plogq.cross_entropy(target, prediction, reduction="sum")
    (slope,) = torch.autograd.grad(got, tensors(prediction))
    name = next(n for n in ("scores", "log_probs", "probs") if hasattr(grad, n))
    assert array(slope).tobytes() == getattr(grad, name).tobytes()
    each = plogq.cross_entropy(target, prediction, reduction="none")
    numpy_each = np.asarray(plogq.cross_entropy(p, q, reduction="none"))
    assert array(each).tobytes() == numpy_each.tobytes()
    # A sum of the same losses; PyTorch and NumPy add in pairs, each in its own.
    np.testing.assert_allclose(array(got), want, rtol=4 * bounds.unit(dtype))


def test_the_same_call_gives_the_same_bits(way: str) -> None:
    z = scores(4, 3000, 50).float().requires_grad_()
    p = plogq.Smoothed(plogq.Labels(labels(4, 3000, 50)), 0.1)

    def once() -> tuple[bytes, bytes]:
        loss = plogq.cross_entropy(p, plogq.Logits(z))
        (gradient,) = torch.autograd.grad(loss, z)
        return array(loss).tobytes(), array(gradient).tobytes()

    first = once()
    assert all(once() == first for _ in range(3))
