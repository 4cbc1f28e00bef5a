"""Calibration beside scikit-learn's figures, and beside what is known of predictions made up."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from plogq.score import InputError, Report, Wish, score_file
from plogq.score.recalibration import Classes

Write = Callable[..., Path]
ROWS = 3000
draw = np.random.default_rng(21)
Z = 1.5 * draw.standard_normal((ROWS, 4))
TRUE = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
Y = np.array([draw.choice(4, p=q) for q in TRUE])
P_YES = 1 / (1 + np.exp(-2 * Z[:, 0]))
YES = (draw.random(ROWS) < P_YES).astype(int)
CALIBRATED = Wish(calibration=True)


def several(scores: Any, labels: Any = Y, name: str = "logit") -> dict[str, Any]:
    return {**{f"{name}{k}": scores[:, k].tolist() for k in range(4)}, "label": labels.tolist()}


def answers(q: Any) -> dict[str, Any]:
    return {"prob": q.tolist(), "label": YES.tolist()}


def adds_up(report: Report) -> None:
    parts = report.uncertainty - report.discrimination + report.miscalibration
    assert report.cross_entropy == pytest.approx(parts, rel=1e-9)


def test_yes_and_no_beside_scikit_learn(write: Write) -> None:
    q = np.round(1 / (1 + np.exp(-3 * Z[:, 0] - 0.5)), 3).clip(0.001, 0.999)
    report = score_file(write(answers(q)), CALIBRATED, batch_rows=700)
    assert report.brier == pytest.approx(brier_score_loss(YES, q), rel=1e-12)
    best = IsotonicRegression(out_of_bounds="clip").fit_transform(q, YES)
    least = log_loss(YES, best.clip(1e-300, 1))
    assert report.miscalibration == pytest.approx(log_loss(YES, q) - least, rel=1e-6)
    base = YES.mean()
    assert report.uncertainty == pytest.approx(-base * log(base) - (1 - base) * log(1 - base))
    adds_up(report)
    place = np.minimum((q * 15).astype(int), 14)
    error = sum(abs((q - YES)[place == k].sum()) for k in range(15)) / ROWS
    assert report.calibration_error == pytest.approx(error, rel=1e-12)
    assert sum(line.count for line in report.reliability) == ROWS


def test_every_class_beside_scikit_learn(write: Write) -> None:
    q = TRUE * [1.0, 2.0, 1.0, 0.5]
    q /= q.sum(axis=1, keepdims=True)
    report = score_file(write(several(q, name="p")), CALIBRATED)
    for k, line in enumerate(report.classes):
        here = k == Y
        best = IsotonicRegression(out_of_bounds="clip").fit_transform(q[:, k], here)
        least, base = log_loss(here, best.clip(1e-300, 1)), here.mean()
        assert line.miscalibration == pytest.approx(log_loss(here, q[:, k]) - least, rel=1e-6)
        uncertainty = -base * log(base) - (1 - base) * log(1 - base)
        assert line.discrimination == pytest.approx(uncertainty - least, rel=1e-6)
    assert np.isnan(score_file(write(several(q, name="p"))).classes[0].miscalibration)


def test_scores_that_are_too_sharp_are_cooled(write: Write) -> None:
    """Three times too sharp: the best temperature is 3, and brings H back to what it was."""
    sharp = score_file(write(several(3 * Z)), CALIBRATED)
    plain = score_file(write(several(Z)), CALIBRATED)
    assert sharp.temperature == pytest.approx(3 * plain.temperature, rel=1e-3)
    assert plain.temperature == pytest.approx(1, abs=0.06)
    least = plain.cross_entropy - plain.temperature_gain
    assert sharp.cross_entropy - sharp.temperature_gain == pytest.approx(least, rel=1e-6)
    assert sharp.miscalibration == pytest.approx(sharp.temperature_gain, rel=0.02)
    assert plain.miscalibration < 0.005
    assert sharp.discrimination == pytest.approx(plain.discrimination, rel=0.01)
    adds_up(sharp)
    onehot = np.eye(4)[Y]
    q = np.exp(3 * Z) / np.exp(3 * Z).sum(axis=1, keepdims=True)
    assert sharp.brier == pytest.approx(np.square(q - onehot).sum(axis=1).mean(), rel=1e-12)


def test_classes_that_are_mixed_up_are_found_by_a_matrix(write: Write) -> None:
    """Two columns changed places: no temperature helps, a matrix does."""
    report = score_file(write(several(Z[:, [1, 0, 2, 3]])), CALIBRATED)
    plain = score_file(write(several(Z)), CALIBRATED)
    assert report.miscalibration > report.temperature_gain + 0.1
    least = report.cross_entropy - report.miscalibration
    assert least == pytest.approx(plain.cross_entropy, rel=0.02)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_the_matrix_is_that_of_scikit_learn(shift: float) -> None:
    """Fitted to one half and applied to the other, though log-probabilities go together."""
    scores = Z + shift * np.arange(4)
    log_q = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    halves = np.arange(0, ROWS, 2), np.arange(1, ROWS, 2)
    fit = Classes(scores, Y, np.ones(ROWS))
    for fitted, other in (halves, halves[::-1]):
        model = LogisticRegression(C=np.inf, tol=1e-9, max_iter=5000)
        model.fit(log_q[fitted], Y[fitted])
        want = log_loss(Y[other], model.predict_proba(log_q[other]))
        assert fit._by_matrix(fitted, other) == pytest.approx(want, abs=2e-5)


@pytest.mark.parametrize("name", ["logit", "logp", "p"])
def test_the_same_whatever_the_numbers_are(write: Write, name: str) -> None:
    scores = Z if name == "logit" else np.log(TRUE) if name == "logp" else TRUE
    report = score_file(write(several(scores, name=name)), CALIBRATED)
    plain = score_file(write(several(Z)), CALIBRATED, batch_rows=97)
    for key in ("brier", "calibration_error", "temperature", "miscalibration", "uncertainty"):
        assert getattr(report, key) == pytest.approx(getattr(plain, key), rel=1e-5, abs=1e-7), key


def test_soft_and_many_outcomes(write: Write) -> None:
    data = {f"p{k}": TRUE[:, k] for k in range(4)} | {f"t{k}": TRUE[:, k] for k in range(4)}
    wish = Wish(calibration=True, target="t*", prediction="p*")
    report = score_file(write({n: v.tolist() for n, v in data.items()}), wish)
    assert report.brier == pytest.approx(0, abs=1e-12)
    assert report.temperature == pytest.approx(1, abs=1e-3)
    many = {f"y{k}": (draw.random(ROWS) < TRUE[:, k]).astype(int).tolist() for k in range(4)}
    many |= {f"prob{k}": TRUE[:, k].tolist() for k in range(4)}
    report = score_file(write(many), Wish(calibration=True, multilabel=True), batch_rows=500)
    y = np.stack([many[f"y{k}"] for k in range(4)], axis=1)
    assert report.brier == pytest.approx(np.square(TRUE - y).mean(), rel=1e-12)
    assert report.temperature == pytest.approx(1, abs=0.1)
    adds_up(report)


def test_weights_are_rows_that_come_more_often(write: Write) -> None:
    weight = draw.integers(1, 4, ROWS)
    q = 1 / (1 + np.exp(-3 * Z[:, 0]))
    once = score_file(
        write(answers(q) | {"w": weight.tolist()}), Wish(weight="w", calibration=True)
    )
    data = {n: np.repeat(np.array(v), weight).tolist() for n, v in answers(q).items()}
    often = score_file(write(data), CALIBRATED)
    for key in ("brier", "calibration_error", "temperature", "miscalibration", "discrimination"):
        assert getattr(once, key) == pytest.approx(getattr(often, key), rel=1e-6), key


def test_labels_that_were_changed_are_suspected(write: Write) -> None:
    labels = TRUE.argmax(axis=1)
    sure = np.flatnonzero(TRUE.max(axis=1) > 0.9)[:20]
    labels[sure] = (labels[sure] + 1) % 4
    report = score_file(write(several(Z, labels)), CALIBRATED, worst=20, batch_rows=333)
    assert {line.row for line in report.suspicious} == set(sure.tolist())
    for line in report.suspicious:
        assert line.label == str(labels[line.row])
        assert line.predicted == str(TRUE[line.row].argmax())


def test_what_it_needs(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="needs the whole prediction"):
        score_file(write({"lp": [-1.0, -2.0]}), Wish(log_likelihood="lp", calibration=True))
    monkeypatch.setattr("plogq.score.calibration.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install plogq\[calibration\]"):
        score_file(write(several(Z)), CALIBRATED)


def test_infinite_losses_leave_the_rest(write: Write) -> None:
    data = {"p0": [1.0, 0.5, 0.25] * 9, "p1": [0.0, 0.5, 0.75] * 9, "label": [1, 0, 1] * 9}
    report = score_file(write(data), CALIBRATED)
    assert report.infinite == 9
    assert np.isnan(report.temperature)
    assert report.brier == pytest.approx((2 + 0.5 + 0.125) / 3)
    assert report.as_dict()["temperature"] is None
