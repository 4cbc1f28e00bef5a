"""`plogq.diagnose`: the readings that fit, the likeliest first, each with its loss."""

from __future__ import annotations

import numpy as np
import pytest

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, Logits, LogProbs, Probs, cross_entropy

# Softmax outputs as scores are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::plogq.SoftmaxTwiceWarning")
RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(64, 5))
PROBS = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
LABELS = RNG.integers(0, 5, 64)
HOT = np.eye(5)[LABELS]
TAGS = (RNG.random((64, 5)) < 0.5).astype(float)


def calls(p: object, q: object, **options: int) -> list[str]:
    return [r.call.removeprefix("cross_entropy") for r in plogq.diagnose(p, q, **options).readings]


def test_arrays_are_read_in_every_way_that_fits() -> None:
    assert calls(LABELS, SCORES) == ["(Labels(p), Logits(q))"]
    assert calls(LABELS, PROBS) == ["(Labels(p), Probs(q))", "(Labels(p), Logits(q))"]
    assert calls(LABELS, np.log(PROBS)) == ["(Labels(p), LogProbs(q))", "(Labels(p), Logits(q))"]
    assert calls(LABELS[:, None], SCORES) == ["(Labels(p), Logits(q))"]
    assert calls(HOT, SCORES)[0] == "(Probs(p), Logits(q))"
    assert calls(HOT, SCORES)[1] == "(BinaryProbs(p), BinaryLogits(q))"
    assert calls(TAGS, SCORES) == ["(BinaryProbs(p), BinaryLogits(q))"]
    assert calls(TAGS, PROBS)[0] == "(BinaryProbs(p), BinaryProbs(q))"
    assert calls(TAGS[:, 0], SCORES[:, 0]) == ["(BinaryProbs(p), BinaryLogits(q))"]
    assert calls(LABELS, SCORES.T, axis=0) == ["(Labels(p), Logits(q, axis=0))"]
    assert calls(LABELS.tolist(), SCORES.astype(np.float32)) == ["(Labels(p), Logits(q))"]


def test_the_losses_are_those_of_cross_entropy_and_of_a_model_that_knows_nothing() -> None:
    probs, logits = plogq.diagnose(LABELS, PROBS).readings
    assert probs.loss == float(cross_entropy(Labels(LABELS), Probs(PROBS)))
    assert logits.loss == float(cross_entropy(Labels(LABELS), Logits(PROBS)))
    assert probs.untrained == pytest.approx(np.log(5))
    (logs, _) = plogq.diagnose(LABELS, np.log(PROBS)).readings
    assert logs.loss == float(cross_entropy(Labels(LABELS), LogProbs(np.log(PROBS))))
    (yes,) = plogq.diagnose(TAGS, SCORES).readings
    assert yes.loss == float(cross_entropy(BinaryProbs(TAGS), BinaryLogits(SCORES)))
    assert yes.untrained == pytest.approx(np.log(2))


def test_the_rules_speak_of_each_reading() -> None:
    good, bad = plogq.diagnose(LABELS, PROBS).readings
    assert good.findings == ()
    assert [f.rule for f in bad.findings] == ["PQ001"]
    assert "0.905 to 1.905" in str(bad)
    found = plogq.diagnose(Labels(LABELS), Logits(PROBS)).findings
    assert [(f.rule, f.level.value) for f in found] == [("PQ001", "warning")]
    assert plogq.diagnose(Labels(LABELS), Logits(SCORES)).findings == ()
    hot = plogq.diagnose(BinaryProbs(HOT), BinaryLogits(SCORES))
    assert all(f.rule == "PQ009" for f in hot.findings)
    weighted = plogq.Weighted(Labels(LABELS), sample_weight=np.ones(64))
    assert [f.rule for f in plogq.diagnose(weighted, Logits(PROBS)).findings] == ["PQ001"]


def test_what_fits_nothing_says_why() -> None:
    said = str(plogq.diagnose(LABELS + 1, SCORES))
    assert said.startswith("no reading fits:")
    assert "label 5" in said
    assert "are no pair" in str(plogq.diagnose(LABELS[:3], SCORES))
    assert "are no pair" in str(plogq.diagnose(LABELS, LABELS))
    with pytest.raises(plogq.ShapeError, match="there is no axis 2"):
        plogq.diagnose(LABELS, SCORES, axis=2)
    with pytest.raises(plogq.LabelError):
        plogq.diagnose(Labels(LABELS + 1), Logits(SCORES))


def test_nan_and_empty_arrays_are_no_crash() -> None:
    assert calls(LABELS, np.full((64, 5), np.nan)) == ["(Labels(p), Logits(q))"]
    assert plogq.diagnose([], np.zeros((0, 3))).readings == ()
    assert str(plogq.diagnose(LABELS, SCORES)).startswith("1. cross_entropy(Labels(p), Logits(q))")


def test_inputs_are_left_as_they_are() -> None:
    p, q = LABELS.copy(), PROBS.copy()
    plogq.diagnose(p, q)
    assert np.array_equal(p, LABELS)
    assert np.array_equal(q, PROBS)
