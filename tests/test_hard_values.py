"""Hypothesis looks for the scores that break a formula: zeros, subnormals, extremes, ±∞, NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq

from . import bounds, oracle
from .bounds import DTYPES
from .together import for_each

pytestmark = pytest.mark.usefixtures("kernel")


def values(dtype: Any, infinite: bool = True) -> st.SearchStrategy[float]:
    """Numbers of this dtype, among them those at which something changes."""
    top, tiny = bounds.largest(dtype), bounds.least(dtype)
    step = bounds.rounding(dtype)
    special = [0.0, -0.0, 1.0, 1 + 2 * step, -1.0, top, -top, top / 2, tiny, -tiny, 1 - step]
    special += [np.log(2.0), 87.5, -87.5, 103.9, 104.5, 708.5, -745.1, 1e4, -1e4]
    if infinite:
        special += [np.inf, -np.inf, np.nan]
    drawn = st.one_of(
        st.sampled_from(special),
        st.floats(-120, 120, width=32),
        st.floats(-top, top, allow_nan=False),
    )
    return drawn.map(lambda x: float(np.asarray(x).astype(dtype)))


dtypes = st.sampled_from(DTYPES)
rows = dtypes.flatmap(
    lambda dtype: st.tuples(
        st.just(dtype), st.lists(values(dtype), min_size=2, max_size=6), st.integers(0, 5)
    )
)


@settings(max_examples=150)
@given(rows)
def test_labels_of_hard_rows(drawn: tuple[Any, list[float], int]) -> None:
    dtype, row, y = drawn
    y %= len(row)
    scores = np.array([row], dtype)
    costs = oracle.of_logits(oracle.row(scores[0]))
    q = plogq.Logits(scores)
    loss, grad = plogq.value_and_grad(plogq.Labels([y]), q, reduction="none")
    bounds.check_losses(loss, [costs.cost[y]], dtype)
    bounds.check_losses(
        plogq.cross_entropy(plogq.Labels([y]), q, reduction="none"), [costs.cost[y]], dtype
    )
    truth = oracle.logits_gradient(oracle.one_hot(y, len(row)), costs)
    bounds.check_hard_gradient(grad.scores, truth, dtype)


@settings(max_examples=150)
@given(rows, st.integers(0, 2**31))
def test_soft_targets_of_hard_rows(drawn: tuple[Any, list[float], int], seed: int) -> None:
    """A quarter of the classes without mass, where 0 · log 0 = 0; gaps that do not overflow."""
    dtype, row, _ = drawn
    scores = np.clip(
        np.array([row], dtype).astype(float), *(s * bounds.largest(dtype) / 4 for s in (-1, 1))
    )
    scores = np.where(np.isinf(row), row, scores).astype(dtype)
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 4, (1, len(row))) / 4.0
    p[0, rng.integers(len(row))] += 1
    masses = oracle.row(p[0])
    costs = oracle.of_logits(oracle.row(scores[0]))
    with plogq.validation("off"):
        loss, grad = plogq.value_and_grad(plogq.Probs(p), plogq.Logits(scores), reduction="none")
    mass = oracle.mass(masses)
    bounds.check_losses(loss, [oracle.cross_entropy(masses, costs)], dtype, [mass])
    truth = oracle.logits_gradient(masses, costs)
    bounds.check_soft_gradient(grad.scores, truth, dtype, mass)


@settings(max_examples=100)
@given(
    dtypes.flatmap(
        lambda dtype: st.tuples(st.just(dtype), st.lists(values(dtype), min_size=1, max_size=20))
    )
)
def test_yes_no_outcomes_of_hard_scores(drawn: tuple[Any, list[float]]) -> None:
    dtype, drawn_values = drawn
    z = np.array(drawn_values, dtype)
    costs = [oracle.of_yes(s) for s in oracle.row(z)]
    for y in (0, 1):
        p = plogq.BinaryProbs(np.full(len(z), y))
        loss, grad = plogq.value_and_grad(p, plogq.BinaryLogits(z), reduction="none")
        bounds.check_losses(loss, [c.cost[y] for c in costs], dtype)
        truth = [c.q[1] if y == 0 else -c.q[0] for c in costs]
        bounds.check_hard_gradient(grad.scores, truth, dtype)


@settings(max_examples=100)
@given(
    dtypes.flatmap(
        lambda dtype: st.tuples(
            st.just(dtype),
            st.lists(
                st.one_of(
                    st.sampled_from([0.0, 1.0, bounds.least(dtype), 1 - bounds.rounding(dtype)]),
                    st.floats(0, 1),
                ),
                min_size=1,
                max_size=20,
            ),
        )
    )
)
def test_yes_no_outcomes_of_hard_probabilities(drawn: tuple[Any, list[float]]) -> None:
    dtype, drawn_values = drawn
    q = np.array(drawn_values, dtype)
    costs = [oracle.of_yes_probability(s) for s in oracle.row(q)]
    for y in (0, 1):
        p = plogq.BinaryProbs(np.full(len(q), y))
        loss = plogq.cross_entropy(p, plogq.BinaryProbs(q), reduction="none")
        bounds.check_losses(loss, [c.cost[y] for c in costs], dtype)


@for_each("dtype", DTYPES[:2], ids=lambda d: d.name)
def test_a_share_of_a_gap_that_overflows_is_representable(dtype: Any) -> None:
    """A quarter of a gap of twice the greatest number is half of that number."""
    top = float(bounds.largest(dtype)) / 1.25
    scores = np.array([[-top, top]], dtype)
    truth = [oracle.cross_entropy(oracle.row([0.25, 0.75]), oracle.of_logits(oracle.row(scores)))]
    dense = plogq.Probs(np.array([[0.25, 0.75]]))
    for p in (dense, plogq.SparseProbs([[0, 1]], [[0.25, 0.75]])):
        got = plogq.cross_entropy(p, plogq.Logits(scores), reduction="none")
        bounds.check_losses(got, truth, dtype)


@for_each("shape", [(15, 5), (2, 3000), (70, 40)], ids=str)
@for_each("dtype", [np.float32, np.float64])
def test_shares_of_many_overflowing_gaps_are_representable(
    dtype: Any, shape: tuple[int, int], kernel: str
) -> None:
    """Smoothing spreads mass over classes whose gaps are each twice the greatest number."""
    events, classes = shape
    top = bounds.largest(dtype)
    z = np.full(shape, -top, dtype)
    z[:, 0] = top
    p = plogq.Smoothed(plogq.Labels(np.zeros(events, int)), 0.25)
    losses = plogq.cross_entropy(p, plogq.Logits(z), reduction="none")
    truth = oracle.cross_entropy(
        oracle.smooth(oracle.one_hot(0, classes), 0.25), oracle.of_logits(oracle.row(z[0]))
    )
    bounds.check_losses(losses, [truth] * events, dtype)
