"""What a caller of cross_entropy, value_and_grad, entropy, kl_divergence and the rest gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import plogq

from . import bounds, makers, oracle
from .bounds import DTYPES
from .oracle import mp
from .together import for_each

every_dtype = for_each("dtype", DTYPES, ids=lambda d: d.name)
every_prediction = for_each("prediction", makers.PREDICTIONS)
FLOAT64 = np.dtype(np.float64)


@every_dtype
@every_prediction
@for_each("reduction", ["mean", "sum", "none", "sum_over_batch_size"])
def test_losses_are_float64_for_float64_and_float32_for_all_others(
    reduction: str, prediction: str, dtype: Any, rng: np.random.Generator
) -> None:
    q = makers.PREDICTIONS[prediction](rng, (3,), 4, dtype).prediction
    # The dtype of P does not enter: a float64 target of a float32 prediction costs float32.
    for p in (plogq.Labels([0, 3, 1]), makers.probs(rng, (3,), 4, np.float64).target):
        got = plogq.cross_entropy(p, q, reduction=reduction)
        assert got.dtype == bounds.loss_dtype(dtype)
        assert got.shape == ((3,) if reduction == "none" else ())
        loss, _ = plogq.value_and_grad(p, q, reduction=reduction)
        assert loss.dtype == bounds.loss_dtype(dtype)
        assert np.array_equal(loss, got)


@every_dtype
@every_prediction
def test_a_gradient_is_of_the_predictions_own_type(
    prediction: str, dtype: Any, rng: np.random.Generator
) -> None:
    q = makers.PREDICTIONS[prediction](rng, (3,), 4, dtype).prediction
    _, grad = plogq.value_and_grad(plogq.Labels([0, 3, 1]), q)
    assert type(grad) is type(q)
    for name in ("scores", "log_probs", "probs", "hidden", "weight", "bias"):
        if getattr(q, name, None) is None:
            assert getattr(grad, name, None) is None
            continue
        assert getattr(grad, name).dtype == dtype
        assert getattr(grad, name).shape == getattr(q, name).shape
    for option in ("axis", "softcap"):
        assert getattr(grad, option, None) == getattr(q, option, None)


def test_one_event_may_have_no_axis_of_events() -> None:
    scores = np.array([2.0, 5.0, 1.0])
    truth = oracle.of_logits(oracle.row(scores)).cost[1]
    for p in (plogq.Labels(1), plogq.Labels(np.int8(1)), plogq.Probs([0.0, 1.0, 0.0])):
        for reduction in ("mean", "sum", "none", "sum_over_batch_size"):
            got = plogq.cross_entropy(p, plogq.Logits(scores), reduction=reduction)
            assert np.shape(got) == ()
            bounds.check_loss(np.asarray(got), truth, FLOAT64)
    _, grad = plogq.value_and_grad(plogq.Labels(1), plogq.Logits(scores))
    bounds.check_hard_gradient(
        grad.scores, oracle.label_gradients(scores, np.array([1]))[0], FLOAT64
    )
    got = plogq.cross_entropy(plogq.BinaryProbs(True), plogq.BinaryLogits(1.5))
    bounds.check_loss(got, oracle.of_yes(oracle.real(1.5)).cost[1], FLOAT64)


def test_a_list_of_python_floats_is_float64() -> None:
    got = plogq.cross_entropy(plogq.Labels([1]), plogq.Logits([[2.0, 5.0, 1.0]]))
    assert got.dtype == np.float64


@every_dtype
@for_each("reduction", ["mean", "sum", "none", "sum_over_batch_size"])
def test_z_loss_adds_log_z_squared_per_unit_of_mass(reduction: str, dtype: Any) -> None:
    """In the loss, and 2 c · log Z · q per unit of mass in the gradient."""
    rng = np.random.default_rng(3)
    scores = rng.normal(1, 2, (4, 5)).astype(dtype)
    y, weight, c = np.array([0, 4, -1, 2]), np.array([1.0, 2.5, 3.0, 0.5]), 0.01
    p = plogq.Weighted(plogq.Labels(y, ignore=-1), sample_weight=weight)
    masses = [oracle.real(w if j >= 0 else 0) for w, j in zip(weight, y, strict=True)]
    rows = [oracle.of_logits(s) for s in oracle.rows(scores)]
    whole = [
        m * (r.cost[int(j)] + oracle.real(c) * r.log_z**2)
        for m, r, j in zip(masses, rows, y, strict=True)
    ]
    divisor = {"mean": mp.fsum(masses), "sum_over_batch_size": oracle.real(4)}
    share = 1 / divisor.get(reduction, oracle.ONE)
    loss, grad = plogq.value_and_grad(p, plogq.Logits(scores), reduction=reduction, z_loss=c)
    again = plogq.cross_entropy(p, plogq.Logits(scores), reduction=reduction, z_loss=c)
    assert np.array_equal(loss, again)
    if reduction == "none":
        bounds.check_losses(loss, whole, dtype, masses)
    else:
        bounds.check_relative(loss, share * mp.fsum(whole), dtype, 12)
    for actual, m, r, j in zip(grad.scores, masses, rows, y, strict=True):
        slope = [
            share * (g + m * 2 * oracle.real(c) * r.log_z * q)
            for g, q in zip(
                oracle.logits_gradient([m * w for w in oracle.one_hot(int(j), 5)], r),
                r.q,
                strict=True,
            )
        ]
        bounds.check_soft_gradient(actual, slope, dtype, share * m)


def test_z_loss_of_linear_and_binary_scores(rng: np.random.Generator) -> None:
    hidden, weight = rng.normal(size=(3, 2)), rng.normal(size=(4, 2))
    y = np.array([1, 0, 3])
    linear = plogq.LinearLogits(hidden, weight)
    stored = plogq.Logits(hidden @ weight.T)
    loss, grad = plogq.value_and_grad(plogq.Labels(y), linear, z_loss=0.1)
    want, slope = plogq.value_and_grad(plogq.Labels(y), stored, z_loss=0.1)
    plain = plogq.cross_entropy(plogq.Labels(y), stored)
    log_z = [oracle.of_logits(r).log_z for r in oracle.rows(stored.scores)]
    extra = mp.fsum(z * z for z in log_z) * oracle.real(0.1) / 3
    assert want - plain == pytest.approx(float(extra), rel=1e-12)
    assert loss == pytest.approx(want, rel=1e-12)
    np.testing.assert_allclose(grad.hidden, slope.scores @ weight, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(grad.weight, slope.scores.T @ hidden, rtol=1e-12, atol=1e-15)
    z, yes = rng.normal(0, 2, 5), np.array([0.0, 1.0, 0.5, 0.0, 1.0])
    loss, grad = plogq.value_and_grad(
        plogq.BinaryProbs(yes), plogq.BinaryLogits(z), reduction="sum", z_loss=0.1
    )
    costs = [oracle.of_yes(x) for x in oracle.row(z)]
    truth = mp.fsum(
        (1 - w) * c.cost[0] + w * c.cost[1] + oracle.real(0.1) * c.log_z**2
        for w, c in zip(oracle.row(yes), costs, strict=True)
    )
    assert loss == pytest.approx(float(truth), rel=1e-13)
    slopes = [
        float(c.q[1] - w + oracle.real(0.2) * c.log_z * c.q[1])
        for w, c in zip(oracle.row(yes), costs, strict=True)
    ]
    np.testing.assert_allclose(grad.scores, slopes, rtol=1e-12, atol=1e-15)


@every_dtype
def test_log_normalizer_is_the_log_of_the_sum_of_exponentials(dtype: Any) -> None:
    rng = np.random.default_rng(5)
    scores = rng.normal(0, 3, (2, 5, 3)).astype(dtype)
    got = plogq.log_normalizer(plogq.Logits(scores, axis=1))
    truth = [oracle.of_logits(r).log_z for r in oracle.rows(np.moveaxis(scores, 1, -1))]
    assert got.shape == (2, 3)
    assert got.dtype == bounds.loss_dtype(dtype)
    np.testing.assert_allclose(
        got.reshape(-1), [float(t) for t in truth], rtol=0, atol=80 * bounds.unit(dtype)
    )
    z = rng.normal(0, 30, 20).astype(dtype)
    got = plogq.log_normalizer(plogq.BinaryLogits(z))
    bounds.check_losses(got, [oracle.of_yes(x).log_z for x in oracle.row(z)], dtype)
    hidden, weight = rng.normal(size=(2, 4, 3)), rng.normal(size=(6, 3))
    got = plogq.log_normalizer(plogq.LinearLogits(hidden, weight, softcap=3.0))
    want = plogq.log_normalizer(plogq.Logits(hidden @ weight.T, softcap=3.0))
    capped = [oracle.of_logits(r, 3.0).log_z for r in oracle.product(hidden, weight, None)]
    np.testing.assert_allclose(got.reshape(-1), [float(t) for t in capped], rtol=1e-13)
    np.testing.assert_allclose(got, want, rtol=1e-13)


def test_log_normalizer_of_no_events() -> None:
    assert plogq.log_normalizer(plogq.Logits(np.zeros((0, 3)))).shape == (0,)


@for_each("target", ["Labels", "Labels(ignore)", "SparseProbs", "Probs"])
@for_each("reduction", ["none", "sum", "mean"])
def test_the_entropy_of_a_target(reduction: str, target: str, rng: np.random.Generator) -> None:
    """0 for labels; weights multiply the same terms as in the cross-entropy."""
    made = makers.BASES[target](rng, (5,), 4, np.float64)
    weight = np.array([1.0, 2.0, 0.0, 0.5, 3.0])
    by_class = np.array([0.5, 1.0, 2.0, 4.0])
    p = plogq.Weighted(made.target, sample_weight=weight, class_weight=by_class)
    terms = [
        mp.fsum(
            -oracle.real(w) * c * x * mp.log(x)
            for x, c in zip(row, oracle.row(by_class), strict=True)
            if x
        )
        for row, w in zip(made.truth, weight, strict=True)
    ]
    masses = [
        oracle.mass(oracle.weigh(r, w, by_class)) for r, w in zip(made.truth, weight, strict=True)
    ]
    got = plogq.entropy(p, reduction=reduction)
    assert np.asarray(got).dtype == np.float64
    if reduction == "none":
        np.testing.assert_allclose(got, [float(t) for t in terms], rtol=1e-14)
    else:
        divisor = mp.fsum(masses) if reduction == "mean" else oracle.ONE
        assert got == pytest.approx(float(mp.fsum(terms) / divisor), rel=1e-14)


def test_the_entropy_of_a_smoothed_distribution(rng: np.random.Generator) -> None:
    p = makers.probs(rng, (4,), 5, np.float64)
    truth = [oracle.entropy(oracle.smooth(row, 0.1)) for row in p.truth]
    got = plogq.entropy(plogq.Smoothed(p.target, 0.1), reduction="none")
    np.testing.assert_allclose(got, [float(t) for t in truth], rtol=1e-13)
    twice = plogq.Smoothed(plogq.Smoothed(p.target, 0.1), 0.2)
    truth = [oracle.entropy(oracle.smooth(oracle.smooth(row, 0.1), 0.2)) for row in p.truth]
    got = plogq.entropy(twice, reduction="none")
    np.testing.assert_allclose(got, [float(t) for t in truth], rtol=1e-13)


def test_the_entropy_of_equal_indices_is_that_of_their_sum() -> None:
    """Two halves on one class are one certainty: the same P has the same entropy."""
    p = plogq.SparseProbs([[1, 1], [0, 2]], [[0.5, 0.5], [0.5, 0.5]])
    assert plogq.entropy(p, reduction="none") == pytest.approx([0.0, np.log(2)])
    q = plogq.Logits(np.zeros((2, 4)))
    assert plogq.kl_divergence(p, q, reduction="none") == pytest.approx([np.log(4), np.log(2)])


def test_binary_entropy(rng: np.random.Generator) -> None:
    y = np.array([0.0, 1.0, 0.5, 0.25, 1e-20])
    truth = [oracle.entropy([1 - v, v]) for v in oracle.row(y)]
    got = plogq.entropy(plogq.BinaryProbs(y), reduction="none")
    np.testing.assert_allclose(got, [float(t) for t in truth], rtol=1e-14)
    got = plogq.kl_divergence(
        plogq.BinaryProbs(y[:4]), plogq.BinaryProbs(np.full(4, 0.25)), reduction="none"
    )
    half = [oracle.of_yes_probability(oracle.real(0.25)).cost] * 4
    truth = [
        oracle.mp.fsum([(1 - v) * c[0], v * c[1]]) - oracle.entropy([1 - v, v])
        for v, c in zip(oracle.row(y[:4]), half, strict=True)
    ]
    np.testing.assert_allclose(got, [float(t) for t in truth], rtol=1e-13, atol=1e-16)


DISTRIBUTIONS = [
    name
    for name in makers.TARGETS
    # Class weights make masses that are no distribution times a mass; top-k lists are none either.
    if not any(part in name for part in ("class", "both", "SparseProbs"))
]


@for_each("target", DISTRIBUTIONS)
def test_the_divergence_is_the_cross_entropy_less_the_entropy(target: str) -> None:
    rng = np.random.default_rng(len(target))
    p = makers.TARGETS[target](rng, (5,), 4, np.float64)
    q = makers.logits(rng, (5,), 4, np.float64)
    got = plogq.kl_divergence(p.target, q.prediction, reduction="none")
    for value, row, costs in zip(got, p.truth, q.costs, strict=True):
        mass, whole = oracle.mass(row), oracle.cross_entropy(row, costs)
        share = [w / mass for w in row] if mass else row
        bounds.check(value, whole - mass * oracle.entropy(share), 1e-14 * (1 + whole))


@for_each("base", makers.BASES)
def test_smoothing_by_0_leaves_entropy_and_divergence_alone(base: str) -> None:
    rng = np.random.default_rng(6)
    p = makers.BASES[base](rng, (5,), 4, np.float64)
    q = makers.logits(rng, (5,), 4, np.float64)
    want = [
        float(oracle.cross_entropy(row, costs) - oracle.entropy(row))
        for row, costs in zip(p.truth, q.costs, strict=True)
    ]
    smoothed = plogq.Smoothed(p.target, 0.0)
    for target in (p.target, smoothed, plogq.Smoothed(smoothed, 0.0)):
        got = plogq.kl_divergence(target, q.prediction, reduction="none")
        np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-14)


def test_the_divergence_of_top_k_targets_is_a_sum_over_the_listed_classes() -> None:
    p, z = np.array([[0.5, 0.25]]), np.array([[1.0, 2.0, 0.0]])
    q = oracle.of_logits(oracle.row(z))
    truth = sum(
        oracle.real(w) * (mp.log(oracle.real(w)) + q.cost[j]) for w, j in ((0.5, 0), (0.25, 2))
    )
    got = plogq.kl_divergence(plogq.SparseProbs([[0, 2]], p), plogq.Logits(z), reduction="sum")
    assert got == pytest.approx(float(truth), rel=1e-14)


def test_explain_names_the_kernel_and_says_why_others_were_refused() -> None:
    y, z = plogq.Labels([1]), np.zeros((1, 3))
    assert plogq.explain(y, plogq.Logits(z)).chosen == "cpu"
    assert "Labels × Logits on numpy, cpu: cpu" in str(plogq.explain(y, plogq.Logits(z)))
    linear = plogq.explain(y, plogq.LinearLogits(np.zeros((1, 2)), np.zeros((3, 2))))
    assert linear.chosen == "chunked"
    binary = plogq.explain(plogq.BinaryProbs([1.0]), plogq.BinaryLogits([0.0]))
    assert binary.chosen == "cpu"
    swapped = plogq.explain(y, plogq.Logits(z.astype(z.dtype.newbyteorder())))
    assert swapped.chosen == "formula"
    assert [name for name, _ in swapped.refusals] == ["cpu"]
    assert "byte order" in str(swapped)


def test_the_gradient_may_overwrite_the_scores_if_asked_by_name(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(4, 5))
    y = plogq.Labels([0, 1, 2, 4])
    truth = oracle.label_gradients(scores, y.index)
    work = scores.copy()
    _, grad = plogq.value_and_grad(y, plogq.Logits(work), reduction="sum", out="scores")
    assert grad.scores is work
    bounds.check_hard_gradient(work, [g for row in truth for g in row], FLOAT64)


def test_the_gradient_goes_into_out(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(4, 5))
    y = plogq.Labels([0, 1, 2, 4])
    truth = [g for row in oracle.label_gradients(scores, y.index) for g in row]
    kept = scores.copy()
    for out in (
        np.full((4, 5), np.nan),
        np.full((5, 4), np.nan).T,
        np.full((8, 10), np.nan)[::2, ::-2],
    ):
        _, grad = plogq.value_and_grad(y, plogq.Logits(scores), reduction="sum", out=out)
        assert grad.scores is out
        bounds.check_hard_gradient(out, truth, FLOAT64)
    assert np.array_equal(scores, kept)


def test_out_for_binary_scores_and_probabilities(rng: np.random.Generator) -> None:
    z, y = rng.normal(size=7), np.arange(7) % 2
    truth = [
        c.q[1] if j == 0 else -c.q[0]
        for c, j in zip((oracle.of_yes(s) for s in oracle.row(z)), y, strict=True)
    ]
    work = z.copy()
    plogq.value_and_grad(
        plogq.BinaryProbs(y), plogq.BinaryLogits(work), reduction="sum", out="scores"
    )
    bounds.check_hard_gradient(work, truth, FLOAT64)
    q = rng.dirichlet(np.ones(3), 2)
    out = np.empty_like(q)
    plogq.value_and_grad(plogq.Labels([0, 2]), plogq.Probs(q), reduction="sum", out=out)
    assert out == pytest.approx(np.array([[-1 / q[0, 0], 0, 0], [0, 0, -1 / q[1, 2]]]))
