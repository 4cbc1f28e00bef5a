"""Laws that hold for every representation, whatever computes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq

from .. import bounds, makers, oracle, slopes
from ..rebuilt import arrays, rebuilt
from .drawn import K, N, eighths, labels, rows
from .framework import PAIRS, Named, Suite, needs
from .made import (
    Names,
    alike,
    close,
    differences,
    is_binary,
    is_linear,
    made,
    seeded,
    truths,
)

Array = npt.NDArray[Any]


class Laws(Suite):
    def every_pair(self) -> Any:
        return self.framework.pairs

    def every_prediction(self) -> Any:
        return self.framework.some(self.framework.predictions)

    def every_base(self) -> Any:
        return self.framework.some([*makers.BASES], 2)

    def test_every_p_with_every_q_is_minus_p_log_q(self, pair: Names, quick_way: str) -> None:
        """Through the public call, events on two axes; the gradient is mass · q less P.

        And it is the slope of the loss: central differences of the oracle's, in 60 digits. A last
        layer is differentiated as scores are, and costs the oracle far more.
        """
        dtype = self.framework.widest
        p, q = made(pair, seeded(*pair), (1, 3), 4, dtype)
        losses, gradient = self.framework.results(quick_way, p.target, q.prediction)
        assert losses.shape == (1, 3)
        if not is_linear(pair[1]) or pair in PAIRS:
            differences(p, q, pair[1], gradient, dtype)
        masses = [oracle.mass(w) for w in p.truth]
        if is_binary(pair[1]):
            truth = bounds.Losses(truths(p, q), dtype, masses)
            self.framework.reached(quick_way, truth).check(losses)
            (found,) = (x for x in vars(gradient).values())
            slopes.check_binary(found, p, q, dtype, 1.0)
            return
        slack = float(slopes.slack(q, dtype) * max(masses))
        truth = bounds.Losses(truths(p, q), dtype, masses, slack)
        self.framework.reached(quick_way, truth).check(losses)
        slopes.Slopes(p, q, dtype, (1.0,) * 3).check(gradient)

    def test_shifting_all_scores_changes_nothing(self, base: str, few_dtype: Any, way: str) -> None:
        """Not one bit, where the shifted scores are exact."""
        dtype = few_dtype
        rng = seeded(base, dtype.name)
        most = {"float64": 2.0**40, "float32": 2.0**20, "float16": 64.0, "bfloat16": 24.0}
        p = makers.BASES[base](rng, (N,), K, dtype).target
        z = makers.dyadic(rng, (N, K), dtype, most=24)
        losses, gradient = self.framework.results(way, p, plogq.Logits(z))
        for shift in (most[dtype.name], -most[dtype.name]):
            shifted = (z.astype(float) + shift).astype(dtype)
            assert np.array_equal(shifted.astype(float), z.astype(float) + shift), "exact"
            found = self.framework.results(way, p, plogq.Logits(shifted))
            assert np.array_equal(found[0], losses)
            assert np.array_equal(found[1].scores, gradient.scores)

    def every_tempered(self) -> Any:
        """One of each kind of scores: a cap, a normaliser of its own, a last layer, yes/no."""
        of_classes = ("Logits(softcap)", "LogProbs", "LinearLogits(bias)")
        return [*(q for q in of_classes if q in self.framework.predictions), "BinaryLogits"]

    def test_a_temperature_divides_the_scores(self, tempered: str, quick_way: str) -> None:
        """T = 2 is exact: the loss and the gradient are those of scores that are halves."""
        dtype = self.framework.widest
        p = "BinaryProbs(soft)-plain" if is_binary(tempered) else "Labels(ignore)-plain"
        target, q = (x for x in made((p, tempered), seeded(tempered), (N,), K, dtype))
        inner = q.prediction
        halved = rebuilt(inner, lambda x: x if x is getattr(inner, "weight", None) else x / 2)
        if tempered == "LogProbs":
            halved = plogq.Logits(inner.log_probs / 2)
        elif tempered == "Logits(softcap)":
            halved = plogq.Logits(inner.scores / 2, softcap=2.0)
        loss, slope = plogq.value_and_grad(target.target, halved, reduction="none")
        got = self.framework.results(quick_way, target.target, plogq.Tempered(inner, 2.0))
        close(got[0], loss, dtype)
        for g, s in zip(vars(got[1]).values(), arrays(slope), strict=True):
            close(g, s if s.shape == (K, 3) else s / 2, dtype)

    def test_an_index_is_its_one_hot_row(
        self, prediction: str, few_dtype: Any, quick_way: str
    ) -> None:
        dtype = few_dtype
        rng = seeded(prediction, dtype.name)
        q = makers.PREDICTIONS[prediction](rng, (N,), K, dtype)
        y = rng.integers(0, K, N)
        one_hot = np.eye(K)[y].astype(dtype)
        slack = float(slopes.slack(q, dtype))
        truth = bounds.Losses([c.cost[j] for c, j in zip(q.costs, y, strict=True)], dtype, None,
                              slack)  # fmt: skip
        truth = self.framework.reached(quick_way, truth)
        want = self.framework.results(quick_way, plogq.Labels(y), q.prediction)
        truth.check(want[0])
        same = (
            plogq.Probs(one_hot),
            plogq.Smoothed(plogq.Labels(y), 0.0),
            plogq.SparseProbs(y[:, None], np.ones((N, 1), dtype)),
            plogq.Weighted(plogq.Labels(y), sample_weight=np.ones(N), class_weight=np.ones(K)),
            plogq.SparseProbs(np.stack([y, y], -1), np.full((N, 2), 0.5, dtype)),
        )
        for p in self.framework.some(same, 2):
            found = self.framework.results(quick_way, p, q.prediction)
            truth.check(found[0])
            alike(found, want, dtype)

    @needs("stored probabilities")
    def test_the_cross_entropy_of_p_with_itself_is_its_entropy(
        self, few_dtype: Any, quick_way: str
    ) -> None:
        dtype = few_dtype
        call = self.framework.call
        p = seeded("entropy", dtype.name).dirichlet(np.ones(K), N).astype(dtype)
        truth = [oracle.entropy(w) for w in oracle.rows(p)]
        target = plogq.Probs(p)
        entropy = call(quick_way, plogq.entropy, target, reduction="none")
        close(entropy, [float(t) for t in truth], dtype)
        divergence = call(quick_way, plogq.kl_divergence, target, target, reduction="none")
        close(divergence, np.zeros(N), dtype)
        losses = call(quick_way, plogq.cross_entropy, target, target, reduction="none")
        bounds.check_losses(losses, truth, dtype)

    @needs("stored probabilities")
    def test_gibbs_inequality(self, prediction: str, quick_way: str) -> None:
        """H(P, Q) ≥ H(P), and the divergence is the oracle's Σ p log(p / q)."""
        rng, dtype = seeded("gibbs", prediction), self.framework.widest
        q = makers.PREDICTIONS[prediction](rng, (N,), K, dtype)
        p = makers.probs(rng, (N,), K, dtype)
        excess = [t - oracle.entropy(w) for t, w in zip(truths(p, q), p.truth, strict=True)]
        assert min(excess) > -bounds.rounding(dtype)
        got = self.framework.call(
            quick_way, plogq.kl_divergence, p.target, q.prediction, reduction="none"
        )
        assert (got > -32 * bounds.unit(dtype)).all()
        # A difference of two entropies is as good as the greater of them.
        off = 128 * bounds.unit(dtype)
        np.testing.assert_allclose(got, [float(e) for e in excess], rtol=0, atol=8 * off)

    def test_the_loss_and_its_gradient_are_linear_in_p(
        self, prediction: str, few_dtype: Any, quick_way: str
    ) -> None:
        dtype = few_dtype
        rng = seeded("linear", prediction, dtype.name)
        q = makers.PREDICTIONS[prediction](rng, (N,), K, dtype).prediction
        a, b = (makers.distribution(rng, (N, K), self.framework.widest) for _ in range(2))
        y = rng.integers(0, K, N)

        def both(p: Any) -> Any:
            return self.framework.results(quick_way, p, q)

        def blend(x: Any, y: Any, a: float, b: float) -> Any:
            def of(x: Array, y: Array) -> Array:
                return a * x.astype(float) + b * y.astype(float)

            named = {n: of(g, getattr(y[1], n)) for n, g in vars(x[1]).items()}
            return of(x[0], y[0]), Named(**named)

        one, other, label = both(plogq.Probs(a)), both(plogq.Probs(b)), both(plogq.Labels(y))
        mixed = plogq.Probs((0.25 * a + 0.75 * b).astype(a.dtype))
        alike(both(mixed), blend(one, other, 0.25, 0.75), dtype)
        mixed = plogq.Probs((0.5 * a + 0.5 * np.eye(K)[y]).astype(a.dtype))
        alike(both(mixed), blend(one, label, 0.5, 0.5), dtype)
        twice = plogq.Weighted(plogq.Probs(a), sample_weight=np.full(N, 2.0))
        alike(both(twice), blend(one, one, 1.0, 1.0), dtype)

    def test_what_hypothesis_draws(self, quick_way: str) -> None:
        """Shifts, orders, weights and mixtures of whatever it finds, against a textbook's q."""
        dtype = self.framework.widest
        off = 64 * bounds.unit(dtype)

        def both(p: Any, z: Array) -> tuple[Array, Array]:
            losses, gradient = self.framework.results(quick_way, p, plogq.Logits(z.astype(dtype)))
            return losses, gradient.scores

        def same(got: Any, want: Any) -> None:
            for a, b in zip(got, want, strict=True):
                np.testing.assert_allclose(a, b, rtol=off, atol=off)

        @settings(max_examples=self.framework.examples)
        @given(
            eighths, rows, labels, labels, st.integers(-(2**14), 2**14), st.permutations(range(K))
        )
        def check(
            z: Array, p: Array, y: Array, weights: Array, shift: int, order: list[int]
        ) -> None:
            p, w = p.astype(dtype), weights / 4
            smoothed = both(plogq.Smoothed(plogq.Labels(y), 0.1), z)
            for a, b in zip(both(plogq.Smoothed(plogq.Labels(y), 0.1), z + shift), smoothed,
                            strict=True):  # fmt: skip
                assert np.array_equal(a, b)
            moved = both(plogq.Smoothed(plogq.Labels(np.argsort(order)[y]), 0.1), z[:, order])
            same(moved, (smoothed[0], smoothed[1][:, order]))
            loss, slope = both(plogq.Labels(y), z)
            weighted = both(plogq.Weighted(plogq.Labels(y), sample_weight=w), z)
            same(weighted, (w * loss, w[:, None] * slope))
            q = np.exp(z - z.max(-1, keepdims=True))
            q /= q.sum(-1, keepdims=True)
            loss, slope = both(plogq.Weighted(plogq.Probs(p), sample_weight=w), z)
            np.testing.assert_allclose(slope, w[:, None] * (q - p), atol=8 * bounds.unit(dtype))
            np.testing.assert_allclose(slope.sum(-1), 0, atol=8 * bounds.unit(dtype))
            entropy = -(p * np.log(p)).sum(-1)
            assert (loss >= w * entropy - 8 * bounds.unit(dtype) - off * loss).all()

        check()
