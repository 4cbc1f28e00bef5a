"""Laws that hold for every representation, whatever computes it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq

from . import bounds, makers, oracle, slopes
from .bounds import DTYPES
from .oracle import Real, Row

Array = npt.NDArray[Any]

every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
every_base = pytest.mark.parametrize("base", makers.BASES)
every_target = pytest.mark.parametrize("target", makers.TARGETS)
every_prediction = pytest.mark.parametrize("prediction", makers.PREDICTIONS)
every_stored = pytest.mark.parametrize("prediction", makers.STORED)
FLOAT64 = np.dtype(np.float64)


def seeded(*names: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(names).encode()))


def truths(p: makers.MadeTarget, q: makers.MadePrediction) -> list[Real]:
    return [oracle.cross_entropy(w, c) for w, c in zip(p.truth, q.costs, strict=True)]


def losses(p: Any, q: Any) -> Array:
    return plogq.cross_entropy(p, q, reduction="none")


def close(got: npt.ArrayLike, want: npt.ArrayLike, dtype: Any = FLOAT64) -> None:
    """The same up to a few roundings of the statistics."""
    np.testing.assert_allclose(
        got, want, rtol=64 * bounds.unit(dtype), atol=64 * bounds.unit(dtype)
    )


def rebuilt(q: Any, change: Callable[[Array], Array]) -> Any:
    """A stored prediction with its array changed."""
    if isinstance(q, plogq.Logits):
        return plogq.Logits(change(q.scores), softcap=q.softcap)
    if isinstance(q, plogq.LogProbs):
        return plogq.LogProbs(change(q.log_probs))
    return plogq.Probs(change(q.probs))


@pytest.mark.parametrize("digits", [60, 400])
def test_the_oracle_agrees_with_the_definition_word_for_word(digits: int) -> None:
    """-Σ p log(exp s / Σ exp s): 60 digits for usual scores, 400 for confident ones."""
    spread = 3.0 if digits == 60 else 300.0
    rng = np.random.default_rng(digits)
    for row in oracle.rows(rng.normal(0, spread, (20, 6))):
        for p in (oracle.one_hot(2, 6), oracle.row(rng.dirichlet(np.ones(6)))):
            plain = oracle.plain_cross_entropy(p, row, digits)
            ours = oracle.cross_entropy(p, oracle.of_logits(row))
            assert abs(plain - ours) <= oracle.real(1e-45) * abs(plain)


@every_target
@every_prediction
def test_every_p_with_every_q_is_minus_p_log_q(target: str, prediction: str) -> None:
    """Through the public call, whichever kernel it chooses; events on two axes."""
    rng = seeded(target, prediction)
    p = makers.TARGETS[target](rng, (2, 3), 4, FLOAT64)
    q = makers.PREDICTIONS[prediction](rng, (2, 3), 4, FLOAT64)
    got = losses(p.target, q.prediction)
    assert got.shape == (2, 3)
    masses = [oracle.mass(w) for w in p.truth]
    slack = float(slopes.slack(q, FLOAT64) * max(masses))
    bounds.check_losses(got, truths(p, q), FLOAT64, masses, slack)


@pytest.mark.parametrize("target", makers.BINARY_TARGETS)
@pytest.mark.parametrize("prediction", makers.BINARY_PREDICTIONS)
def test_every_binary_p_with_every_binary_q(target: str, prediction: str) -> None:
    rng = seeded(target, prediction)
    p = makers.BINARY_TARGETS[target](rng, (3, 4), 0, FLOAT64)
    q = makers.BINARY_PREDICTIONS[prediction](rng, (3, 4), 0, FLOAT64)
    got = losses(p.target, q.prediction)
    assert got.shape == (3, 4)
    bounds.check_losses(got, truths(p, q), FLOAT64, [oracle.mass(w) for w in p.truth])


@every_dtype
@every_base
@pytest.mark.parametrize("sign", [1, -1])
def test_shifting_all_scores_changes_nothing(sign: int, base: str, dtype: Any) -> None:
    """Multiples of 1/8 stay exact under these shifts, so the truth is that of the unshifted."""
    rng = seeded(base, dtype.name)
    most = {"float64": 2.0**40, "float32": 2.0**20, "float16": 64.0, "bfloat16": 24.0}
    shift = sign * most[dtype.name]
    p = makers.BASES[base](rng, (6,), 5, dtype)
    z = makers.dyadic(rng, (6, 5), dtype, most=24)
    truth = [
        oracle.cross_entropy(w, oracle.of_logits(s))
        for w, s in zip(p.truth, oracle.rows(z), strict=True)
    ]
    shifted = (z.astype(float) + shift).astype(dtype)
    assert np.array_equal(shifted.astype(float), z.astype(float) + shift), "the shift is exact"
    masses = [oracle.mass(w) for w in p.truth]
    bounds.check_losses(losses(p.target, plogq.Logits(shifted)), truth, dtype, masses)


@every_dtype
@every_prediction
def test_an_index_is_its_one_hot_row(prediction: str, dtype: Any) -> None:
    rng = seeded(prediction, dtype.name)
    q = makers.PREDICTIONS[prediction](rng, (7,), 5, dtype)
    y = rng.integers(0, 5, 7)
    one_hot = np.eye(5)[y].astype(dtype)
    truth = [c.cost[j] for c, j in zip(q.costs, y, strict=True)]
    slack = float(slopes.slack(q, dtype))
    for p in (
        plogq.Labels(y),
        plogq.Probs(one_hot),
        plogq.SparseProbs(y[:, None], np.ones((7, 1), dtype)),
        plogq.SparseProbs(np.stack([y, y], -1), np.full((7, 2), 0.5, dtype)),
        plogq.Smoothed(plogq.Labels(y), 0.0),
        plogq.Weighted(plogq.Labels(y), sample_weight=np.ones(7), class_weight=np.ones(5)),
    ):
        bounds.check_losses(losses(p, q.prediction), truth, dtype, slack=slack)


@every_dtype
def test_the_cross_entropy_of_p_with_itself_is_its_entropy(dtype: Any) -> None:
    rng = seeded("entropy", dtype.name)
    p = rng.dirichlet(np.ones(6), 8).astype(dtype)
    truth = [oracle.entropy(w) for w in oracle.rows(p)]
    target = plogq.Probs(p)
    bounds.check_losses(losses(target, target), truth, dtype)
    bounds.check_losses(plogq.entropy(target, reduction="none"), truth, FLOAT64)
    close(plogq.kl_divergence(target, target, reduction="none"), np.zeros(8), dtype)


@every_prediction
def test_gibbs_inequality(prediction: str) -> None:
    """H(P, Q) ≥ H(P), and the divergence is the oracle's Σ p log(p / q)."""
    rng = seeded("gibbs", prediction)
    q = makers.PREDICTIONS[prediction](rng, (30,), 4, FLOAT64)
    p = makers.probs(rng, (30,), 4, FLOAT64)
    excess = [t - oracle.entropy(w) for t, w in zip(truths(p, q), p.truth, strict=True)]
    assert min(excess) > 0
    got = plogq.kl_divergence(p.target, q.prediction, reduction="none")
    assert (got >= 0).all()
    # A difference of two entropies is as good as the greater of them.
    np.testing.assert_allclose(got, [float(e) for e in excess], rtol=0, atol=1e-13)


@every_dtype
@every_prediction
def test_the_loss_is_linear_in_p(prediction: str, dtype: Any) -> None:
    rng = seeded("linear", prediction, dtype.name)
    q = makers.PREDICTIONS[prediction](rng, (5,), 4, dtype).prediction
    a, b = (makers.distribution(rng, (5, 4), np.float64) for _ in range(2))
    y = rng.integers(0, 4, 5)
    mix = plogq.Probs(0.25 * a + 0.75 * b)
    close(
        losses(mix, q), 0.25 * losses(plogq.Probs(a), q) + 0.75 * losses(plogq.Probs(b), q), dtype
    )
    mix = plogq.Probs(0.5 * a + 0.5 * np.eye(4)[y])
    close(losses(mix, q), 0.5 * losses(plogq.Probs(a), q) + 0.5 * losses(plogq.Labels(y), q), dtype)
    twice = plogq.Weighted(plogq.Probs(a), sample_weight=np.full(5, 2.0))
    close(losses(twice, q), 2 * losses(plogq.Probs(a), q), dtype)


@every_target
@every_prediction
def test_the_gradient_is_mass_q_less_p(target: str, prediction: str) -> None:
    rng = seeded("gradient", target, prediction)
    p = makers.TARGETS[target](rng, (3,), 4, FLOAT64)
    q = makers.PREDICTIONS[prediction](rng, (3,), 4, FLOAT64)
    _, grad = plogq.value_and_grad(p.target, q.prediction, reduction="none")
    assert type(grad) is type(q.prediction)
    slopes.Slopes(p, q, FLOAT64, (1.0,) * 3).check(grad)


# The closed forms above come from calculus; here the derivative is taken of the loss itself.
DERIVATIVES = {
    "Logits": (plogq.Logits, "scores", oracle.of_logits),
    "Logits(softcap)": (
        lambda z: plogq.Logits(z, softcap=3.0),
        "scores",
        lambda s: oracle.of_logits(s, 3.0),
    ),
    "LogProbs": (plogq.LogProbs, "log_probs", oracle.of_log_probs),
    "Probs": (plogq.Probs, "probs", oracle.of_probs),
}


@every_base
@pytest.mark.parametrize("layers", makers.WRAPPERS)
@pytest.mark.parametrize("kind", DERIVATIVES)
def test_the_gradient_is_the_slope_of_the_loss(kind: str, layers: str, base: str) -> None:
    """Central differences of the oracle's loss, in 60 digits."""
    make, name, costs = DERIVATIVES[kind]
    rng = seeded(kind, layers, base)
    stored = rng.dirichlet(np.ones(4), 2) if kind == "Probs" else rng.normal(0, 2, (2, 4))
    if kind == "LogProbs":
        stored = -np.abs(stored)
    p = makers.TARGETS[f"{base}-{layers}"](rng, (2,), 4, FLOAT64)
    _, grad = plogq.value_and_grad(p.target, make(stored), reduction="none")
    for i, row in enumerate(oracle.rows(stored)):

        def loss(at: Row, masses: Row = p.truth[i]) -> Real:
            return oracle.cross_entropy(masses, costs(at))

        slope = [float(g) for g in oracle.difference(loss, row)]
        np.testing.assert_allclose(getattr(grad, name)[i], slope, rtol=1e-13, atol=1e-13)


def test_the_gradient_of_linear_logits_is_the_slope_of_the_loss() -> None:
    rng = seeded("linear slope")
    hidden, weight, bias = rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
    y = np.array([2, 0])
    q = plogq.LinearLogits(hidden, weight, bias, softcap=2.0)
    _, grad = plogq.value_and_grad(plogq.Labels(y), q, reduction="sum")

    def loss(at: Row) -> Real:
        h, w, b = at[:6], at[6:18], at[18:]
        total = oracle.ZERO
        for i in range(2):
            scores = [sum((h[3 * i + k] * w[3 * j + k] for k in range(3)), b[j]) for j in range(4)]
            total += oracle.of_logits(scores, 2.0).cost[int(y[i])]
        return total

    slope = oracle.difference(loss, [*oracle.row(hidden), *oracle.row(weight), *oracle.row(bias)])
    got = np.concatenate([grad.hidden.ravel(), grad.weight.ravel(), grad.bias])
    np.testing.assert_allclose(got, [float(g) for g in slope], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("target", makers.BINARY_TARGETS)
def test_the_binary_gradient_is_the_slope_of_the_loss(target: str) -> None:
    rng = seeded("binary slope", target)
    p = makers.BINARY_TARGETS[target](rng, (5,), 0, FLOAT64)
    for q, name, costs in (
        (plogq.BinaryLogits(rng.normal(0, 3, 5)), "scores", oracle.of_yes),
        (plogq.BinaryProbs(rng.random(5)), "probs", oracle.of_yes_probability),
    ):
        _, grad = plogq.value_and_grad(p.target, q, reduction="sum")
        for i, x in enumerate(oracle.row(getattr(q, name))):

            def loss(at: Row, masses: Row = p.truth[i], costs: Any = costs) -> Real:
                return oracle.cross_entropy(masses, costs(at[0]))

            slope = float(oracle.difference(loss, [x])[0])
            np.testing.assert_allclose(getattr(grad, name)[i], slope, rtol=1e-12, atol=1e-14)


@every_dtype
@every_stored
def test_the_order_of_the_classes_does_not_matter(prediction: str, dtype: Any) -> None:
    rng = seeded("order", prediction, dtype.name)
    made = makers.STORED[prediction](rng, (4,), 7, dtype)
    order = rng.permutation(7)
    y = rng.integers(0, 7, 4)
    p = makers.distribution(rng, (4, 7), dtype)
    moved = rebuilt(made.prediction, lambda x: x[:, order])
    weight = rng.random(7) + 0.5
    where = np.argsort(order)[y]
    truth = [c.cost[j] for c, j in zip(made.costs, y, strict=True)]
    slack = float(slopes.slack(made, dtype))
    bounds.check_losses(losses(plogq.Labels(where), moved), truth, dtype, slack=slack)
    close(losses(plogq.Probs(p[:, order]), moved), losses(plogq.Probs(p), made.prediction), dtype)
    here = plogq.Weighted(plogq.Smoothed(plogq.Labels(y), 0.2), class_weight=weight)
    there = plogq.Weighted(plogq.Smoothed(plogq.Labels(where), 0.2), class_weight=weight[order])
    close(losses(there, moved), losses(here, made.prediction), dtype)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
@every_dtype
@every_base
def test_the_classes_may_stand_on_any_axis(base: str, dtype: Any, axis: int) -> None:
    rng = seeded("axis", base, dtype.name)
    p = makers.BASES[base](rng, (2, 3), 5, dtype)
    z = makers.dyadic(rng, (2, 3, 5), dtype)
    q = plogq.Logits(np.moveaxis(z, -1, axis), axis=axis)
    target = p.target
    if isinstance(target, plogq.Probs):
        target = plogq.Probs(np.moveaxis(target.probs, -1, axis), axis=axis)
    made = makers.MadePrediction(q, [oracle.of_logits(s) for s in oracle.rows(z)], "logits")
    loss, grad = plogq.value_and_grad(target, q, reduction="none")
    masses = [oracle.mass(w) for w in p.truth]
    bounds.check_losses(loss, truths(p, made), dtype, masses)
    assert grad.scores.shape == q.scores.shape
    truth = [
        g
        for w, c in zip(p.truth, made.costs, strict=True)
        for g in oracle.logits_gradient(w, c)  # type: ignore[arg-type]
    ]
    bounds.check_soft_gradient(np.moveaxis(grad.scores, axis, -1), truth, dtype)


@every_prediction
def test_p_and_q_may_hold_their_classes_on_different_axes(prediction: str) -> None:
    rng = seeded("axes", prediction)
    q = makers.PREDICTIONS[prediction](rng, (3,), 4, FLOAT64)
    p = makers.probs(rng, (3,), 4, FLOAT64)
    turned = plogq.Probs(np.ascontiguousarray(p.target.probs.T), axis=0)
    slack = float(slopes.slack(q, FLOAT64))
    bounds.check_losses(losses(turned, q.prediction), truths(p, q), FLOAT64, slack=slack)


@every_prediction
def test_a_weight_is_a_repetition_of_its_event(prediction: str) -> None:
    rng = seeded("repeat", prediction)
    times = np.array([3, 0, 1, 2])
    y = rng.integers(0, 5, 4)
    if prediction.startswith("LinearLogits"):
        hidden, weight = rng.normal(size=(4, 2)), rng.normal(size=(5, 2))
        q: Any = plogq.LinearLogits(hidden, weight)
        repeated: Any = plogq.LinearLogits(np.repeat(hidden, times, 0), weight)
    else:
        q = makers.PREDICTIONS[prediction](rng, (4,), 5, FLOAT64).prediction
        repeated = rebuilt(q, lambda x: np.repeat(x, times, 0))
    often = plogq.Labels(np.repeat(y, times))
    p = plogq.Weighted(plogq.Labels(y), sample_weight=times.astype(float))
    for reduction in ("sum", "mean"):
        got = plogq.cross_entropy(p, q, reduction=reduction)
        close(got, plogq.cross_entropy(often, repeated, reduction=reduction))


@every_prediction
def test_smoothing_is_an_explicit_soft_target(prediction: str) -> None:
    rng = seeded("smooth", prediction)
    q = makers.PREDICTIONS[prediction](rng, (4,), 5, FLOAT64).prediction
    y = rng.integers(0, 5, 4)
    explicit = np.full((4, 5), 0.02)
    explicit[np.arange(4), y] = 0.92
    for target in (plogq.Labels(y), plogq.Probs(np.eye(5)[y])):
        loss, grad = plogq.value_and_grad(plogq.Smoothed(target, 0.1), q)
        want, slope = plogq.value_and_grad(plogq.Probs(explicit), q)
        close(loss, want)
        for name in ("scores", "log_probs", "probs", "hidden", "weight"):
            if hasattr(slope, name):
                close(getattr(grad, name), getattr(slope, name))


@every_prediction
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_an_ignored_event_is_absent(epsilon: float, prediction: str) -> None:
    rng = seeded("ignore", prediction)
    keep = np.array([True, False, True, False, True])
    y = np.array([2, -7, 0, -7, 3])
    if prediction.startswith("LinearLogits"):
        hidden, weight = rng.normal(size=(5, 2)), rng.normal(size=(4, 2))
        q: Any = plogq.LinearLogits(hidden, weight)
        kept: Any = plogq.LinearLogits(hidden[keep], weight)
    else:
        q = makers.PREDICTIONS[prediction](rng, (5,), 4, FLOAT64).prediction
        kept = rebuilt(q, lambda x: x[keep])
    weight = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    by_class = np.array([0.5, 1.0, 2.0, 3.0])

    def whole(labels: Any, sample: Array) -> Any:
        smooth = plogq.Smoothed(labels, epsilon)
        return plogq.Weighted(smooth, sample_weight=sample, class_weight=by_class)

    some = whole(plogq.Labels(y, ignore=-7), weight)
    rest = whole(plogq.Labels(y[keep]), weight[keep])
    for reduction in ("sum", "mean"):
        close(
            plogq.cross_entropy(some, q, reduction=reduction),
            plogq.cross_entropy(rest, kept, reduction=reduction),
        )
    assert (losses(some, q)[~keep] == 0).all()
    _, grad = plogq.value_and_grad(some, q)
    _, without = plogq.value_and_grad(rest, kept)
    for name in ("scores", "log_probs", "probs", "hidden"):
        if hasattr(grad, name):
            assert (getattr(grad, name)[~keep] == 0).all()
            close(getattr(grad, name)[keep], getattr(without, name))
    if hasattr(grad, "weight"):
        close(grad.weight, without.weight)


def test_two_classes_are_one_yes_no_outcome() -> None:
    """Scores (0, z) over two classes cost what z costs as a yes/no outcome."""
    rng = seeded("two")
    z, y = rng.normal(0, 20, 40), rng.integers(0, 2, 40)
    two = plogq.Logits(np.stack([np.zeros_like(z), z], -1))
    truth = oracle.label_costs(two.scores, y)
    bounds.check_losses(losses(plogq.Labels(y), two), truth, FLOAT64)
    bounds.check_losses(losses(plogq.BinaryProbs(y), plogq.BinaryLogits(z)), truth, FLOAT64)


def test_log_probabilities_are_logits_that_are_normalised() -> None:
    rng = seeded("normalised")
    log_q = np.log(rng.dirichlet(np.ones(6), 9))
    p = plogq.Probs(rng.dirichlet(np.ones(6), 9))
    want = losses(p, plogq.LogProbs(log_q))
    close(losses(p, plogq.Logits(log_q + 7.0)), want)
    close(losses(p, plogq.Probs(np.exp(log_q))), want)
