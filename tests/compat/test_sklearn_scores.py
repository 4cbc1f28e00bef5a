"""Scores beside the log loss, as scikit-learn has them, and as it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier

from plogq.compat.sklearn import (
    D2LogLossScorer,
    MultilabelLogLossScorer,
    d2_log_loss_score,
    multilabel_log_loss,
)

from ..together import for_each

RNG = np.random.default_rng(3)
Y = RNG.integers(0, 3, 30)
Q = RNG.dirichlet(np.ones(3), 30)
W = RNG.uniform(0.5, 2, 30)
X = np.eye(3)[Y] + RNG.normal(size=(30, 3))


@for_each(
    ("y", "q", "more"),
    [
        (Y, Q, {}),
        (Y, Q, {"sample_weight": W}),
        (Y, Q.astype(np.float32), {}),
        (Y % 2, Q[:, 0], {}),
        (np.array(["a", "b", "c"])[Y], Q, {"labels": ["a", "b", "c"]}),
        (np.eye(3, dtype=int)[Y], Q, {}),
    ],
)
def test_d2_is_that_of_scikit_learn(y: Any, q: Any, more: dict[str, Any]) -> None:
    theirs = sklearn.metrics.d2_log_loss_score(y, q, **more)
    ours = d2_log_loss_score(y, q, **more)
    assert type(ours) is float
    assert ours == pytest.approx(theirs, rel=2e-6 if q.dtype == np.float32 else 1e-12)


def test_d2_of_one_event_is_none() -> None:
    with pytest.warns(sklearn.exceptions.UndefinedMetricWarning, match="less than two samples"):
        assert np.isnan(d2_log_loss_score([1], [[0.1, 0.9]], labels=[0, 1]))
    with pytest.raises(ValueError, match="different number of classes"):
        d2_log_loss_score([0, 1], [[0.1, 0.2, 0.7]] * 2)


def test_its_scorer_searches_and_takes_soft_labels() -> None:
    model, scorer = LogisticRegression(), D2LogLossScorer()
    scores = cross_val_score(model, X, Y, scoring=scorer, cv=3)
    expected = cross_val_score(model, X, Y, scoring="d2_log_loss_score", cv=3)
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    search = GridSearchCV(model, {"C": [1e-6, 1.0]}, scoring=scorer, cv=3).fit(X, Y)
    assert search.best_params_ == {"C": 1.0}
    # Soft labels: no better than their own proportions is 0.
    soft = np.eye(3)[Y] * 0.7 + 0.1
    counts = np.bincount(Y, minlength=3)
    prior = DummyClassifier(strategy="prior").fit(X, np.repeat([0, 1, 2], counts))
    prior.class_prior_ = soft.mean(axis=0)
    assert scorer(prior, X, soft) == pytest.approx(0, abs=1e-12)
    assert scorer(prior, X, soft, sample_weight=W) < 0


MANY = (RNG.uniform(size=(30, 4)) < 0.4).astype(int)
YES = np.clip(RNG.uniform(size=(30, 4)), 0.01, 0.99)


def test_several_labels_are_several_yes_and_no() -> None:
    each = [sklearn.metrics.log_loss(MANY[:, j], YES[:, j]) for j in range(4)]
    assert multilabel_log_loss(MANY, YES) == pytest.approx(np.mean(each), rel=1e-12)
    weighted = [sklearn.metrics.log_loss(MANY[:, j], YES[:, j], sample_weight=W) for j in range(4)]
    found = multilabel_log_loss(MANY, YES, sample_weight=W)
    assert found == pytest.approx(np.mean(weighted), rel=1e-12)
    as_list = [np.stack([1 - q, q], axis=1) for q in YES.T]
    assert multilabel_log_loss(MANY, as_list) == pytest.approx(np.mean(each), rel=1e-12)
    # A probability of 0 is clipped as log_loss clips it.
    assert np.isfinite(multilabel_log_loss([[1]], [[0.0]]))
    with pytest.raises(ValueError, match=r"got shapes \(30, 4\) and \(30, 3\)"):
        multilabel_log_loss(MANY, YES[:, :3])
    with pytest.raises(ValueError, match="entry 2 outside"):
        multilabel_log_loss(MANY + 1, YES)


@for_each("kind", [OneVsRestClassifier, MultiOutputClassifier])
def test_its_scorer_takes_what_classifiers_give(kind: Any) -> None:
    scores = cross_val_score(
        kind(LogisticRegression()), X, MANY, scoring=MultilabelLogLossScorer(), cv=3
    )
    assert ((scores < 0) & (scores > -2)).all()
    # A label that no event of the training set has: its probability is 0.
    none = MANY.copy()
    none[:, 1] = 0
    model = DummyClassifier(strategy="prior").fit(X, none)
    expected = multilabel_log_loss(none, np.tile(none.mean(axis=0), (30, 1)))
    assert MultilabelLogLossScorer()(model, X, none) == pytest.approx(-expected)
