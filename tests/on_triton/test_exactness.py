"""N1 and N2 by the kernels in Triton: confident predictions, ties, shifts, subnormal results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq
from plogq.kernels.table import using

from .. import bounds, oracle
from ..on_torch.tensors import array
from ..on_torch.test_exactness import check_labels
from ..oracle import mp
from ..test_exactness import EDGES, GAPS
from .device import DEVICE, TAKEN, kernel_of, leaf, put

Array = npt.NDArray[Any]

every_dtype = pytest.mark.parametrize("dtype", TAKEN, ids=lambda d: d.name)


@pytest.fixture(autouse=True)
def by_triton() -> Iterator[None]:
    with using("triton"):
        yield


def check(scores: Array, y: npt.ArrayLike) -> None:
    check_labels(scores, y, "triton", DEVICE)


@every_dtype
@pytest.mark.parametrize("gaps", [GAPS, EDGES], ids=["gaps", "edges"])
def test_a_confident_prediction_keeps_its_relative_precision(gaps: Array, dtype: Any) -> None:
    """Gaps from 1 to 100, the losses of the greatest of them subnormal."""
    two = np.stack([np.zeros_like(gaps), -gaps], axis=-1).astype(dtype)
    check(two, np.zeros(len(two), int))
    check(two, np.ones(len(two), int))


@every_dtype
def test_a_confident_prediction_is_exact_among_many_classes(dtype: Any) -> None:
    gaps = GAPS[::6]
    others = np.linspace(0, 3, 36)
    scores = np.concatenate([np.zeros((len(gaps), 1)), -(gaps[:, None] + others)], axis=-1)
    check(scores.astype(dtype), np.arange(len(scores)) % 37 * (np.arange(len(scores)) % 2))


def test_a_million_classes() -> None:
    """2²⁰ of them, in one row that several programs share: near-equal ones, and one far ahead."""
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(2, 1 << 20)).astype(np.float32)
    scores[1, 777_777] = 40.0
    y = np.array([123_456, 777_777])
    z = put(scores)
    loss = plogq.cross_entropy(plogq.Labels(put(y)), plogq.Logits(z), reduction="none")
    wide = scores.astype(np.longdouble)
    rest = [np.sum(np.exp(np.delete(row, k) - row[k])) for row, k in zip(wide, y, strict=True)]
    bounds.check_losses(array(loss), [mp.log1p(mp.mpf(float(r))) for r in rest], scores.dtype)


@every_dtype
@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("ties", [2, 17])
def test_ties_for_the_greatest_score(ties: int, dtype: Any) -> None:
    """In one tile, and in several."""
    for classes in (19, 150):
        scores = np.full((3, classes), -2.5)
        for i, row in enumerate(scores):
            row[(np.arange(ties) * 7 + i) % classes] = 1.25
        check(scores.astype(dtype), np.arange(3) % classes)


@every_dtype
@pytest.mark.parametrize("classes", [2, 5, 64, 20011])
def test_a_row_of_equal_scores_costs_log_k(classes: int, dtype: Any) -> None:
    for score in (0.0, -6e4):
        scores = put(np.full((3, classes), score).astype(dtype))
        p = plogq.Labels(torch.tensor([0, classes // 2, classes - 1], device=DEVICE))
        got = plogq.cross_entropy(p, plogq.Logits(scores), reduction="none")
        bounds.Losses([mp.log(classes)] * 3, dtype).check(array(got))


@every_dtype
@pytest.mark.parametrize("shift", [1e4, -1e4, 1e30, -1e30])
def test_shifted_scores(shift: float, dtype: Any, rng: np.random.Generator) -> None:
    shift = float(np.clip(shift, -6e4, 6e4)) if dtype == np.float16 else shift
    scores = (shift + rng.normal(0, 8, (22, 11))).astype(dtype)
    base = np.asarray(shift, dtype)
    for i, row in enumerate(scores):
        row[i % 11] = np.nextafter(base, np.asarray(0, dtype))
        row[(i + 3) % 11] = base
    check(scores, np.arange(22) % 11)


@every_dtype
@pytest.mark.usefixtures("small_tiles")
def test_scores_of_opposite_extremes(dtype: Any) -> None:
    """The greatest gap there is, for labels and for soft targets, within a tile and across."""
    top = bounds.largest(dtype)
    scores = np.array([[top, -top, 0.0], [top / 4, -top / 4, 1.0], [-top, -top, -top]])
    for y in range(3):
        check(scores.astype(dtype), [y] * 3)
    wide = np.full((2, 150), -top)
    wide[0, 0], wide[1, 149] = top, top
    wide = wide.astype(dtype)
    check(wide, [149, 0])
    p = np.full((2, 150), 0.0, np.float32)
    p[:, 0], p[:, 75], p[:, 149] = 0.5, 0.25, 0.25
    got = plogq.cross_entropy(plogq.Probs(put(p)), plogq.Logits(put(wide)), reduction="none")
    bounds.Losses(oracle.soft_costs(p, wide), dtype).check(array(got))


@every_dtype
def test_many_equal_small_terms_are_not_lost(dtype: Any) -> None:
    """One high score above 40,000 low ones: added to it one by one in float32 they would vanish."""
    classes = 40_001
    scores = np.full((1, classes), -16.0)
    scores[0, 7] = 0.0
    scores = scores.astype(dtype)
    tally = oracle.Tally(scores[0])
    for y in (7, 11):
        q = plogq.Logits(leaf(scores))
        loss = plogq.cross_entropy(plogq.Labels(put(np.array([y]))), q, reduction="none")
        bounds.Losses([tally.cost(y)], dtype).check(array(loss))
        loss.sum().backward()
        places = [0, 7, 11, classes - 1]
        truth = [tally.gradient(y, j) for j in places]
        bounds.Gradient(truth, dtype, True).check(array(q.scores.grad)[0, places])


@every_dtype
def test_soft_gradients_are_within_8_u_of_the_mass(dtype: Any, rng: np.random.Generator) -> None:
    for classes in (2, 10, 130):
        scores = rng.normal(0, 6, (6, classes)).astype(dtype)
        p = rng.dirichlet(np.full(classes, 0.4), 6).astype(dtype)
        q = plogq.Logits(leaf(scores))
        loss = plogq.cross_entropy(plogq.Probs(put(p)), q, reduction="none")
        masses = [oracle.mass(w) for w in oracle.rows(p)]
        bounds.Losses(oracle.soft_costs(p, scores), dtype, masses).check(array(loss))
        loss.sum().backward()
        truth = [g for row in oracle.soft_gradients(p, scores) for g in row]
        sizes = np.repeat([float(m) for m in masses], classes)
        bounds.Gradient(truth, dtype, False, sizes).check(array(q.scores.grad))


@every_dtype
def test_a_class_that_is_listed_twice_is_one(dtype: Any) -> None:
    """All of the mass on one class, in two entries: the gradient keeps its relative precision."""
    scores = np.array([[0.0, -30.0, -31.0], [-30.0, 0.0, -2.0], [1.0, 0.5, 0.0]]).astype(dtype)
    index = np.array([[0, 0], [1, 1], [2, 2]])
    q = plogq.Logits(leaf(scores))
    p = plogq.SparseProbs(put(index), put(np.array([[0.25, 0.75], [0.5, 0.5], [0.0, 1.0]])))
    loss = plogq.cross_entropy(p, q, reduction="none")
    bounds.Losses(oracle.label_costs(scores, index[:, 0]), dtype).check(array(loss))
    loss.sum().backward()
    truth = [g for row in oracle.label_gradients(scores, index[:, 0]) for g in row]
    bounds.Gradient(truth, dtype, True).check(array(q.scores.grad))


@every_dtype
def test_binary_scores(dtype: Any) -> None:
    """Both signs of every gap; one of the two costs is e^-|z| and less."""
    z = np.concatenate([GAPS, -GAPS, EDGES, -EDGES, [0.0, -0.0, 1e4, -1e4]]).astype(dtype)
    truth = [oracle.of_yes(x) for x in oracle.row(z)]
    for y in (0, 1):
        q = plogq.BinaryLogits(leaf(z))
        p = plogq.BinaryProbs(torch.full((len(z),), y, device=DEVICE))
        loss = plogq.cross_entropy(p, q, reduction="none")
        bounds.Losses([c.cost[y] for c in truth], dtype).check(array(loss))
        loss.sum().backward()
        slopes = [c.q[1] if y == 0 else -c.q[0] for c in truth]
        bounds.Gradient(slopes, dtype, True).check(array(q.scores.grad))


@pytest.mark.parametrize("weight", [1e-30, 1e-6, 1e6, 1e30])
def test_weights_leave_the_relative_precision_of_a_gradient_alone(weight: float) -> None:
    gaps = np.array([0.0, 0.5, 3.0, 17.0, 40.0])
    scores = np.stack([np.zeros_like(gaps), -gaps, -gaps - 1], axis=-1).astype(np.float32)
    y = np.zeros(len(gaps), int)
    sample = torch.full((len(gaps),), weight, device=DEVICE)
    p = plogq.Weighted(plogq.Labels(put(y)), sample_weight=sample)
    q = plogq.Logits(leaf(scores))
    plogq.cross_entropy(p, q, reduction="sum").backward()
    factor = oracle.real(np.float32(weight))
    truth = [factor * g for row in oracle.label_gradients(scores, y) for g in row]
    bounds.Gradient(truth, scores.dtype, True, float(factor)).check(array(q.scores.grad))


rows = st.lists(
    st.lists(st.floats(-200, 200, width=16), min_size=5, max_size=5), min_size=1, max_size=6
)


@settings(max_examples=8)
@given(rows, st.integers(-(2**20), 2**20), st.integers(0, 4), st.permutations(range(5)))
def test_laws_of_drawn_scores(
    drawn: list[list[float]], shift: int, label: int, order: list[int]
) -> None:
    """Within the bounds; the same under a shift; the same in another order of the classes."""
    scores = (np.round(np.array(drawn) * 8) / 8).astype(np.float32)
    y = np.full(len(scores), label)

    def losses(z: Array, y: Array) -> torch.Tensor:
        pair = kernel_of(plogq.Labels(put(y)), plogq.Logits(put(z)))
        return pair.kernel.forward(pair.measure, pair.scores).loss

    got = losses(scores, y)
    bounds.Losses(oracle.label_costs(scores, y), scores.dtype).check(array(got))
    assert torch.equal(losses((scores + np.float32(shift / 8)).astype(np.float32), y), got)
    moved = np.ascontiguousarray(scores[:, order])
    again = losses(moved, np.full(len(scores), order.index(label)))
    bounds.Losses(oracle.label_costs(scores, y), scores.dtype).check(array(again))
    one_hot = np.eye(5, dtype=np.float32)[y]
    pair = kernel_of(plogq.Probs(put(one_hot)), plogq.Logits(put(scores)))
    as_row = pair.kernel.forward(pair.measure, pair.scores).loss
    bounds.Losses(oracle.label_costs(scores, y), scores.dtype).check(array(as_row))


def test_many_entries_some_of_one_class() -> None:
    """Entries of one class add up, wherever they stand in their event."""
    rng = np.random.default_rng(5)
    index, probs = rng.integers(0, 90, (4, 200)), rng.dirichlet(np.ones(200), 4)
    index[3], probs[2, 7:] = 11, 0.0
    z = put(rng.normal(size=(4, 90)).astype(np.float32))
    found: list[torch.Tensor] = []
    for kernel in ("triton", "formula"):
        scores = z.clone().requires_grad_()
        p = plogq.SparseProbs(put(index), put(probs))
        with using(kernel):
            plogq.cross_entropy(p, plogq.Logits(scores), reduction="sum").backward()
        assert scores.grad is not None
        found.append(scores.grad)
    torch.testing.assert_close(found[0], found[1], rtol=2e-6, atol=1e-7)
