"""The kernel of two stored predictions: exact, whatever the layout, and the same by any threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import plogq
from plogq import Logits
from plogq.kernels import table
from plogq.native import processor as cpu

from .. import bounds, oracle
from ..together import for_each

RNG = np.random.default_rng(20261201)


def rows(shape: tuple[int, ...], step: float, dtype: Any) -> tuple[Any, Any]:
    t = (4 * RNG.normal(size=shape)).astype(dtype)
    z = (t + step * RNG.normal(size=shape)).astype(dtype)
    t[0, 0] = z[0, 0] = t[-1, 1] = -np.inf
    return t, z


@for_each("name", cpu.instruction_sets())
@for_each("dtype", bounds.DTYPES, ids=lambda d: d.name)
@for_each("step", [3.0, 2.0**-7, 2.0**-14])
def test_the_numbers_are_those_of_60_digits(step: float, dtype: Any, name: str) -> None:
    """Of 2, 67 and 1100 classes: less than a group, a group and more, more than a block."""
    u = bounds.unit(dtype)
    for classes in (2, 67, 1100):
        t, z = rows((3, classes), step, dtype)
        p, q = ([oracle.of_logits(r) for r in oracle.rows(x)] for x in (t, z))
        with cpu.instruction_set(name):
            assert plogq.explain(Logits(t), Logits(z)).chosen == "cpu"
            kl = plogq.kl_divergence(Logits(t), Logits(z), reduction="none")
            loss = plogq.cross_entropy(Logits(t), Logits(z), reduction="none")
        want = np.array([float(oracle.divergence(a, b)) for a, b in zip(p, q, strict=True)])
        lost = 2.0**-48 / step if dtype == np.float64 else 0.0
        assert (kl >= 0).all()
        np.testing.assert_allclose(kl, want, rtol=48 * u + lost, atol=2.0**-52 * u)
        own = [
            float(oracle.cross_entropy(oracle.probability(a), b)) for a, b in zip(p, q, strict=True)
        ]
        np.testing.assert_allclose(loss, own, rtol=24 * u, atol=2.0**-52 * u)


@for_each("of", [plogq.cross_entropy, plogq.kl_divergence])
def test_gradients_are_those_of_the_formula_in_any_layout(of: Any) -> None:
    """Classes on another axis, two dtypes, and weights of which one is 0."""
    t, z = rows((6, 300), 1.0, np.float32)
    weight = torch.arange(6.0)
    found = []
    for kernel in ("cpu", "formula"):
        a, b = torch.tensor(t, requires_grad=True), torch.tensor(z.T, requires_grad=True)
        p = plogq.Weighted(Logits(a.double()), sample_weight=weight)
        with table.using(kernel):
            loss = of(p, Logits(b, axis=0), reduction="none")
            found.append((loss.detach(), *torch.autograd.grad(loss.sum(), (a, b))))
    for got, want in zip(*found, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=2e-6)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    t, z = rows((70, 9000), 1.0, np.float32)
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("PLOGQ_NUM_THREADS", threads)
        kl = plogq.kl_divergence(Logits(t), Logits(z), reduction="none")
        _, grad = plogq.value_and_grad(Logits(t), Logits(z))
        found.append((kl, grad.scores))
    for other in found[1:]:
        assert all(map(np.array_equal, found[0], other))


def test_what_is_certain_is_left_to_the_formula() -> None:
    t = np.array([[np.inf, 0.0], [1.0, 2.0]], np.float32)
    kl = plogq.kl_divergence(Logits(t), Logits(t[:, ::-1]), reduction="none")
    assert kl[0] == np.inf
    assert kl[1] == pytest.approx(plogq.kl_divergence(Logits(t[1:]), Logits(t[1:, ::-1])))
