"""P is a prediction too: values in 60 digits, gradients on both sides, infinities, mass 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq

from .. import bounds, makers, oracle
from ..oracle import Costs, Real
from .framework import Suite, needs
from .made import seeded

Array = npt.NDArray[Any]
N, K, SHARE = 3, 5, 0.25
PAIRS = (
    ("Logits", "Logits"),
    ("LogProbs", "LogProbs"),
    ("LinearLogits(bias)", "Logits(softcap)"),
    ("BinaryLogits", "BinaryLogits"),
)
# What flows back to each of the four, so that one gradient tells of all of them.
FLOWS = (1.0, 2.0, 8.0, 4.0)


def four(p: Any, q: Any) -> tuple[Any, Any, Any, Any]:
    """H(P, Q), KL(P ‖ Q), JS(P, Q) and H(Q) per event."""
    each = {"reduction": "none"}
    return (
        plogq.cross_entropy(p, q, **each),
        plogq.kl_divergence(p, q, **each),
        plogq.js_divergence(p, q, weight=SHARE, **each),
        plogq.entropy(q, **each),
    )


def truths(p: Costs, q: Costs) -> tuple[Real, Real, Real, Real]:
    own, other = oracle.probability(p), oracle.probability(q)
    return (
        oracle.cross_entropy(own, q),
        oracle.divergence(p, q),
        oracle.jensen_shannon(p, q, oracle.real(SHARE)),
        oracle.cross_entropy(other, q),
    )


def slopes(p: Costs, q: Costs, kind: str) -> tuple[Array, Array]:
    """The gradient of the four, each times what flows back, in the scores of P and of Q."""
    a, b, share = oracle.probability(p), oracle.probability(q), oracle.real(SHARE)
    ce, kl, js, entropy = map(oracle.real, FLOWS)
    of_p, of_q = list[Real](), list[Real]()
    for x, y, c, d in zip(a, b, p.cost, q.cost, strict=True):
        m = share * x + (1 - share) * y
        of_p.append(ce * d + kl * (d - c + 1) + js * share * oracle.mp.log(x / m))
        of_q.append(
            -(ce + kl) * x / y + js * (1 - share) * oracle.mp.log(y / m) + entropy * (d - 1)
        )
    found = []
    for probs, each in ((a, of_p), (b, of_q)):
        slope = [x * g for x, g in zip(probs, each, strict=True)]
        if kind != "LogProbs":
            total = oracle.mp.fsum(slope)
            slope = [s - x * total for x, s in zip(probs, slope, strict=True)]
        found.append(np.array([float(s) for s in slope]))
    return found[0], found[1]


class TwoPredictions(Suite):
    def every_two(self) -> Any:
        known = (*self.framework.predictions, "BinaryLogits")
        return self.framework.some([pair for pair in PAIRS if set(pair) <= set(known)])

    def made(self, two: Any, dtype: Any) -> tuple[makers.MadePrediction, makers.MadePrediction]:
        every = {**makers.PREDICTIONS, **makers.BINARY_PREDICTIONS}
        rng = seeded(*two)
        p, q = (every[name](rng, (N,), K, dtype) for name in two)
        return p, q

    def test_four_functions_are_what_60_digits_say(
        self, two: Any, few_dtype: Any, quick_way: str
    ) -> None:
        p, q = self.made(two, few_dtype)
        found = self.framework.call(quick_way, four, p.prediction, q.prediction)
        each = [truths(a, b) for a, b in zip(p.costs, q.costs, strict=True)]
        for got, want in zip(found, zip(*each, strict=True), strict=True):
            off = (32 + abs(float(np.log(float(min(want)))))) * bounds.unit(few_dtype)
            off = off if two[0] != "LogProbs" else 64 * bounds.unit(few_dtype)
            np.testing.assert_allclose(got, [float(w) for w in want], rtol=off, atol=off * 1e-2)

    @needs("gradients of any function")
    def test_both_sides_have_the_gradient(self, two: Any, quick_way: str) -> None:
        dtype = self.framework.widest
        p, q = self.made(two, dtype)
        _, (of_p, of_q) = self.framework.pull(
            quick_way, four, p.prediction, q.prediction, weights=tuple(np.full(N, w) for w in FLOWS)
        )
        each = [slopes(a, b, two[0]) for a, b in zip(p.costs, q.costs, strict=True)]
        want_p, want_q = (np.stack(x) for x in zip(*each, strict=True))
        off = 256 * bounds.unit(dtype)
        if two[0] == "BinaryLogits":
            want_p, want_q = want_p[:, 1], want_q[:, 1]
        if "softcap" in two[1]:
            want_q = want_q / np.cosh(q.prediction.scores.astype(float) / 4.0) ** 2
        if "Linear" in two[0]:
            layer = p.prediction
            np.testing.assert_allclose(of_p[0], want_p @ layer.weight, rtol=off, atol=32 * off)
            np.testing.assert_allclose(of_p[1], want_p.T @ layer.hidden, rtol=off, atol=32 * off)
            np.testing.assert_allclose(of_p[2], want_p.sum(0), rtol=off, atol=32 * off)
        else:
            np.testing.assert_allclose(of_p[0], want_p, rtol=off, atol=off)
        np.testing.assert_allclose(of_q[0], want_q, rtol=off, atol=off)

    @pytest.mark.parametrize("step", [2.0**-3, 2.0**-12, 2.0**-22])
    def test_a_divergence_keeps_its_precision_where_p_is_near_q(
        self, step: float, few_dtype: Any, quick_way: str
    ) -> None:
        """And is never negative: every term is a square at heart."""
        if step < bounds.rounding(few_dtype):
            return
        rng = seeded("near", few_dtype.name)
        t = makers.dyadic(rng, (N, K), few_dtype, most=7)
        z = (t + step * rng.integers(-2, 3, (N, K))).astype(few_dtype)
        z[0] = t[0]
        p, q = plogq.Logits(t), plogq.Logits(z)
        _, kl, js, _ = self.framework.call(quick_way, four, p, q)
        pairs = [
            tuple(map(oracle.of_logits, x))
            for x in zip(oracle.rows(t), oracle.rows(z), strict=True)
        ]
        for got, of in (
            (kl, oracle.divergence),
            (js, lambda a, b: oracle.jensen_shannon(a, b, oracle.real(SHARE))),
        ):
            assert got[0] == 0
            assert (got >= 0).all()
            want = [float(of(a, b)) for a, b in pairs]
            own = bounds.unit(few_dtype) if few_dtype == np.float64 else 2 * bounds.unit(few_dtype)
            # What a difference of scores and of log Z is rounded to, beside itself.
            lost = 8 * self.framework.unit_of_divergence(few_dtype) / step
            np.testing.assert_allclose(got[1:], want[1:], rtol=16 * own + lost)

    def test_a_class_ruled_out_on_both_sides_counts_nothing(self, quick_way: str) -> None:
        dtype, out = self.framework.widest, -np.inf
        t = np.array([[0.5, out, 1, -2, 0], [0.5, out, 1, -2, 0], [1, out, out, 3, 0]], dtype)
        z = np.array([[1, out, 0, 3, 0], [1, out, out, 3, 0], [0.5, out, 1, -2, 0]], dtype)
        found = self.framework.call(quick_way, four, plogq.Logits(t), plogq.Logits(z))
        costs = ([oracle.of_logits(r) for r in oracle.rows(x)] for x in (t, z))
        each = [truths(a, b) for a, b in zip(*costs, strict=True)]
        for got, want in zip(found, zip(*each, strict=True), strict=True):
            np.testing.assert_allclose(got, [float(w) for w in want], rtol=16 * bounds.unit(dtype))
        assert found[0][1] == found[1][1] == np.inf
        assert np.isfinite(found[2]).all()

    @needs("gradients of any function")
    def test_gradients_are_numbers_where_the_value_is_one(self, quick_way: str) -> None:
        dtype = self.framework.widest
        out, sure = -np.inf, np.inf
        z = np.array([[0.5, out, 1, -2, 0], [sure, out, 2, out, 0], [90, out, 1, 2, 3]], dtype)
        t = np.array([[1, out, out, 3, 0], [sure, out, 0, out, 0], [-90, out, 1, 2, 3]], dtype)
        values, gradients = self.framework.pull(
            quick_way,
            four,
            plogq.Logits(t),
            plogq.Logits(z),
            weights=tuple(np.full(N, w) for w in FLOWS),
        )
        assert np.isfinite(np.stack(values)).all()
        for (g,) in gradients:
            assert np.isfinite(g).all()
            assert (g[:, 1] == 0).all()

    @needs("gradients of any function")
    def test_weights_are_of_events_and_one_of_0_takes_them_out(self, quick_way: str) -> None:
        dtype = self.framework.widest
        rng = seeded("weights")
        t, z = (makers.dyadic(rng, (N, K), dtype) for _ in range(2))
        t[1], z[1, 2] = np.nan, np.nan
        w = np.array([0.5, 0.0, 2.0])

        def mean(p: Any, q: Any) -> Any:
            return plogq.kl_divergence(plogq.Weighted(p, sample_weight=self.framework.put(w)), q)

        found, gradients = self.framework.pull(quick_way, mean, plogq.Logits(t), plogq.Logits(z))
        here = [0, 2]
        p, q = plogq.Weighted(plogq.Logits(t[here]), sample_weight=w[here]), plogq.Logits(z[here])
        np.testing.assert_allclose(found, plogq.kl_divergence(p, q), rtol=8 * bounds.unit(dtype))
        for (g,) in gradients:
            assert not g[1].any()
            assert g[here].any()
        _, wanted = plogq.value_and_grad(p, q)
        np.testing.assert_allclose(
            gradients[1][0][here], wanted.scores, atol=8 * bounds.unit(dtype)
        )
