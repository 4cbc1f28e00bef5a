"""P over exclusive classes: what each target stores, takes and means."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import plogq

from . import bounds, oracle
from .together import for_each

FLOAT64 = np.dtype(np.float64)
SCORES = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]])
TRUTH = [oracle.of_logits(oracle.row(SCORES[i])).cost[j] for i, j in ((0, 1), (1, 0))]


def check(p: Any, truth: list[oracle.Real]) -> None:
    got = plogq.cross_entropy(p, plogq.Logits(SCORES), reduction="none")
    bounds.check_losses(got, truth, FLOAT64)


@for_each(
    "dtype",
    ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", ">i4", ">u2"],
)
def test_labels_of_any_integer_width(dtype: str) -> None:
    check(plogq.Labels(np.array([1, 0], dtype)), TRUTH)


def test_labels_as_lists_tuples_and_strided_arrays() -> None:
    check(plogq.Labels([1, 0]), TRUTH)
    check(plogq.Labels((1, 0)), TRUTH)
    check(plogq.Labels(np.array([0, 9, 1])[::-2]), TRUTH)
    check(plogq.Labels(np.array([1, 0]).reshape(2, 1)[:, 0]), TRUTH)


def test_every_class_of_a_uint8_label_is_reached() -> None:
    """Labels are not cast through a signed or a narrower type (labels lost above 127)."""
    scores = np.random.default_rng(0).normal(size=(256, 256))
    y = np.arange(256, dtype=np.uint8)
    truth = oracle.label_costs(scores[::17], y[::17])
    got = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(scores), reduction="none")
    bounds.check_losses(got[::17], truth, FLOAT64)


def test_the_dtype_of_the_scores_does_not_touch_the_labels() -> None:
    """Label 257 is no bfloat16 number (keras#15012)."""
    scores = np.zeros((1, 300), bounds.BFLOAT16)
    scores[0, 257] = 9
    got = plogq.cross_entropy(plogq.Labels([257]), plogq.Logits(scores))
    truth = oracle.Tally(scores[0]).cost(257)
    bounds.check_loss(got, truth, scores.dtype)


def test_an_ignored_label_may_be_any_integer_even_one_that_is_a_class() -> None:
    for mark in (-100, -1, 2, 255):
        p = plogq.Labels(np.array([1, mark]), ignore=mark)
        check(p, [TRUTH[0], oracle.ZERO])
        assert plogq.cross_entropy(p, plogq.Logits(SCORES)) == pytest.approx(float(TRUTH[0]))


def test_ignoring_a_mark_that_does_not_occur_changes_nothing() -> None:
    check(plogq.Labels([1, 0], ignore=-100), TRUTH)


def test_an_unsigned_label_may_be_ignored_by_its_greatest_value() -> None:
    check(plogq.Labels(np.array([1, 255], np.uint8), ignore=255), [TRUTH[0], oracle.ZERO])


def test_a_negative_mark_never_matches_an_unsigned_label() -> None:
    check(plogq.Labels(np.array([1, 0], np.uint8), ignore=-1), TRUTH)


def test_the_mark_may_be_a_numpy_integer() -> None:
    check(plogq.Labels([1, -1], ignore=np.int64(-1)), [TRUTH[0], oracle.ZERO])


def test_soft_targets_of_another_dtype_than_the_scores() -> None:
    p = np.array([[0.25, 0.5, 0.25], [1.0, 0.0, 0.0]])
    truth = oracle.soft_costs(p, SCORES)
    for dtype in (*bounds.DTYPES, ">f4", ">f8"):
        check(plogq.Probs(p.astype(dtype)), truth)


def test_sparse_targets_list_classes_in_any_order_and_more_than_once() -> None:
    dense = np.array([[0.25, 0.0, 0.75], [0.5, 0.5, 0.0]])
    index, p = [[2, 0, 2], [1, 0, 1]], [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]
    check(plogq.SparseProbs(index, p), oracle.soft_costs(dense, SCORES))
    _, grad = plogq.value_and_grad(
        plogq.SparseProbs(index, p), plogq.Logits(SCORES), reduction="sum"
    )
    truth = oracle.soft_gradients(dense, SCORES)
    bounds.check_soft_gradient(grad.scores, [g for r in truth for g in r], FLOAT64)


def test_sparse_targets_may_list_no_class_at_all() -> None:
    p = plogq.SparseProbs(np.zeros((2, 0), int), np.zeros((2, 0)))
    check(p, [oracle.ZERO] * 2)
    assert plogq.cross_entropy(p, plogq.Logits(SCORES)) == 0


def test_sparse_targets_keep_the_mass_that_they_list() -> None:
    """Top-k of a teacher: the mean divides by what is listed."""
    p = plogq.SparseProbs([[1], [0]], [[0.5], [0.25]])
    whole = 0.5 * TRUTH[0] + 0.25 * TRUTH[1]
    got = plogq.cross_entropy(p, plogq.Logits(SCORES))
    assert got == pytest.approx(float(whole / 0.75), rel=1e-14)


def test_smoothing_spreads_the_mass_that_there_is() -> None:
    """Of weight w, ε·w/K goes to every class; of an ignored label nothing does."""
    w = [oracle.weigh(oracle.smooth(oracle.one_hot(1, 3), 0.3), 2.0), [oracle.ZERO] * 3]
    truth = [
        oracle.cross_entropy(row, oracle.of_logits(s))
        for row, s in zip(w, oracle.rows(SCORES), strict=True)
    ]
    labels = plogq.Labels([1, -1], ignore=-1)
    inner = plogq.Smoothed(plogq.Weighted(labels, sample_weight=[2.0, 5.0]), 0.3)
    outer = plogq.Weighted(plogq.Smoothed(labels, 0.3), sample_weight=[2.0, 5.0])
    for p in (inner, outer):
        got = plogq.cross_entropy(p, plogq.Logits(SCORES), reduction="none")
        bounds.check_losses(got, truth, FLOAT64, [2, 1])


def test_class_weights_inside_and_outside_of_smoothing_differ() -> None:
    """Outside, the share of every class is weighed; inside, the weighed label is spread."""
    by_class = [1.0, 2.0, 4.0]
    labels = plogq.Labels([1, 0])
    inside = [oracle.smooth(oracle.weigh(oracle.one_hot(j, 3), 1, by_class), 0.3) for j in (1, 0)]
    outside = [oracle.weigh(oracle.smooth(oracle.one_hot(j, 3), 0.3), 1, by_class) for j in (1, 0)]
    for p, rows in (
        (plogq.Smoothed(plogq.Weighted(labels, class_weight=by_class), 0.3), inside),
        (plogq.Weighted(plogq.Smoothed(labels, 0.3), class_weight=by_class), outside),
    ):
        truth = [
            oracle.cross_entropy(row, oracle.of_logits(s))
            for row, s in zip(rows, oracle.rows(SCORES), strict=True)
        ]
        got = plogq.cross_entropy(p, plogq.Logits(SCORES), reduction="none")
        bounds.check_losses(got, truth, FLOAT64, [oracle.mass(r) for r in rows])
    assert inside != outside


@for_each("weight", [[2, 3], [True, False], np.array([2.0, 3.0], np.float16)])
def test_weights_of_any_number_type(weight: Any) -> None:
    truth = [oracle.real(w) * t for w, t in zip(weight, TRUTH, strict=True)]
    p = plogq.Weighted(plogq.Labels([1, 0]), sample_weight=weight)
    got = plogq.cross_entropy(p, plogq.Logits(SCORES), reduction="none")
    bounds.check_losses(got, truth, FLOAT64, [oracle.real(w) for w in weight])


def test_the_weighted_mean_divides_by_the_weights() -> None:
    """PyTorch's Σ w l / Σ w, which is right for one-hot rows too (pytorch#8062)."""
    by_class = np.array([0.5, 2.0, 1.0])
    truth = (2 * TRUTH[0] + oracle.real(0.5) * TRUTH[1]) / oracle.real(2.5)
    for target in (plogq.Labels([1, 0]), plogq.Probs(np.eye(3)[[1, 0]])):
        p = plogq.Weighted(target, class_weight=by_class)
        assert plogq.cross_entropy(p, plogq.Logits(SCORES)) == pytest.approx(float(truth))


def test_targets_are_not_changed_by_use() -> None:
    """Wrappers make new measures; one target serves many calls."""
    labels = plogq.Labels(np.array([1, -1]), ignore=-1)
    p = plogq.Weighted(plogq.Smoothed(labels, 0.1), class_weight=np.array([1.0, 2.0, 3.0]))
    first = plogq.cross_entropy(p, plogq.Logits(SCORES), reduction="none")
    plogq.value_and_grad(p, plogq.Logits(SCORES))
    assert np.array_equal(first, plogq.cross_entropy(p, plogq.Logits(SCORES), reduction="none"))
    assert labels.index.tolist() == [1, -1]
    assert p.class_weight.tolist() == [1.0, 2.0, 3.0]


@for_each(
    "p",
    [
        plogq.Labels([1, 0], ignore=-1),
        plogq.Probs([[0.5, 0.5]], axis=-1),
        plogq.SparseProbs([[0]], [[1.0]]),
        plogq.Smoothed(plogq.Labels([1]), 0.1),
        plogq.Weighted(plogq.Labels([1]), sample_weight=[2.0]),
        plogq.Weighted(plogq.BinaryProbs([1.0]), class_weight=(1.0, 2.0)),
        plogq.Smoothed(plogq.BinaryProbs([1.0]), 0.1),
    ],
    ids=lambda p: type(p).__name__,
)
def test_a_target_shows_what_it_holds_and_can_be_copied(p: Any) -> None:
    for holder in (p, copy.copy(p), copy.deepcopy(p)):
        assert type(holder) is type(p)
        assert repr(holder) == repr(p)
    assert "array([" in repr(p)
