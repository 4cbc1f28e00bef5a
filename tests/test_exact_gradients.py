"""N2: for labels every component within (8 + |ln g|) u; for soft targets within 8 u · mass."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq

from . import bounds, oracle
from .bounds import DTYPES
from .gaps import EDGES, GAPS
from .oracle import mp
from .together import for_each

Array = npt.NDArray[Any]

pytestmark = pytest.mark.usefixtures("instructions")
every_dtype = for_each("dtype", DTYPES, ids=lambda d: d.name)


def gradient(p: Any, q: Any) -> Array:
    """The gradient of the sum of the losses, in Q's own array."""
    _, grad = plogq.value_and_grad(p, q, reduction="sum")
    return grad.scores


def check_label_rows(scores: Array, y: npt.ArrayLike) -> None:
    y = np.asarray(y)
    got = gradient(plogq.Labels(y), plogq.Logits(scores))
    assert got.dtype == scores.dtype
    for actual, truth in zip(got, oracle.label_gradients(scores, y), strict=True):
        bounds.check_hard_gradient(actual, truth, scores.dtype)


@every_dtype
@for_each("gaps", [GAPS, EDGES], ids=["gaps", "edges"])
def test_a_confident_prediction_keeps_its_gradient(gaps: Array, dtype: Any) -> None:
    """-R / (1 + R) at the label, which q - 1 rounds to 0."""
    two = np.stack([np.zeros_like(gaps), -gaps], axis=-1).astype(dtype)
    check_label_rows(two, np.zeros(len(two), int))
    check_label_rows(two, np.ones(len(two), int))


@every_dtype
def test_gradients_of_random_rows(dtype: Any, rng: np.random.Generator) -> None:
    for classes, spread in ((2, 2.0), (9, 10.0), (37, 25.0), (130, 3.0)):
        scores = rng.normal(0, spread, (12, classes)).astype(dtype)
        check_label_rows(scores, rng.integers(0, classes, 12))
        check_label_rows(scores, scores.astype(float).argmax(axis=-1))


@every_dtype
def test_gradients_at_ties(dtype: Any) -> None:
    """A label that ties for the greatest score is the first place of it, or is not."""
    scores = np.full((19, 19), -4.0)
    scores[:, [2, 11, 18]] = 3.5
    check_label_rows(scores.astype(dtype), np.arange(19))
    check_label_rows(np.full((7, 7), 2.0, dtype), np.arange(7))


@every_dtype
@for_each("shift", [1e4, -1e4, 1e30, -1e30])
def test_gradients_of_shifted_scores(shift: float, dtype: Any, rng: np.random.Generator) -> None:
    shift = float(np.clip(shift, -6e4, 6e4)) if dtype == np.float16 else shift
    scores = (shift + rng.normal(0, 6, (10, 8))).astype(dtype)
    check_label_rows(scores, np.arange(10) % 8)


@for_each("dtype", DTYPES[:2], ids=lambda d: d.name)
@for_each("classes", [1025, 2**20])
def test_gradients_of_long_rows(classes: int, dtype: Any) -> None:
    """Components at the ends, at block borders, at the label and at the greatest score."""
    grid = np.random.default_rng(classes).integers(-400, 401, classes) / 32
    scores = grid.astype(dtype)[None]
    tally = oracle.Tally(grid)
    top = int(grid.argmax())
    for y in (0, top, classes - 1, classes // 3):
        got = gradient(plogq.Labels([y]), plogq.Logits(scores))[0]
        places = {0, 1, 63, 64, 1023, 1024, classes - 1, top, int(grid.argmin()), y}
        for j in sorted(places):
            bounds.check_hard_gradient(got[[j]], [tally.gradient(y, j)], dtype)
        # A gradient sums to 0: nothing is lost between the places that were looked at.
        assert abs(math.fsum(got.astype(float))) < 64 * bounds.unit(dtype)


@every_dtype
def test_soft_gradients_are_within_8_u_of_the_mass(dtype: Any, rng: np.random.Generator) -> None:
    for classes in (2, 10, 130):
        scores = rng.normal(0, 6, (8, classes)).astype(dtype)
        p = rng.dirichlet(np.full(classes, 0.4), 8).astype(dtype)
        with plogq.validation("off"):
            got = gradient(plogq.Probs(p), plogq.Logits(scores))
        truth = oracle.soft_gradients(p, scores)
        for actual, slopes, w in zip(got, truth, oracle.rows(p), strict=True):
            bounds.check_soft_gradient(actual, slopes, dtype, oracle.mass(w))


@every_dtype
def test_a_prediction_equal_to_its_target_has_no_gradient(dtype: Any) -> None:
    """p = q exactly, where p - q cancels altogether."""
    p = np.array([[0.5, 0.25, 0.125, 0.125], [0.25] * 4]).astype(dtype)
    for scores in (np.zeros((2, 4)), np.full((2, 4), 11.0)):
        got = gradient(plogq.Probs(p), plogq.Logits(scores.astype(dtype)))
        bounds.check_soft_gradient(got[1], [oracle.ZERO] * 4, dtype)


@every_dtype
def test_binary_gradients(dtype: Any) -> None:
    z = np.concatenate([GAPS, -GAPS, EDGES, -EDGES, [0.0]]).astype(dtype)
    no, yes = _yes_shares(z)
    for y, truth in ((0, yes), (1, [-q for q in no])):
        got = gradient(plogq.BinaryProbs(np.full(len(z), y)), plogq.BinaryLogits(z))
        bounds.check_hard_gradient(got, truth, dtype)


@oracle.remembered
def _yes_shares(z: Array) -> tuple[list[oracle.Real], list[oracle.Real]]:
    shares = [oracle.of_yes(score).q for score in oracle.row(z)]
    return [q[0] for q in shares], [q[1] for q in shares]


@every_dtype
def test_gradients_of_stored_probabilities_are_quotients(
    dtype: Any, rng: np.random.Generator
) -> None:
    p, q = (rng.dirichlet(np.ones(6), 9).astype(dtype) for _ in range(2))
    _, grad = plogq.value_and_grad(plogq.Probs(p), plogq.Probs(q), reduction="sum")
    assert grad.probs.dtype == dtype
    for actual, w, v in zip(grad.probs, oracle.rows(p), oracle.rows(q), strict=True):
        truth = [-a / b for a, b in zip(w, v, strict=True)]
        bounds.check_hard_gradient(actual, truth, dtype)
    _, grad = plogq.value_and_grad(plogq.Probs(p), plogq.LogProbs(np.log(q)), reduction="sum")
    assert grad.log_probs.dtype == dtype
    assert np.array_equal(grad.log_probs, -p)


@every_dtype
def test_the_gradient_of_a_mean_is_that_of_the_sum_over_the_mass(
    dtype: Any, rng: np.random.Generator
) -> None:
    """1 / N enters before the rounding to the input's dtype, not after it."""
    scores = rng.normal(0, 3, (7, 5)).astype(dtype)
    y = np.array([0, 1, -1, 2, 4, -1, 3])
    _, grad = plogq.value_and_grad(plogq.Labels(y, ignore=-1), plogq.Logits(scores))
    share = oracle.ONE / 5
    for actual, row, j in zip(grad.scores, oracle.rows(scores), y, strict=True):
        p = [share * w for w in oracle.one_hot(int(j), 5)]
        truth = oracle.logits_gradient(p, oracle.of_logits(row))
        bounds.check_hard_gradient(actual, truth, dtype, share if mp.fsum(p) else oracle.ZERO)


@for_each("dtype", DTYPES[:2], ids=lambda d: d.name)
@for_each("weight", [1e-30, 1e-6, 1e6, 1e30])
def test_weights_leave_the_relative_precision_of_a_gradient_alone(
    weight: float, dtype: Any
) -> None:
    """A factor however small or great, on confident events and on others."""
    gaps = np.array([0.0, 0.5, 3.0, 17.0, 40.0])
    scores = np.stack([np.zeros_like(gaps), -gaps, -gaps - 1], axis=-1).astype(dtype)
    y = np.zeros(len(gaps), int)
    p = plogq.Weighted(plogq.Labels(y), sample_weight=np.full(len(gaps), weight))
    got = gradient(p, plogq.Logits(scores))
    factor = oracle.real(weight)
    truth = [factor * g for row in oracle.label_gradients(scores, y) for g in row]
    bounds.check_hard_gradient(got, truth, dtype, factor)


@every_dtype
@for_each("axis", [0, 1])
def test_sparse_targets_of_many_entries(axis: int, dtype: Any, rng: np.random.Generator) -> None:
    """More entries than fit where a few are kept, in an order of their own and some twice."""
    classes, entries = 150, 130
    scores = rng.normal(0, 4, (5, classes)).astype(dtype)
    index = rng.integers(0, classes, (5, entries))
    p = rng.dirichlet(np.ones(entries), 5)
    dense = np.zeros((5, classes))
    for i in range(5):
        np.add.at(dense[i], index[i], p[i])
    q = plogq.Logits(np.moveaxis(scores, -1, axis).copy(), axis=axis)
    losses, grad = plogq.value_and_grad(plogq.SparseProbs(index, p), q, reduction="none")
    bounds.check_losses(losses, oracle.soft_costs(dense, scores), dtype)
    truth = [g for row in oracle.soft_gradients(dense, scores) for g in row]
    bounds.check_soft_gradient(np.moveaxis(grad.scores, axis, -1), truth, dtype)


@lru_cache(1)
def large(dtype: np.dtype[Any]) -> tuple[Array, Array, Array, Array]:
    """Scores, labels, soft targets and the softmax, made once for the cases that follow."""
    # Above 8 MB of gradient, the kernel writes past the cache: in 16 bits as well.
    rows, classes = 257, 16_411
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 3, (rows, classes)).astype(dtype)
    y = rng.integers(0, classes, rows)
    p = np.zeros((rows, classes), np.float32)
    p[np.arange(rows), y] = 0.75
    p[:, 17] += 0.25
    softmax = scores.astype(np.float64)
    softmax = np.exp(softmax - softmax.max(axis=-1, keepdims=True))
    softmax /= softmax.sum(axis=-1, keepdims=True)
    return scores, y, p, softmax


@for_each("axis", [0, 1])
@for_each("kind", ["labels", "soft", "smoothed"])
@for_each("dtype", [DTYPES[1], DTYPES[3]], ids=lambda d: d.name)
def test_gradients_larger_than_the_cache(kind: str, axis: int, dtype: Any) -> None:
    """Written past the cache, every element of them; float64 NumPy is truth enough for float32."""
    scores, y, p, softmax = large(dtype)
    rows, classes = scores.shape
    share = {"labels": 0.0, "soft": 0.0, "smoothed": 0.25}[kind]
    target: Any = plogq.Probs(p) if kind == "soft" else plogq.Labels(y)
    target = plogq.Smoothed(target, share) if share else target
    q = plogq.Logits(scores)
    if axis == 0:
        q = plogq.Logits(np.ascontiguousarray(scores.T), axis=0)
        target = plogq.Probs(np.ascontiguousarray(p.T), axis=0) if kind == "soft" else target
    _, grad = plogq.value_and_grad(target, q, reduction="sum")
    got = np.moveaxis(grad.scores, axis, -1)
    masses = p.astype(np.float64)
    if kind != "soft":
        masses = np.full((rows, classes), share / classes)
        masses[np.arange(rows), y] += 1 - share
    exact = softmax - masses
    allowed = 8 * bounds.unit(dtype) + (bounds.rounding(dtype) if dtype != np.float32 else 0) * (
        np.abs(exact)
    )
    assert (np.abs(got.astype(np.float64) - exact) <= allowed).all()
