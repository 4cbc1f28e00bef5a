"""N1 and N2 by the kernels in Triton, where rows are cut into tiles and entries into spans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import plogq
from plogq.kernels.table import using

from .. import bounds, oracle
from ..on_torch.tensors import array
from ..oracle import mp
from ..suite import exactness
from .adapter import FRAMEWORK
from .device import DEVICE, TAKEN, leaf, put

Array = npt.NDArray[Any]

every_dtype = pytest.mark.parametrize("dtype", TAKEN, ids=lambda d: d.name)


@pytest.fixture(autouse=True)
def by_triton() -> Iterator[None]:
    with using("triton"):
        yield


def check(scores: Array, y: npt.ArrayLike) -> None:
    suite = exactness.Exactness()
    suite.framework = FRAMEWORK
    suite.check("one tile", scores, y)


def test_a_million_classes() -> None:
    """2²⁰ of them, in one row that several programs share: near-equal ones, and one far ahead.

    The interpreter takes its time for each tile: there an eighth of the classes, and of programs.
    """
    classes = 1 << (17 if DEVICE == "cpu" else 20)
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(2, classes)).astype(np.float32)
    scores[1, classes // 4 * 3] = 40.0
    y = np.array([classes // 8, classes // 4 * 3])
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
