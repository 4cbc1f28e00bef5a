"""Sums of outer products: those of fractions, in whatever order they are added."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plogq.score import outer
from plogq.score.outer import UNITS, Outer

numbers = st.floats(0, 1e200) | st.floats(0, 1) | st.sampled_from([0.0, 5e-324, 1e-300, 0.1])
shares = st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.1, 1e-9, 2.0**-33])


def by_hand(weights: Any, q: Any) -> Any:
    """In fractions."""
    total = [[Fraction(0)] * q.shape[1] for _ in range(weights.shape[1])]
    for w, row in zip(weights.tolist(), q.tolist(), strict=True):
        for i, a in enumerate(w):
            for j, b in enumerate(row):
                total[i][j] += Fraction(a) * Fraction(round(b * UNITS), int(UNITS))
    return np.array([[float(x) for x in row] for row in total])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_they_are_those_of_fractions(data: st.DataObject) -> None:
    rows, a, b = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 3)))
    weights = np.array(data.draw(st.lists(numbers, min_size=rows * a, max_size=rows * a)))
    q = np.array(data.draw(st.lists(shares, min_size=rows * b, max_size=rows * b)))
    weights, q = weights.reshape(rows, a), q.reshape(rows, b)
    total = Outer(a, b)
    total.add(weights, q)
    np.testing.assert_allclose(total.floats(), by_hand(weights, q), rtol=1e-15, atol=1e-322)


@pytest.mark.parametrize("labelled", [False, True])
def test_the_same_however_rows_are_cut(labelled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    n, k = 900, 5
    truth = draw.integers(0, k, n) if labelled else None
    weights = draw.gamma(0.3, 2.0, n if labelled else (n, k)) * 10.0 ** draw.integers(-9, 9)
    q = draw.dirichlet(np.ones(k), n)
    whole = Outer(k, k)
    whole.add(weights, q, truth)
    full = weights if truth is None else np.eye(k)[truth] * weights[:, None]
    np.testing.assert_allclose(whole.floats(), full.T @ q, rtol=1e-7)
    monkeypatch.setattr(outer, "_ROWS", 64)
    monkeypatch.setattr(outer, "_ADDITIONS", 3)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(n)
        parts = [Outer(k, k) for _ in range(4)]
        for i, rows in enumerate(np.array_split(order, 7)):
            parts[i % 3].add(weights[rows], q[rows], None if truth is None else truth[rows])
        first, *others = parts
        for other in others:
            first.merge(other)
        assert (first.floats() == whole.floats()).all()


def test_nothing_comes_to_0() -> None:
    assert (Outer(2, 3).floats() == np.zeros((2, 3))).all()
    total = Outer(2, 2)
    total.merge(Outer(2, 2))
    assert not total.floats().any()
