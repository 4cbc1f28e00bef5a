"""N1 and N2 on tensors: confident predictions, ties and shifts, by every way.

TensorFlow's own threads take subnormal numbers for 0, and so do the kernels in a graph; eagerly the
kernels keep them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

import plogq

from .. import bounds, oracle
from ..bounds import BFLOAT16, DTYPES
from ..oracle import mp
from ..test_exactness import EDGES, GAPS
from .tensors import both, by, reached, traced

Array = npt.NDArray[Any]

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
some_dtype = pytest.mark.parametrize("dtype", [DTYPES[1], BFLOAT16], ids=lambda d: d.name)


def above(way: str, dtype: Any, gaps: Array) -> Array:
    """The gaps that are no subnormal numbers of float16, which a graph takes for 0."""
    small = way == "graph" and dtype == np.float16
    return gaps[gaps >= np.finfo(np.float16).tiny] if small else gaps


def check_labels(scores: Array, y: npt.ArrayLike, way: str) -> None:
    """Losses, and the gradient of each."""
    y = np.asarray(y)
    ones = np.ones(len(y))
    loss, _, gradient, _ = both(way, plogq.Labels(y), plogq.Logits(scores), ones, 0 * ones)
    reached(way, bounds.Losses(oracle.label_costs(scores, y), scores.dtype)).check(loss)
    truth = [g for row in oracle.label_gradients(scores, y) for g in row]
    reached(way, bounds.Gradient(truth, scores.dtype, True)).check(gradient.scores)


@every_dtype
def test_a_confident_prediction_keeps_its_relative_precision(dtype: Any, way: str) -> None:
    """Gaps from 1 to 100, for the likelier and for the other class."""
    gaps = above(way, dtype, np.concatenate([GAPS, EDGES]))
    two = np.stack([np.zeros_like(gaps), -gaps], axis=-1).astype(dtype)
    two = np.concatenate([two, two])
    check_labels(two, np.repeat([0, 1], len(gaps)), way)


def test_tensorflow_itself_loses_what_is_kept_here(way: str) -> None:
    """The comparison that the line above is worth its cost for; if they mend it, look again."""
    scores, y = tf.constant([[0.0, -40.0]]), tf.constant([0])
    assert tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores)[0] == 0
    with by(way):
        ours = traced(way, lambda z: plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z)), scores)
    np.testing.assert_allclose(ours, np.exp(-40.0), rtol=1e-6)


@some_dtype
def test_ties_shifts_and_many_classes(dtype: Any, way: str, rng: np.random.Generator) -> None:
    others = np.linspace(0, 3, 16)
    sure = np.concatenate([np.zeros((20, 1)), -(GAPS[::4][:20, None] + others)], axis=-1)
    ties = np.full((20, 17), -2.5)
    for i, row in enumerate(ties):
        row[(np.arange(2 + i % 9) + i) % 17] = 1.25
    shift = np.float64(6e4 if dtype == BFLOAT16 else 1e30)
    shifted = shift + rng.normal(0, 8, (20, 17))
    scores = np.concatenate([sure, ties, shifted, -shifted, rng.normal(0, 20, (20, 17))])
    scores = scores.astype(dtype)
    check_labels(scores, np.arange(len(scores)) % 17, way)


@some_dtype
def test_a_row_of_equal_scores_costs_log_k(dtype: Any, way: str) -> None:
    for classes in (2, 1000) if way == "xla" else (2, 1000, 20011):
        scores = np.full((1, classes), -3.0, dtype)
        p = plogq.Labels(np.array([classes // 2]))
        loss, _, _, _ = both(way, p, plogq.Logits(scores), [1.0], [0.0])
        reached(way, bounds.Losses([mp.log(classes)], dtype)).check(loss)


@every_dtype
def test_scores_of_opposite_extremes(dtype: Any, way: str) -> None:
    top = bounds.largest(dtype)
    scores = np.array([[top, -top, 0.0], [top / 4, -top / 4, 1.0], [-top, -top, -top]])
    check_labels(np.repeat(scores, 3, 0).astype(dtype), [0, 1, 2] * 3, way)


@some_dtype
def test_soft_gradients_are_within_8_u_of_the_mass(
    dtype: Any, way: str, rng: np.random.Generator
) -> None:
    for classes in (2, 130):
        scores = rng.normal(0, 6, (8, classes)).astype(dtype)
        p = rng.dirichlet(np.full(classes, 0.4), 8).astype(dtype)
        ones = np.ones(8)
        found = both(way, plogq.Probs(p), plogq.Logits(scores), ones, 0 * ones)
        masses = [oracle.mass(w) for w in oracle.rows(p)]
        losses = bounds.Losses(oracle.soft_costs(p, scores), dtype, masses)
        reached(way, losses).check(found[0])
        truth = [g for row in oracle.soft_gradients(p, scores) for g in row]
        sizes = np.repeat([float(m) for m in masses], classes)
        reached(way, bounds.Gradient(truth, dtype, False, sizes)).check(found[2].scores)


@every_dtype
def test_binary_scores(dtype: Any, way: str) -> None:
    """Both signs of every gap; one of the two costs is e^-|z| and less."""
    gaps = above(way, dtype, np.concatenate([GAPS, EDGES]))
    z = np.concatenate([gaps, -gaps, [0.0, -0.0, 1e4, -1e4]]).astype(dtype)
    truth = [oracle.of_yes(x) for x in oracle.row(z)]
    for y in (0, 1):
        p, ones = plogq.BinaryProbs(np.full(len(z), y)), np.ones(len(z))
        loss, _, gradient, _ = both(way, p, plogq.BinaryLogits(z), ones, 0 * ones)
        reached(way, bounds.Losses([c.cost[y] for c in truth], dtype)).check(loss)
        slopes = [c.q[1] if y == 0 else -c.q[0] for c in truth]
        reached(way, bounds.Gradient(slopes, dtype, True)).check(gradient.scores)


def test_small_losses_and_gradients_are_kept_where_tensorflow_keeps_them() -> None:
    """Eagerly even subnormal ones, which TensorFlow's own operations take for 0."""
    z = tf.constant([[0.0, -100.0]])
    pair = plogq.Labels(tf.constant([0])), plogq.Logits(z)
    loss = plogq.cross_entropy(*pair, reduction="none")
    np.testing.assert_allclose(loss, np.exp(-100.0), rtol=0.02)
