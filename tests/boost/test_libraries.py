"""LightGBM, XGBoost and CatBoost grow the trees of their own objectives on hard labels."""

from __future__ import annotations

from typing import Any

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

from plogq import BinaryProbs, Labels, Probs, Smoothed, boost, entropy

from .data import CLASSES, rows

pytestmark = [
    pytest.mark.slow,
    # It would compile what is written in Python, if it could.
    pytest.mark.filterwarnings("ignore:Failed to import numba"),
    pytest.mark.filterwarnings("ignore:.*use 'eval_X' and 'eval_y'"),
]

X, Y, WEIGHT = rows()
YES = (Y > 0).astype(int)
SOFT = 0.8 * np.eye(CLASSES)[Y] + 0.2 / CLASSES

LIGHT: dict[str, Any] = {
    "num_leaves": 7,
    "verbosity": -1,
    "num_threads": 1,
    "seed": 1,
    "learning_rate": 0.3,
    # A custom objective begins at 0, and so does this.
    "boost_from_average": False,
}
EXTREME: dict[str, Any] = {
    "max_depth": 3,
    "nthread": 1,
    "seed": 1,
    "disable_default_eval_metric": 1,
}
CAT: dict[str, Any] = {
    "iterations": 3,
    "depth": 3,
    "thread_count": 1,
    "random_seed": 1,
    "learning_rate": 0.3,
    "verbose": False,
    "allow_writing_files": False,
    "boost_from_average": False,
    "leaf_estimation_iterations": 1,
    "leaf_estimation_method": "Newton",
    "bootstrap_type": "Bayesian",
}


def of_lightgbm(own: str, loss: boost.LightGBM, y: Any, weight: Any) -> tuple[Any, Any]:
    """Trees and mean losses of the library's own objective, and of ours."""
    given = LIGHT | ({"num_class": CLASSES} if own == "multiclass" else {})
    metric = {"multiclass": "multi_logloss", "binary": "binary_logloss"}[own]
    found: list[Any] = []
    for objective in (own, loss.objective):
        data, losses = lightgbm.Dataset(X, y, weight=weight), {}
        booster = lightgbm.train(
            {**given, "objective": objective, "metric": metric if objective == own else "None"},
            *(data, 4),
            valid_sets=[data],
            feval=None if objective == own else loss.metric,
            callbacks=[lightgbm.record_evaluation(losses)],
        )
        trees = booster.trees_to_dataframe()[["tree_index", "split_feature", "threshold", "count"]]
        found.append((trees, booster.predict(X, raw_score=True), *losses["training"].values()))
    return tuple(found)


def of_xgboost(own: str, loss: boost.XGBoost, y: Any, weight: Any) -> tuple[Any, Any]:
    several = own == "multi:softprob"
    given = EXTREME | ({"num_class": CLASSES} if several else {})
    found: list[Any] = []
    for is_own in (True, False):
        data, losses = xgboost.DMatrix(X, y, weight=weight), {}
        # Of its own yes/no objective the base is a probability.
        start = {"base_score": 0.5 if is_own and not several else 0.0}
        metric = {"eval_metric": "mlogloss" if several else "logloss", "objective": own}
        booster = xgboost.train(
            {**given, **start, **(metric if is_own else {})},
            *(data, 4),
            obj=None if is_own else loss.objective,
            custom_metric=None if is_own else loss.metric,
            evals=[(data, "training")],
            evals_result=losses,
            verbose_eval=False,
        )
        trees = booster.trees_to_dataframe()[["Tree", "Node", "Feature", "Yes", "No"]]
        margins = booster.predict(data, output_margin=True)
        found.append((trees, margins, *losses["training"].values()))
    return tuple(found)


MULTI = {"lightgbm": "multiclass", "xgboost": "multi:softprob"}
BINARY = {"lightgbm": "binary", "xgboost": "binary:logistic"}


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("objective", [MULTI, BINARY], ids=["classes", "yes-no"])
def test_hard_labels_grow_the_same_trees(library: str, objective: Any, weight: Any) -> None:
    several = objective is MULTI
    y = Y if several else YES

    def make(labels: Any) -> Any:
        return Labels(labels) if several else BinaryProbs(labels)

    loss: Any = {"lightgbm": boost.LightGBM, "xgboost": boost.XGBoost}[library](make)
    train = {"lightgbm": of_lightgbm, "xgboost": of_xgboost}[library]
    theirs, ours = train(objective[library], loss, y, weight)
    assert len(theirs[0]) > 20
    assert theirs[0].equals(ours[0])
    np.testing.assert_allclose(ours[1], theirs[1], atol=2e-6)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=2e-6)


@pytest.mark.parametrize("targets", ["labels", "soft", "yes/no"])
def test_catboost_grows_the_same_trees(targets: str) -> None:
    own, make, y, more = {
        "labels": ("MultiClass", Labels, Y, {"classes_count": CLASSES}),
        "soft": ("MultiClass", Probs, np.eye(CLASSES)[Y], {}),
        "yes/no": ("Logloss", BinaryProbs, YES, {}),
    }[targets]
    loss = boost.CatBoost(lambda y: make(y), soft=targets == "soft")
    given = {"loss_function": loss.objective, "eval_metric": loss.metric}
    ours = catboost.CatBoost({**CAT, **more, **given})
    theirs = catboost.CatBoost({**CAT, "loss_function": own})
    few = slice(0, 120)
    ours.fit(X[few], y[few])
    theirs.fit(X[few], (YES if targets == "yes/no" else Y)[few])
    found, expected = (m.predict(X, prediction_type="RawFormulaVal") for m in (ours, theirs))
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(found, expected, atol=1e-12)
    (score,) = ours.get_best_score()["learn"].values()
    assert score == pytest.approx(theirs.get_best_score()["learn"][own], rel=1e-4)


def test_soft_labels_are_learnt() -> None:
    """What no built-in objective takes: the loss goes to the entropy of P, and not to 0."""
    least = float(entropy(Probs(SOFT)))
    light = boost.LightGBM(Probs(SOFT))
    booster = lightgbm.train(
        {**LIGHT, "num_class": CLASSES, "objective": light.objective}, lightgbm.Dataset(X, Y), 60
    )
    data = lightgbm.Dataset(X, Y).construct()
    assert light.metric(booster.predict(X, raw_score=True), data)[1] < least + 0.1
    # Labels that number the rows bring P along wherever the rows go.
    by_row = boost.XGBoost(lambda i: Probs(SOFT[i]))
    result = xgboost.cv(
        {**EXTREME, "num_class": CLASSES},
        xgboost.DMatrix(X, np.arange(len(X))),
        num_boost_round=10,
        obj=by_row.objective,
        custom_metric=by_row.metric,
        seed=0,
    )
    assert least < result["test-cross_entropy-mean"].iloc[-1] < np.log(CLASSES)


def test_their_classes_for_scikit_learn_take_them() -> None:
    light = boost.LightGBM(lambda y: Smoothed(Labels(y), 0.1))
    model = lightgbm.LGBMClassifier(
        n_estimators=4, objective=light.objective, num_class=CLASSES, verbosity=-1, n_jobs=1
    )
    model.fit(X, Y, sample_weight=WEIGHT, eval_set=[(X, Y)], eval_metric=light.metric)
    losses = model.evals_result_["training"]["cross_entropy"]
    assert losses[-1] < losses[0] < np.log(CLASSES)
    extreme = boost.XGBoost(lambda y: Smoothed(Labels(y), 0.1))
    model = xgboost.XGBClassifier(
        n_estimators=4, objective=extreme.objective, eval_metric=extreme.metric, n_jobs=1
    )
    model.fit(X, Y, sample_weight=WEIGHT, eval_set=[(X, Y)], verbose=False)
    losses = model.evals_result()["validation_0"]["metric"]
    assert losses[-1] < losses[0] < np.log(CLASSES)
