"""Every array is read as what it is: P of another width than Q, weights of any size, long sums."""

from __future__ import annotations

from typing import Any

import numpy as np

import plogq

from . import bounds, makers, oracle
from .together import for_each

F32, F64 = np.float32, np.float64


def loss_of(p: Any, q: Any, **options: Any) -> Any:
    return plogq.cross_entropy(p, q, **options)


def test_yes_no_targets_wider_than_the_scores(kernel: str) -> None:
    p, z = np.array([1 - 1e-9, 1e-12, 0.3]), np.array([20.0, -25.0, 0.5], F32)
    truth = [
        oracle.cross_entropy([1 - y, y], oracle.of_yes(s))
        for y, s in zip(oracle.row(p), oracle.row(z), strict=True)
    ]
    losses = loss_of(plogq.BinaryProbs(p), plogq.BinaryLogits(z), reduction="none")
    if kernel == "formula":
        np.testing.assert_allclose(losses, [float(x) for x in truth], rtol=1e-5)
    else:
        bounds.check_losses(losses, truth, F32)


def test_what_a_wide_target_forbids_costs_infinity(kernel: str) -> None:
    q = plogq.BinaryProbs(np.array([1.0], F32))
    assert loss_of(plogq.BinaryProbs(np.array([1 - 1e-10])), q) == np.inf
    ruled_out = plogq.Logits(np.array([[0.0, -np.inf]], F32))
    tiny = plogq.Probs(np.array([[1.0, 1e-46]]))
    assert loss_of(tiny, ruled_out) == np.inf
    both = plogq.Logits(np.array([[0.0, -np.inf], [0.0, -np.inf]], F32))
    assert loss_of(plogq.Probs(np.array([[1.0, 1e-46]] * 2)), both) == np.inf


@for_each("classes", [2, 7, 100, 127, 128, 129, 1000, 4099])
@for_each("axis", [0, 1])
def test_narrow_targets_of_wide_scores(classes: int, axis: int, kernel: str) -> None:
    rng = np.random.default_rng(classes)
    p, z = makers.distribution(rng, (5, classes), F32), rng.normal(0, 3, (5, classes))
    turned = [np.ascontiguousarray(np.moveaxis(x, -1, axis)) for x in (p, z)]
    p_of, q_of = plogq.Probs(turned[0], axis=axis), plogq.Logits(turned[1], axis=axis)
    losses = loss_of(p_of, q_of, reduction="none")
    truth = oracle.soft_costs(p, z)
    bounds.check_losses(losses, truth, F64, [oracle.mass(r) for r in oracle.rows(p)])


@for_each("dtype", [F32, F64])
@for_each("classes", [100, 127, 128, 129, 1000, 1023, 5000])
def test_masses_are_as_exact_as_their_terms(classes: int, dtype: Any, kernel: str) -> None:
    smoothed = np.full(classes, 0.1 / classes)
    smoothed[3] += 0.9
    p = np.array([np.full(classes, 1 / classes), smoothed], dtype)
    z = np.zeros((2, classes), dtype)
    truth = oracle.soft_costs(p, z)
    losses = loss_of(plogq.Probs(p), plogq.Logits(z), reduction="none")
    bounds.check_losses(losses, truth, dtype, [oracle.mass(r) for r in oracle.rows(p)])


def test_a_distribution_does_not_diverge_from_itself_in_another_width() -> None:
    rng = np.random.default_rng(0)
    p = makers.distribution(rng, (5, 100), F32)
    found = plogq.kl_divergence(plogq.Probs(p), plogq.Probs(p.astype(F64)), reduction="none")
    assert not found.any()
    y = rng.random(50).astype(F32)
    found = plogq.kl_divergence(
        plogq.BinaryProbs(y), plogq.BinaryProbs(y.astype(F64)), reduction="none"
    )
    assert np.abs(found).max() <= 2**-52


@for_each("epsilon", [1e-8, 1e-12, 0.1])
def test_the_entropy_of_what_is_hardly_smoothed(epsilon: float) -> None:
    classes = 3
    p = oracle.smooth(oracle.one_hot(1, classes), epsilon)
    smoothed = plogq.Smoothed(plogq.Labels([1]), epsilon)
    z = np.array([[0.0, 20.0, 0.0]])
    whole, own = oracle.cross_entropy(p, oracle.of_logits(oracle.row(z))), oracle.entropy(p)
    # A difference carries the rounding of what it is a difference of.
    allowed = 16 * 2**-53 * float(whole)
    bounds.check(plogq.kl_divergence(smoothed, plogq.Logits(z)), whole - own, allowed)
    yes = [1 - oracle.real(epsilon) / 2, oracle.real(epsilon) / 2]
    bounds.check_relative(
        plogq.entropy(plogq.Smoothed(plogq.BinaryProbs([1.0]), epsilon)),
        oracle.entropy(yes),
        F64,
        units=16,
    )


SIZES = (1e-300, 1e-46, 1e-40, 1e39, 1e300)


@for_each("size", SIZES)
@for_each("dtype", [F32, F64])
def test_weights_of_any_size_leave_the_mean_alone(size: float, dtype: Any, kernel: str) -> None:
    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(6, 4)).astype(dtype), rng.integers(0, 4, 6)
    p = makers.distribution(rng, (6, 4), dtype)
    b, weight = rng.normal(size=6).astype(dtype), rng.uniform(0.5, 2, 6)
    yes = rng.random(6).astype(dtype)
    pairs: list[tuple[Any, Any]] = [
        (plogq.Labels(y), plogq.Logits(z)),
        (plogq.Probs(p), plogq.Logits(z)),
        (plogq.Smoothed(plogq.Labels(y), 0.1), plogq.Logits(z)),
        (plogq.Labels(y), plogq.LinearLogits(z, rng.normal(size=(4, 4)).astype(dtype))),
        (plogq.BinaryProbs(yes), plogq.BinaryLogits(b)),
        (plogq.BinaryProbs(yes > 0.5), plogq.BinaryProbs(yes)),
    ]
    tolerance = 1e-13 if dtype == F64 else 1e-6
    for p_of, q_of in pairs:
        usual = plogq.Weighted(p_of, sample_weight=weight)
        sized = plogq.Weighted(p_of, sample_weight=weight * size)
        by_class = [size] * (2 if isinstance(p_of, plogq.BinaryProbs) else 4)
        classed = plogq.Weighted(plogq.Weighted(p_of, class_weight=by_class), sample_weight=weight)
        right, right_grad = plogq.value_and_grad(usual, q_of)
        for each in (sized, classed):
            loss, grad = plogq.value_and_grad(each, q_of)
            np.testing.assert_allclose(loss, right, rtol=tolerance)
            for name in ("scores", "probs", "hidden", "weight"):
                if getattr(grad, name, None) is not None:
                    np.testing.assert_allclose(
                        getattr(grad, name),
                        getattr(right_grad, name),
                        rtol=10 * tolerance,
                        atol=tolerance,
                    )
            divisor = float(weight.sum()) * size
            np.testing.assert_allclose(
                plogq.cross_entropy(each, q_of, normalizer=divisor), right, rtol=tolerance
            )
        if not isinstance(q_of, plogq.BinaryProbs):
            found = plogq.kl_divergence(sized, q_of)
            np.testing.assert_allclose(
                found, plogq.kl_divergence(usual, q_of), rtol=1e-5, atol=tolerance
            )


@for_each("size", [1e-40, 1e39])
def test_the_losses_and_gradients_of_single_events_are_what_float32_can_say(
    size: float, instructions: str
) -> None:
    z, y, w = np.array([0.3, -20.0, 4.0], F32), np.array([1.0, 0.0, 0.5]), np.full(3, size)
    weighted = plogq.Weighted(plogq.BinaryProbs(y), sample_weight=w)
    losses, grad = plogq.value_and_grad(weighted, plogq.BinaryLogits(z), reduction="none")
    wide, wide_grad = plogq.value_and_grad(
        weighted, plogq.BinaryLogits(z.astype(F64)), reduction="none"
    )
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(losses, wide.astype(F32), rtol=1e-6, atol=1.5e-45)
        np.testing.assert_allclose(
            grad.scores, wide_grad.scores.astype(F32), rtol=1e-6, atol=1.5e-45
        )


@for_each("axis", [0, 1])
def test_class_weights_of_any_size(axis: int, instructions: str) -> None:
    rng = np.random.default_rng(5)
    p, z = makers.distribution(rng, (70, 6), F32), rng.normal(size=(70, 6)).astype(F32)
    turned = [np.ascontiguousarray(np.moveaxis(x, -1, axis)) for x in (p, z)]
    by_class = np.array([1e39, 1.0, 1e39, 1e-39, 0.0, 1e38])
    weighted = plogq.Weighted(plogq.Probs(turned[0], axis=axis), class_weight=by_class)
    loss, grad = plogq.value_and_grad(weighted, plogq.Logits(turned[1], axis=axis))
    wide, wide_grad = plogq.value_and_grad(weighted, plogq.Logits(turned[1].astype(F64), axis=axis))
    np.testing.assert_allclose(loss, wide, rtol=1e-6)
    np.testing.assert_allclose(grad.scores, wide_grad.scores, rtol=1e-5, atol=1e-8)


def test_a_mean_over_tiny_probabilities_has_a_finite_gradient(kernel: str) -> None:
    q = plogq.BinaryProbs(np.full(64, 1e-39, F32))
    _, grad = plogq.value_and_grad(plogq.BinaryProbs(np.ones(64)), q)
    np.testing.assert_allclose(grad.probs, -1 / 64 / float(F32(1e-39)), rtol=1e-6)


@for_each("entries", [2, 16, 17, 64, 300])
@for_each("classes", [3, 7, 200])
def test_entries_of_one_class_add_up(entries: int, classes: int, instructions: str) -> None:
    rng = np.random.default_rng(entries)
    index = rng.integers(0, classes, (5, entries))
    p = rng.dirichlet(np.ones(entries), 5)
    dense = np.zeros((5, classes))
    for event in range(5):
        np.add.at(dense[event], index[event], p[event])
    q = plogq.Logits(rng.normal(size=(5, classes)))
    loss, grad = plogq.value_and_grad(plogq.SparseProbs(index, p), q)
    right, right_grad = plogq.value_and_grad(plogq.Probs(dense), q)
    np.testing.assert_allclose(loss, right, rtol=1e-14)
    np.testing.assert_allclose(grad.scores, right_grad.scores, atol=1e-16)
