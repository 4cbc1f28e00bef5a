"""The scorer of log loss at work with scikit-learn: hard labels, soft ones, weights, classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn
import sklearn.metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from plogq import ProbabilityError
from plogq.compat.sklearn import LogLossScorer


@pytest.fixture
def events() -> tuple[Any, Any, Any]:
    """Features, labels, and what three people thought of each event."""
    rng = np.random.default_rng(5)
    y = np.repeat(["ham", "maybe", "spam"], 20)
    x = rng.normal(size=(60, 2)) + np.repeat([[0, 0], [1, 1], [3, 0]], 20, axis=0)
    soft = 0.25 * rng.dirichlet(np.ones(3), size=60)
    soft += 0.75 * np.eye(3)[np.repeat([0, 1, 2], 20)]
    mixed = rng.permutation(60)
    return x[mixed], y[mixed], soft[mixed]


def by_hand(classifier: Any, x: Any, soft: Any, weight: Any = None) -> float:
    """-Σ w Σ p log q / Σ w, in scipy's and NumPy's own operations."""
    costs = -(soft * np.log(classifier.predict_proba(x))).sum(1)
    return -float(np.average(costs, weights=weight))


CLASSIFIER = make_pipeline(StandardScaler(), LogisticRegression())


def test_hard_labels_score_as_neg_log_loss(events: tuple[Any, Any, Any]) -> None:
    x, y, _ = events
    ours = cross_val_score(CLASSIFIER, x, y, scoring=LogLossScorer(), error_score="raise")
    theirs = cross_val_score(CLASSIFIER, x, y, scoring="neg_log_loss")
    np.testing.assert_allclose(ours, theirs, 1e-13)


def test_soft_labels_beside_hard_ones(events: tuple[Any, Any, Any]) -> None:
    """The classifiers of cross_val_score train on hard labels, and are scored on soft ones."""
    x, y, soft = events
    folds = KFold(5)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = LogLossScorer().set_score_request(soft_labels=True)
        scores = cross_val_score(
            CLASSIFIER, x, y, scoring=scorer, cv=folds, params={"soft_labels": soft}
        )
    expected = [
        by_hand(CLASSIFIER.fit(x[train], y[train]), x[test], soft[test])
        for train, test in folds.split(x)
    ]
    np.testing.assert_allclose(scores, expected, 1e-12)


def test_weights_and_soft_labels_are_routed(events: tuple[Any, Any, Any]) -> None:
    x, y, soft = events
    weight = np.random.default_rng(1).random(60)
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = LogLossScorer().set_score_request(soft_labels=True, sample_weight="importance")
        classifier = LogisticRegression().set_fit_request(sample_weight=False)
        folds = KFold(3)
        found = cross_validate(
            classifier,
            x,
            y,
            scoring={"soft": scorer},
            cv=folds,
            params={"soft_labels": soft, "importance": weight},
        )
    expected = [
        by_hand(LogisticRegression().fit(x[train], y[train]), x[test], soft[test], weight[test])
        for train, test in folds.split(x)
    ]
    np.testing.assert_allclose(found["test_soft"], expected, 1e-12)


def test_a_grid_search_by_soft_labels(events: tuple[Any, Any, Any]) -> None:
    x, y, soft = events
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = LogLossScorer().set_score_request(soft_labels=True)
        search = GridSearchCV(LogisticRegression(), {"C": [1e-4, 0.1, 1.0]}, scoring=scorer)
        search.fit(x, y, soft_labels=soft)
        scores = search.cv_results_["mean_test_score"]
        assert search.best_params_["C"] == [1e-4, 0.1, 1.0][int(np.argmax(scores))]
        score = search.score(x, y, soft_labels=soft)
    assert score == pytest.approx(by_hand(search.best_estimator_, x, soft), rel=1e-12)
    assert len(set(scores)) == 3


def test_without_routing_soft_labels_are_the_target_of_a_fitted_classifier(
    events: tuple[Any, Any, Any],
) -> None:
    x, y, soft = events
    fitted = CLASSIFIER.fit(x, y)
    expected = by_hand(fitted, x, soft)
    assert LogLossScorer()(fitted, x, soft) == pytest.approx(expected, rel=1e-12)
    assert LogLossScorer()(fitted, x, y, soft_labels=soft) == pytest.approx(expected, rel=1e-12)
    one_hot = (y[:, None] == fitted.classes_).astype(int)
    by_index = LogLossScorer()(fitted, x, y)
    assert LogLossScorer()(fitted, x, one_hot) == pytest.approx(by_index, rel=1e-14)


class Told(ClassifierMixin, BaseEstimator):
    """A classifier that predicts what it is told, with its classes in any order."""

    def __init__(self, classes_: Any, rows: Any) -> None:
        self.classes_, self.rows = np.asarray(classes_), rows

    def fit(self, x: Any, y: Any) -> Told:
        return self

    def predict_proba(self, x: Any) -> Any:
        return np.asarray(self.rows)[: len(x)]


def test_the_columns_are_the_classes_of_the_estimator() -> None:
    q = [[0.5, 0.3, 0.2], [0.125, 0.75, 0.125]]
    told = Told(["spam", "eggs", "ham"], q)
    x, y = np.zeros((2, 1)), ["ham", "eggs"]
    assert LogLossScorer()(told, x, y) == pytest.approx(np.log([0.2, 0.75]).mean(), rel=1e-14)
    soft = [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
    expected = np.array([np.log([0.3, 0.2]).mean(), np.log(0.125)]).mean()
    assert LogLossScorer()(told, x, soft) == pytest.approx(expected, rel=1e-14)


def test_classes_say_the_columns_of_soft_labels_and_what_a_fold_may_lack() -> None:
    told = Told(["spam", "ham"], [[0.75, 0.25], [0.5, 0.5]])
    x, scorer = np.zeros((2, 1)), LogLossScorer(["eggs", "ham", "spam"])
    soft = [[0.0, 0.25, 0.75], [0.0, 1.0, 0.0]]
    first = 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
    assert scorer(told, x, soft) == pytest.approx((first + np.log(0.5)) / 2, rel=1e-14)
    assert scorer(told, x, ["ham", "spam"]) == pytest.approx(np.log([0.25, 0.5]).mean(), rel=1e-14)
    eps = np.finfo(np.float64).eps
    unseen = (np.log(eps) + np.log(0.5)) / 2
    assert scorer(told, x, ["eggs", "spam"]) == pytest.approx(unseen, rel=1e-14)


def test_yes_no_classifiers_of_one_column() -> None:
    told = Told([0, 1], [[0.75], [0.5]])
    score = LogLossScorer()(told, np.zeros((2, 1)), [1, 0])
    assert score == pytest.approx(np.log([0.75, 0.5]).mean(), rel=1e-14)


def test_what_the_scorer_refuses() -> None:
    told = Told(["ham", "spam"], [[0.75, 0.25], [0.5, 0.5]])
    x, score = np.zeros((2, 1)), LogLossScorer()
    with pytest.raises(ValueError, match=r"y has the labels \['eggs'\], which are none of the"):
        score(told, x, ["eggs", "ham"])
    with pytest.raises(ValueError, match=r"y has the labels \[1\]"):
        score(Told([0, 2], told.rows), x, [1, 0])
    with pytest.raises(ValueError, match=r"y has the labels \[1\]"):
        score(told, x, [1, 1])
    with pytest.raises(ValueError, match=r"2 classes \['ham', 'spam'\], shape \(2, 2\), got"):
        score(told, x, [[0.25, 0.25, 0.5]] * 2)
    with pytest.raises(ValueError, match=r"estimator.classes_ has the labels \['spam'\]"):
        LogLossScorer(["ham", "eggs"])(told, x, ["ham", "ham"])
    with pytest.raises(ProbabilityError, match=r"event 1 of Probs \(as P\) sums to 1.5"):
        score(told, x, [[0.25, 0.75], [0.75, 0.75]])
    with pytest.raises(ProbabilityError, match=r"event 0 of Probs \(as Q\) sums to 1.25"):
        score(Told(["ham", "spam"], [[0.75, 0.5]] * 2), x, ["ham", "ham"])
    with pytest.raises(ProbabilityError, match="sample_weight must be ≥ 0"):
        score(told, x, ["ham", "ham"], sample_weight=[2.0, -1.0])
    with pytest.raises(ValueError, match="one non-zero number"):
        score(told, x, ["ham", "ham"], sample_weight=[0.0, 0.0])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        score(told, x, ["ham"])


def test_a_scorer_is_one_of_scikit_learns_objects() -> None:
    scorer = LogLossScorer(["ham", "spam"])
    assert sklearn.base.clone(scorer).classes == ["ham", "spam"]
    assert sklearn.metrics.get_scorer(scorer) is scorer
    x, y = np.zeros((4, 1)), ["ham", "spam", "ham", "ham"]
    fitted = DummyClassifier(strategy="prior").fit(x, y)
    assert sklearn.metrics.check_scoring(fitted, scorer)(fitted, x, y) == scorer(fitted, x, y)
    with pytest.raises(RuntimeError, match="metadata routing is enabled"):
        LogLossScorer().set_score_request(soft_labels=True)
