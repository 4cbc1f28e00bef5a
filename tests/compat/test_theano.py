"""plogq.compat.theano against the documented formulas, which the oracle computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plogq
from plogq.compat.theano import (
    binary_crossentropy,
    categorical_crossentropy,
    sigmoid_binary_crossentropy,
)

from .. import oracle
from ..bounds import check_losses
from ..test_imports import loaded
from .arrays import every_framework, kind

INF = float("inf")


@st.composite
def numbers(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Rows of Q, rows of P and scores of one shape, float64 or float32."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 6)), draw(st.integers(2, 5)))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    q, p = (rng.dirichlet(np.ones(shape[1]), shape[0]).astype(dtype) for _ in range(2))
    return q, p, (rng.normal(size=shape) * draw(st.sampled_from([1, 30]))).astype(dtype)


def yes_no(p: Any, costs: list[oracle.Costs]) -> list[Any]:
    return [oracle.cross_entropy([1 - y, y], c) for y, c in zip(oracle.row(p), costs, strict=True)]


@given(numbers())
def test_binary(given_: tuple[Any, Any, Any]) -> None:
    q, p, z = given_
    truth = yes_no(p, [oracle.of_yes_probability(x) for x in oracle.row(q)])
    found = binary_crossentropy(q, p)
    assert found.shape == q.shape
    check_losses(found.reshape(-1), truth, q.dtype)
    truth = yes_no(p, [oracle.of_yes(x) for x in oracle.row(z)])
    check_losses(sigmoid_binary_crossentropy(z, p).reshape(-1), truth, z.dtype)


@given(numbers())
def test_categorical(given_: tuple[Any, Any, Any]) -> None:
    q, p, _ = given_
    costs = [oracle.of_probs(row) for row in oracle.rows(q)]
    truth = [oracle.cross_entropy(w, c) for w, c in zip(oracle.rows(p), costs, strict=True)]
    check_losses(categorical_crossentropy(q, p), truth, q.dtype)
    labels = p.argmax(1)
    truth = [c.cost[k] for c, k in zip(costs, labels, strict=True)]
    check_losses(categorical_crossentropy(q, labels), truth, q.dtype)
    # An int vector is its one-hot rows, whatever their number type.
    for dtype in (q.dtype, np.int64, np.bool_):
        one_hot = np.eye(q.shape[1], dtype=dtype)[labels]
        check_losses(categorical_crossentropy(q, one_hot), truth, q.dtype)


@every_framework
def test_every_framework(make: Any) -> None:
    q = np.array([[0.25, 0.5, 0.25], [0.125, 0.125, 0.75]], np.float32)
    p = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]], np.float32)
    for found, known in (
        (binary_crossentropy(make(q), make(p)), binary_crossentropy(q, p)),
        (sigmoid_binary_crossentropy(make(q), make(p)), sigmoid_binary_crossentropy(q, p)),
        (categorical_crossentropy(make(q), make(p)), categorical_crossentropy(q, p)),
        (
            categorical_crossentropy(make(q), make(np.array([2, 0]))),
            categorical_crossentropy(q, np.array([2, 0])),
        ),
        (
            categorical_crossentropy(make(q), make(np.eye(3, dtype=np.int32)[:2])),
            categorical_crossentropy(q, np.eye(3, dtype=np.int32)[:2]),
        ),
    ):
        assert kind(found) == kind(make(q))
        np.testing.assert_allclose(np.asarray(found), known, 4e-7)


def test_gradients() -> None:
    torch = pytest.importorskip("torch")
    q = torch.tensor([[0.25, 0.75], [0.5, 0.5]], requires_grad=True)
    categorical_crossentropy(q, torch.tensor([0, 1])).sum().backward()
    assert q.grad.tolist() == [[-4.0, 0.0], [0.0, -2.0]]
    z = torch.zeros(2, requires_grad=True)
    sigmoid_binary_crossentropy(z, torch.tensor([1.0, 0.25])).sum().backward()
    assert z.grad.tolist() == [-0.5, 0.25]


def test_nothing_is_clipped() -> None:
    assert binary_crossentropy([0.0, 1.0, 0.0], [1.0, 1.0, 0.0]).tolist() == [INF, 0.0, 0.0]
    assert categorical_crossentropy([[0.0, 1.0]] * 2, [0, 1]).tolist() == [INF, 0.0]
    assert categorical_crossentropy([[0.0, 1.0]] * 2, [[0.0, 1.0], [0.5, 0.5]]).tolist() == [
        0.0,
        INF,
    ]


def test_what_is_refused() -> None:
    q = [[0.25, 0.5, 0.25], [0.125, 0.125, 0.75]]
    with pytest.raises(TypeError, match="rank mismatch between coding and true distributions"):
        categorical_crossentropy(q, 1)
    with pytest.raises(TypeError, match="integers"):
        categorical_crossentropy(q, [0.0, 1.0])
    with pytest.raises(plogq.LabelError, match="label -1 at event 1"):
        categorical_crossentropy(q, [0, -1])
    with pytest.raises(plogq.ProbabilityError, match=r"sums to 1.5"):
        categorical_crossentropy(q, [[0.5, 0.5, 0.5]] * 2)
    with pytest.raises(plogq.ShapeError, match="the same events"):
        categorical_crossentropy(q, [[0.5, 0.25, 0.25]])
    with pytest.raises(plogq.ShapeError, match="one shape"):
        binary_crossentropy(q, [0.5, 0.25, 0.25])
    with pytest.raises(plogq.ProbabilityError, match="outside"):
        binary_crossentropy([1.5], [1.0])
    with pytest.raises(plogq.ProbabilityError, match="outside"):
        sigmoid_binary_crossentropy([1.5], [-1.0])
    with plogq.validation("off"):
        found = categorical_crossentropy([[0.5, 0.5]], [[1.0, 1.0]])
    assert found == pytest.approx([2 * np.log(2)])


def test_importing_loads_no_framework() -> None:
    assert loaded("import plogq.compat.theano") - loaded("import numpy") == {"plogq"}
