"""plogq.compat.cntk against the documented formulas, in the oracle, and examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plogq
from plogq.compat.cntk import binary_cross_entropy, cross_entropy_with_softmax

from .. import oracle
from ..bounds import check_losses, check_relative
from ..test_imports import loaded
from .arrays import every_framework, kind


def test_the_examples_of_its_documentation() -> None:
    sure = cross_entropy_with_softmax([[1.0, 1.0, 1.0, 50.0]], [[0.0, 0.0, 0.0, 1.0]])
    assert sure.round(5).tolist() == [[0.0]]
    soft = cross_entropy_with_softmax([[1.0, 2.0, 3.0, 4.0]], [[0.35, 0.15, 0.05, 0.45]])
    assert soft.round(5).tolist() == [[1.84019]]


@given(
    st.integers(0, 2**32 - 1), st.sampled_from([np.float64, np.float32]), st.sampled_from([1, 40])
)
def test_values(seed: int, dtype: Any, spread: int) -> None:
    rng = np.random.default_rng(seed)
    z = (spread * rng.normal(size=(3, 4, 2))).astype(dtype)
    p = np.moveaxis(rng.dirichlet(np.ones(4), (3, 2)), -1, 1).astype(dtype)
    found = cross_entropy_with_softmax(z, p, axis=1, name="loss")
    assert found.shape == (3, 1, 2)
    truth = oracle.soft_costs(np.moveaxis(p, 1, -1), np.moveaxis(z, 1, -1))
    check_losses(found.reshape(-1), truth, dtype)
    q, y = rng.random(7).astype(dtype), rng.random(7).astype(dtype)
    each = [
        oracle.cross_entropy([1 - t, t], oracle.of_yes_probability(o))
        for o, t in zip(oracle.row(q), oracle.row(y), strict=True)
    ]
    total = binary_cross_entropy(q, y, name="loss")
    assert total.shape == ()
    check_relative(total, oracle.mp.fsum(each), dtype)


def test_hard_labels_are_what_its_own_node_computes() -> None:
    """-log(t o + (1 - t)(1 - o)), which is the cross-entropy for labels of 0 and 1 alone."""
    o, t = np.array([0.125, 0.5, 0.75]), np.array([1, 0, 1])
    node = -np.log(t * o + (1 - t) * (1 - o)).sum()
    assert binary_cross_entropy(o, t) == pytest.approx(node, rel=1e-15)
    soft = np.array([0.25, 0.75, 0.5])
    node = -np.log(soft * o + (1 - soft) * (1 - o)).sum()
    assert binary_cross_entropy(o, soft) > node + 0.1


@every_framework
def test_every_framework(make: Any) -> None:
    z = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]], np.float32)
    for p in (
        np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]], np.float32),
        np.eye(3, dtype=np.int32)[:2],
        np.eye(3, dtype=np.bool_)[:2],
    ):
        known = cross_entropy_with_softmax(z, p)
        found = cross_entropy_with_softmax(make(z), make(p))
        assert kind(found) == kind(make(z))
        assert tuple(found.shape) == (2, 1)
        np.testing.assert_allclose(np.asarray(found), known, 4e-7)
    q, y = np.array([0.25, 0.5], np.float32), np.array([1.0, 0.25], np.float32)
    found = np.asarray(binary_cross_entropy(make(q), make(y)))
    np.testing.assert_allclose(found, binary_cross_entropy(q, y), 4e-7)


def test_gradients() -> None:
    torch = pytest.importorskip("torch")
    z = torch.zeros(1, 2, requires_grad=True)
    cross_entropy_with_softmax(z, torch.tensor([[0.25, 0.75]])).sum().backward()
    assert z.grad.tolist() == [[0.25, -0.25]]
    q = torch.tensor([0.25, 0.5], requires_grad=True)
    binary_cross_entropy(q, torch.tensor([1.0, 0.0])).backward()
    assert q.grad.tolist() == [-4.0, 2.0]


def test_nothing_is_clipped() -> None:
    assert binary_cross_entropy([0.0], [1.0]) == np.inf
    assert binary_cross_entropy([0.0, 1.0], [0.0, 1.0]) == 0.0


def test_what_is_refused() -> None:
    with pytest.raises(plogq.ProbabilityError, match="sums to 2"):
        cross_entropy_with_softmax([[1.0, 2.0]], [[1.0, 1.0]])
    with pytest.raises(plogq.ShapeError, match="the same events"):
        cross_entropy_with_softmax([[1.0, 2.0]], [1.0, 0.0])
    with pytest.raises(plogq.ShapeError, match="axis 2"):
        cross_entropy_with_softmax([[1.0, 2.0]], [[1.0, 0.0]], axis=2)
    with pytest.raises(plogq.ProbabilityError, match="outside"):
        binary_cross_entropy([2.0], [1.0])
    with pytest.raises(plogq.ShapeError, match="one shape"):
        binary_cross_entropy([0.5], [1.0, 0.0])


def test_importing_loads_no_framework() -> None:
    assert loaded("import plogq.compat.cntk") - loaded("import numpy") == {"plogq"}
