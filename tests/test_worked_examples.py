"""The numbers that tutorials print, as they really are; float64, ten digits."""

from __future__ import annotations

import numpy as np
import pytest

import plogq

from .together import for_each

SCORES = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]])
# For these and their mean 0.463, 0.006 and 0.234 are in circulation, which are wrong.
LOSSES = [0.0658839038, 0.0039742834]


def test_two_rows_of_logits_with_labels() -> None:
    p, q = plogq.Labels([1, 0]), plogq.Logits(SCORES)
    assert plogq.cross_entropy(p, q, reduction="none") == pytest.approx(LOSSES, abs=5e-11)
    assert plogq.cross_entropy(p, q, reduction="sum") == pytest.approx(0.0698581872, abs=5e-11)
    assert plogq.cross_entropy(p, q) == pytest.approx(0.0349290936, abs=5e-11)


@for_each(("row", "label", "loss"), [(0, 1, LOSSES[0]), (1, 0, LOSSES[1])])
def test_one_row_of_logits_with_its_label(row: int, label: int, loss: float) -> None:
    got = plogq.cross_entropy(plogq.Labels([label]), plogq.Logits(SCORES[[row]]))
    assert got == pytest.approx(loss, abs=5e-11)


def test_probabilities_with_a_label() -> None:
    got = plogq.cross_entropy(plogq.Labels([1]), plogq.Probs([[0.1, 0.8, 0.1]]))
    assert got == pytest.approx(0.2231435513, abs=5e-11)


def test_binary_targets_and_probabilities() -> None:
    p = plogq.BinaryProbs([[0, 1], [0, 0]])
    q = plogq.BinaryProbs([[0.6, 0.4], [0.4, 0.6]])
    rows = plogq.cross_entropy(p, q, reduction="none").mean(axis=1)
    assert rows == pytest.approx([0.9162907319, 0.7135581778], abs=5e-11)
    assert plogq.cross_entropy(p, q) == pytest.approx(0.8149244548, abs=5e-11)
