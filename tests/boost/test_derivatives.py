"""Gradient and Hessian are those of −Σ p log q in every layout; refusals are sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mpmath import mp

from plogq import (
    BinaryProbs,
    LabelError,
    Labels,
    PairError,
    ProbabilityError,
    Probs,
    ShapeError,
    Smoothed,
    SparseProbs,
    Weighted,
    boost,
)

from .. import oracle
from ..together import for_each
from .data import Data

RNG = np.random.default_rng(11)
ROWS, K = 9, 4
Z = RNG.normal(size=(ROWS, K)) * np.array([1, 1, 1, 1, 1, 1, 5, 40, 40])[:, None]
Y = RNG.integers(0, K, ROWS)
SOFT = RNG.dirichlet(np.ones(K), ROWS)
EACH, OF_CLASS = RNG.uniform(0.5, 2, ROWS), RNG.uniform(0.5, 2, K)
HARD = np.eye(K)[Y]
# P, and the mass that it puts on each class of each event.
TARGETS: dict[str, tuple[Any, Any]] = {
    "labels": (Labels(Y), HARD),
    "ignored": (Labels(np.where(Y == 2, -1, Y), ignore=-1), HARD * (Y != 2)[:, None]),
    "soft": (Probs(SOFT), SOFT),
    "sparse": (SparseProbs(Y[:, None], np.ones((ROWS, 1))), HARD),
    "smoothed": (Smoothed(Labels(Y), 0.1), 0.9 * HARD + 0.1 / K),
    "weighted": (
        Weighted(Probs(SOFT), sample_weight=EACH, class_weight=OF_CLASS),
        SOFT * EACH[:, None] * OF_CLASS,
    ),
    "smoothed twice": (
        Smoothed(Weighted(Smoothed(Labels(Y), 0.2), class_weight=OF_CLASS), 0.1),
        0.9 * (w := (0.8 * HARD + 0.2 / K) * OF_CLASS) + 0.1 * w.sum(1, keepdims=True) / K,
    ),
}


@mp.workdps(60)
def exact(z: Any, p: Any, gamma: float) -> tuple[Any, Any, Any]:
    """Loss, gradient and diagonal of the Hessian of w · f(H / w), in 60 digits, row by row."""
    loss, gradient, hessian = np.zeros(len(z)), np.zeros(z.shape), np.zeros(z.shape)
    for e, (scores, masses) in enumerate(zip(oracle.rows(z), oracle.rows(p), strict=True)):
        q, w = oracle.of_logits(scores), mp.fsum(masses)
        if w == 0:
            continue
        each = mp.fsum(m * c for m, c in zip(masses, q.cost, strict=True)) / w
        f = [mp.diff(lambda x: (1 - mp.exp(-x)) ** gamma * x, each, n) for n in range(3)]
        loss[e] = float(w * f[0])
        for j, mass in enumerate(masses):
            share = mp.exp(-q.cost[j])
            step = share - mass / w
            gradient[e, j] = float(w * f[1] * step)
            hessian[e, j] = float(w * (f[1] * share * (1 - share) + max(f[2], 0) * step**2))
    return loss, gradient, hessian


@for_each("gamma", [0.0, 2.0])
@for_each("name", TARGETS)
def test_they_are_those_of_the_definition(name: str, gamma: float) -> None:
    p, masses = TARGETS[name]
    loss, gradient, hessian = exact(Z, masses, gamma)
    for library, order in ((boost.LightGBM, "F"), (boost.XGBoost, "C")):
        made = library(p, gamma=gamma, bound=1.0)
        scores = np.asarray(Z, order=order)
        g, h = made.objective(scores, Data(Y))
        assert g.dtype == h.dtype == np.float32
        assert g.flags[f"{order}_CONTIGUOUS"]
        assert h.flags[f"{order}_CONTIGUOUS"]
        np.testing.assert_allclose(g, gradient, rtol=3e-7, atol=1e-37)
        np.testing.assert_allclose(h, hessian, rtol=3e-7, atol=1e-37)
        found = made.metric(scores, Data(Y))
        assert found[0] == ("focal_loss" if gamma else "cross_entropy")
        assert found[1] == pytest.approx(loss.sum() / masses.sum(), rel=1e-12)


@for_each(("count", "classes"), [(70, 3), (3, 129), (90, 200), (2, 33000)])
def test_every_layout_of_many_events_and_many_classes(count: int, classes: int) -> None:
    """The ways of the kernels: events or classes along lanes, in tiles or in chunks."""
    rng = np.random.default_rng(classes)
    z, y = rng.normal(size=(count, classes)) * 3, rng.integers(0, classes, count)
    q = np.exp(z - z.max(1, keepdims=True))
    q /= q.sum(1, keepdims=True)
    expected = q.copy()
    expected[np.arange(count), y] -= 1
    for order in ("C", "F"):
        for dtype in (np.float32, np.float64):
            scores = np.asarray(z, dtype, order=order)
            g, h = boost.XGBoost(Labels(y)).objective(scores, Data(y))
            np.testing.assert_allclose(g, expected, rtol=1e-4, atol=1e-7)
            np.testing.assert_allclose(h, 2 * q * (1 - q), rtol=1e-4, atol=1e-12)


@for_each("soft", [True, False])
def test_what_goes_past_the_cache_is_that_of_its_parts(soft: bool) -> None:
    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(120_001, 9)) * 3, rng.integers(0, 9, 120_001)
    masses = rng.dirichlet(np.ones(9), len(y)).astype(np.float32)
    for library, order in ((boost.LightGBM, "F"), (boost.XGBoost, "C")):
        found = []
        for part in (slice(None), slice(60_000), slice(60_000, None)):
            p = Probs(masses[part]) if soft else Labels(y[part])
            scores = np.asarray(z[part], order=order)
            found.append(library(p).objective(scores, Data(y[part])))
        for whole, *parts in zip(*found, strict=True):
            assert np.array_equal(whole, np.concatenate(parts))


@for_each("gamma", [0.0, 2.0])
def test_yes_and_no(gamma: float) -> None:
    z, y = Z[:, :2].reshape(-1), np.array([0.0, 1.0, 0.3] * 6)
    weight = np.array([1.0, 0.0, 2.0] * 6)
    p = Weighted(BinaryProbs(y), sample_weight=weight, class_weight=(0.5, 3.0))
    masses = np.stack([0.5 * (1 - y), 3.0 * y], 1) * weight[:, None]
    both = np.stack([np.zeros_like(z), z], 1)
    _, gradient, hessian = exact(both, masses, gamma)
    g, h = boost.LightGBM(p, gamma=gamma).objective(z, Data(y))
    np.testing.assert_allclose(g, gradient[:, 1], rtol=3e-7, atol=1e-37)
    np.testing.assert_allclose(h, hessian[:, 1], rtol=3e-7, atol=1e-37)
    # Several outcomes a row, and class weights that are one for each of them.
    p = Weighted(BinaryProbs(y.reshape(9, 2)), class_weight=(np.array([0.5, 1.0]), 3.0))
    g, h = boost.XGBoost(p).objective(z.reshape(9, 2), Data(np.zeros(9), weight[::2]))
    yes, no = 3.0 * y.reshape(9, 2), (1 - y.reshape(9, 2)) * [0.5, 1.0]
    each = weight[::2, None]
    q = 1 / (1 + np.exp(-z.reshape(9, 2)))
    np.testing.assert_allclose(g, each * (no * q - yes * (1 - q)), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(h, each * (yes + no) * q * (1 - q), rtol=1e-5, atol=1e-12)


@for_each("gamma", [0.0, 0.5])
def test_what_weighs_nothing_is_not_looked_at(gamma: float) -> None:
    z = Z.copy()
    z[0], z[1, 0], z[2] = np.nan, np.inf, -np.inf
    weight = np.array([0, 0, 0, *np.ones(ROWS - 3)])
    made = boost.XGBoost(lambda y: Labels(y), gamma=gamma)
    g, h = made.objective(z, Data(np.where(weight, Y, 99), weight))
    assert not g[:3].any()
    assert not h[:3].any()
    assert np.isfinite(g).all()
    assert np.isfinite(h).all()
    assert np.isfinite(made.metric(z, Data(np.where(weight, Y, 99), weight))[1])
    nothing = boost.LightGBM(lambda y: Labels(y, ignore=0), gamma=gamma)
    assert nothing.metric(z[:2], Data([0, 0]))[1] == 0


def test_a_bound_is_the_callers_or_the_librarys() -> None:
    plain = boost.XGBoost(Labels(Y), bound=1.0).objective(Z, Data(Y))[1]
    for library, factor in ((boost.XGBoost, 2.0), (boost.LightGBM, K / (K - 1))):
        found = library(Labels(Y)).objective(Z, Data(Y))[1]
        np.testing.assert_allclose(found, factor * plain, rtol=3e-7, atol=1e-37)
    # With 2 the diagonal lies above the whole Hessian of every P.
    q = np.exp(Z[0]) / np.exp(Z[0]).sum()
    above = np.diag(2 * q * (1 - q)) - (np.diag(q) - np.outer(q, q))
    assert (np.linalg.eigvalsh(above) > -1e-15).all()


def test_p_is_made_once_for_each_set_of_labels() -> None:
    asked: list[Any] = []

    def make(y: Any) -> Any:
        asked.append(y)
        return Labels(y)

    made = boost.LightGBM(make)
    for _ in range(3):
        made.objective(Z, Data(Y))
        made.metric(Z[:5], Data(Y[:5], EACH[:5]))
    assert [len(y) for y in asked] == [ROWS, 5]
    assert asked[0].dtype == np.int64
    # What is changed in place is another set.
    data = Data(Y)
    made.objective(Z, data)
    data.labels[:] = 0
    assert (made.objective(Z, data)[0][:, 0] <= 0).all()


def test_catboost_is_given_lists_uphill() -> None:
    loss = boost.CatBoost(lambda y: Smoothed(Labels(y), 0.1))
    first, second = loss.objective.calc_ders_multi(Z[0], float(Y[0]), 2.0)
    q = np.exp(Z[0]) / np.exp(Z[0]).sum()
    np.testing.assert_allclose(first, 2 * (0.9 * HARD[0] + 0.1 / K - q), rtol=1e-12)
    np.testing.assert_allclose(second, 2 * (np.outer(q, q) - np.diag(q)), rtol=1e-12)
    total, mass = loss.metric.evaluate(list(Z.T), Y.astype(np.float32), EACH)
    sums, _, _ = exact(Z, (0.9 * HARD + 0.1 / K) * EACH[:, None], 0.0)
    assert (total, mass) == pytest.approx((sums.sum(), EACH.sum()))
    # The whole Hessian of the focal loss, beside differences of its gradient.
    focal = boost.CatBoost(lambda y: Labels(y), gamma=2.0).objective
    point, step = np.array([0.5, -0.3, 0.1, 0.0]), 1e-6
    second = np.array(focal.calc_ders_multi(point, 0.0, 1.0)[1])
    ahead, back = (
        np.array([focal.calc_ders_multi(point + s * way, 0.0, 1.0)[0] for way in np.eye(K)])
        for s in (step, -step)
    )
    np.testing.assert_allclose(second, (ahead - back) / (2 * step), atol=1e-8)
    ignored = boost.CatBoost(lambda y: Labels(y, ignore=-1)).objective
    assert not np.any(ignored.calc_ders_multi(Z[0], -1.0, 1.0)[1])


REFUSED: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "labels outside the classes": (
        LabelError,
        r"label 4 at event \d is outside the 4 classes 0…3",
        lambda: boost.LightGBM(lambda y: Labels(y + 1)).objective(Z, Data([3] * ROWS)),
    ),
    "yes/no labels outside [0, 1]": (
        ProbabilityError,
        r"entry 2 outside \[0, 1\]",
        lambda: boost.XGBoost(lambda y: BinaryProbs(y)).objective(Z[:, 0], Data([2] * ROWS)),
    ),
    "one score a row": (
        ShapeError,
        r"one score for each of 9 rows.*num_class=K.*BinaryProbs\(y\)",
        lambda: boost.XGBoost(lambda y: Labels(y)).objective(Z[:, 0], Data(Y)),
    ),
    "other rows": (
        ShapeError,
        r"P has 9 rows and the data 5.*LightGBM\(lambda y: Labels\(y\)\)",
        lambda: boost.LightGBM(Labels(Y)).metric(Z[:5], Data(Y[:5])),
    ),
    "labels that are not whole": (
        TypeError,
        r"Labels must be integers, got float32",
        lambda: boost.LightGBM(lambda y: Labels(y)).objective(Z, Data(Y + 0.5)),
    ),
    "labels in place of P": (
        PairError,
        r"XGBoost takes P, as in XGBoost\(Probs\(p\)\), or a function.*got ndarray of shape \(9,\)",
        lambda: boost.XGBoost(Y),
    ),
    "a function that makes no P": (
        PairError,
        r"makes P of the labels.*returned ndarray",
        lambda: boost.XGBoost(lambda y: y).objective(Z, Data(Y)),
    ),
    "a negative gamma": (
        ValueError,
        "gamma must be ≥ 0",
        lambda: boost.CatBoost(lambda y: Labels(y), gamma=-1.0),
    ),
    "a negative bound": (
        ValueError,
        "bound must be ≥ 0",
        lambda: boost.LightGBM(Labels(Y), bound=-1.0),
    ),
    "P itself for CatBoost": (
        PairError,
        r"an order of its own.*CatBoost\(lambda y: Labels\(y\)\)",
        lambda: boost.CatBoost(Labels(Y)),
    ),
}


@for_each("case", REFUSED)
def test_what_does_not_fit_is_a_sentence(case: str) -> None:
    error, words, call = REFUSED[case]
    with pytest.raises(error, match=words):
        call()
