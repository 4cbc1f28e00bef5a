"""What may be written in several ways is one thing: orders, axes, weights, classes of two."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq

from .. import bounds, makers, oracle, slopes
from ..rebuilt import rebuilt
from .drawn import K, N, seeds
from .framework import TWO_BACKGROUNDS, Suite, needs
from .made import (
    Names,
    alike,
    close,
    made,
    of_events,
    seeded,
    truths,
)

Array = npt.NDArray[Any]


class Equivalences(Suite):
    def every_prediction(self) -> Any:
        return self.framework.some(self.framework.predictions)

    def every_stored(self) -> Any:
        return self.framework.some([q for q in makers.STORED if q in self.framework.predictions])

    def every_base(self) -> Any:
        return self.framework.some([*makers.BASES], 2)

    def every_axis(self) -> Any:
        return self.framework.some([0, 1, 2, -1, -2, -3])

    def every_epsilon(self) -> Any:
        return self.framework.some([0.1, 0.0])

    def test_the_order_of_the_classes_does_not_matter(
        self, stored: str, few_dtype: Any, quick_way: str
    ) -> None:
        dtype = few_dtype
        rng = seeded("order", stored, dtype.name)
        q = makers.STORED[stored](rng, (N,), K, dtype)
        order, y = rng.permutation(K), rng.integers(0, K, N)
        p = makers.distribution(rng, (N, K), dtype)
        moved = rebuilt(q.prediction, lambda x: np.ascontiguousarray(x[:, order]))
        weight = rng.random(K) + 0.5
        where = np.argsort(order)[y]
        truth = [c.cost[j] for c, j in zip(q.costs, y, strict=True)]

        def both(p: Any, q: Any) -> Any:
            return self.framework.results(quick_way, p, q)

        def back(x: Array) -> Array:
            return x[:, np.argsort(order)]

        found = both(plogq.Labels(where), moved)
        check = bounds.Losses(truth, dtype, None, float(slopes.slack(q, dtype)))
        self.framework.reached(quick_way, check).check(found[0])
        alike(found, both(plogq.Labels(y), q.prediction), dtype, back)
        rows = both(plogq.Probs(np.ascontiguousarray(p[:, order])), moved)
        alike(rows, both(plogq.Probs(p), q.prediction), dtype, back)
        here = plogq.Weighted(plogq.Smoothed(plogq.Labels(y), 0.2), class_weight=weight)
        there = plogq.Weighted(plogq.Smoothed(plogq.Labels(where), 0.2), class_weight=weight[order])
        alike(both(there, moved), both(here, q.prediction), dtype, back)

    def test_the_classes_may_stand_on_any_axis(
        self, base: str, few_dtype: Any, axis: int, quick_way: str
    ) -> None:
        dtype = few_dtype
        rng = seeded("axis", base, dtype.name)
        p = makers.BASES[base](rng, (2, 3), K, dtype)
        z = makers.dyadic(rng, (2, 3, K), dtype)
        q = plogq.Logits(np.moveaxis(z, -1, axis), axis=axis)
        target = p.target
        if isinstance(target, plogq.Probs):
            target = plogq.Probs(np.moveaxis(target.probs, -1, axis), axis=axis)
        of_rows = makers.MadePrediction(q, [oracle.of_logits(s) for s in oracle.rows(z)], "logits")
        loss, gradient = self.framework.results(quick_way, target, q)
        masses = [oracle.mass(w) for w in p.truth]
        check = bounds.Losses(truths(p, of_rows), dtype, masses)
        self.framework.reached(quick_way, check).check(loss)
        assert gradient.scores.shape == q.scores.shape
        truth = [
            g
            for w, c in zip(p.truth, of_rows.costs, strict=True)
            for g in oracle.logits_gradient(w, c)
        ]
        bounds.check_soft_gradient(np.moveaxis(gradient.scores, axis, -1), truth, dtype)

    def test_p_and_q_may_hold_their_classes_on_different_axes(
        self, prediction: str, quick_way: str
    ) -> None:
        rng, dtype = seeded("axes", prediction), self.framework.widest
        q = makers.PREDICTIONS[prediction](rng, (3,), K, dtype)
        p = makers.probs(rng, (3,), K, dtype)
        turned = plogq.Probs(np.ascontiguousarray(p.target.probs.T), axis=0)
        slack = float(slopes.slack(q, dtype))
        losses, _ = self.framework.results(quick_way, turned, q.prediction)
        check = bounds.Losses(truths(p, q), dtype, None, slack)
        self.framework.reached(quick_way, check).check(losses)

    def test_a_weight_is_a_repetition_of_its_event(self, prediction: str, quick_way: str) -> None:
        rng, dtype = seeded("repeat", prediction), self.framework.widest
        times, y = np.array([3, 0, 1, 2]), rng.integers(0, K, N)
        q = makers.PREDICTIONS[prediction](rng, (N,), K, dtype).prediction
        repeated = of_events(q, lambda x: np.repeat(x, times, 0))
        often = plogq.Labels(np.repeat(y, times))
        p = plogq.Weighted(plogq.Labels(y), sample_weight=times.astype(float))
        for reduction in self.framework.some(("mean", "sum")):
            got = self.framework.call(quick_way, plogq.cross_entropy, p, q, reduction=reduction)
            want = self.framework.call(
                quick_way, plogq.cross_entropy, often, repeated, reduction=reduction
            )
            close(got, want, dtype)

    def test_smoothing_is_an_explicit_soft_target(self, prediction: str, quick_way: str) -> None:
        rng, dtype = seeded("smooth", prediction), self.framework.widest
        q = makers.PREDICTIONS[prediction](rng, (N,), K, dtype).prediction
        y = rng.integers(0, K, N)
        one_hot = np.eye(K)[y]
        explicit = (0.9 * one_hot + 0.1 / K).astype(dtype)
        want = self.framework.results(quick_way, plogq.Probs(explicit), q)
        for target in (plogq.Labels(y), plogq.Probs(one_hot.astype(dtype))):
            alike(self.framework.results(quick_way, plogq.Smoothed(target, 0.1), q), want, dtype)

    def test_an_ignored_event_is_absent(
        self, epsilon: float, prediction: str, quick_way: str
    ) -> None:
        rng, dtype = seeded("ignore", prediction), self.framework.widest
        keep = np.array([True, False, True, False, True])
        y = np.array([2, -7, 0, -7, 3])
        q = makers.PREDICTIONS[prediction](rng, (5,), 4, dtype).prediction
        kept = of_events(q, lambda x: x[keep])
        weight = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

        def whole(labels: Any, sample: Array) -> Any:
            smooth = plogq.Smoothed(labels, epsilon)
            return plogq.Weighted(smooth, sample_weight=sample, class_weight=weight[:4] / 2)

        some = whole(plogq.Labels(y, ignore=-7), weight)
        rest = whole(plogq.Labels(y[keep]), weight[keep])
        losses = self.framework.call(quick_way, plogq.cross_entropy, some, q, reduction="none")
        assert (losses[~keep] == 0).all()
        got, gradient = self.framework.results(quick_way, some, q, reduction="mean")
        want, without = self.framework.results(quick_way, rest, kept, reduction="mean")
        close(got, want, dtype)
        for name, found in vars(gradient).items():
            if found is not None and name not in ("weight", "bias"):
                assert (found[~keep] == 0).all()
                found = found[keep]
            if found is not None:
                close(found, getattr(without, name), dtype)

    def test_two_classes_are_one_yes_no_outcome(self, way: str) -> None:
        """Scores (0, z) over two classes cost what z costs as a yes/no outcome."""
        rng, dtype = seeded("two"), self.framework.widest
        z, y = rng.normal(0, 20, 40).astype(dtype), rng.integers(0, 2, 40)
        q = plogq.Logits(np.stack([np.zeros_like(z), z], -1))
        truth = oracle.label_costs(q.scores, y)
        two = self.framework.results(way, plogq.Labels(y), q)
        one = self.framework.results(way, plogq.BinaryProbs(y), plogq.BinaryLogits(z))
        for losses, _ in (one, two):
            self.framework.reached(way, bounds.Losses(truth, dtype)).check(losses)
        close(one[1].scores, two[1].scores[:, 1], dtype)

    @needs("stored probabilities")
    def test_log_probabilities_are_logits_that_are_normalised(self, quick_way: str) -> None:
        rng, dtype = seeded("normalised"), self.framework.widest
        log_q = np.log(rng.dirichlet(np.ones(K), N)).astype(dtype)
        p = plogq.Probs(rng.dirichlet(np.ones(K), N).astype(dtype))
        want, *others = (
            self.framework.results(quick_way, p, q)[0]
            for q in (plogq.LogProbs(log_q), plogq.Logits(log_q + 7), plogq.Probs(np.exp(log_q)))
        )
        for found in others:
            close(found, want, dtype)

    @needs("NumPy's bits")
    def test_the_kernel_gives_the_bits_that_it_gives_for_numpy(self) -> None:
        """The same memory, the same kernel: losses and gradients, of the pairs that it takes."""
        of_classes = [p for p in makers.TARGETS if TWO_BACKGROUNDS not in p]
        pairs = [
            *((p, q) for p in of_classes for q in makers.STORED),
            *((p, q) for p in makers.BINARY_TARGETS for q in makers.BINARY_PREDICTIONS),
        ]
        way, shapes = self.framework.ways[0], [(3,), (2, 3), (), (70,)]

        @settings(max_examples=2 * self.framework.examples)
        @given(
            st.sampled_from(pairs),
            st.sampled_from(self.framework.dtypes),
            st.sampled_from(shapes),
            st.sampled_from([2, 5, 150]),
            seeds,
        )
        def check(pair: Names, dtype: Any, events: Any, classes: int, seed: int) -> None:
            target, prediction = made(pair, np.random.default_rng(seed), events, classes, dtype)
            p, q = target.target, prediction.prediction
            for a, b in ((p, q), (self.framework.on(p), self.framework.on(q))):
                assert plogq.explain(a, b).chosen == "cpu"
            for reduction in ("none", "sum"):
                losses, gradient = self.framework.results(way, p, q, reduction=reduction)
                want, numpys = plogq.value_and_grad(p, q, reduction=reduction)
                for name, found in vars(gradient).items():
                    assert found.tobytes() == np.ascontiguousarray(getattr(numpys, name)).tobytes()
                if reduction == "none":
                    assert losses.tobytes() == np.ascontiguousarray(want).tobytes()
                # Of the same losses; frameworks add in pairs, each in its own.
                np.testing.assert_allclose(losses, want, rtol=4 * bounds.unit(dtype))

        check()

    def test_the_same_call_gives_the_same_bits(self, way: str) -> None:
        """A row that is long for one thread, and many of them."""
        rng, dtype = seeded("bits"), self.framework.widest
        q = plogq.Logits(rng.normal(0, 4, (self.framework.many, 50)).astype(dtype))
        p = plogq.Smoothed(plogq.Labels(rng.integers(0, 50, self.framework.many)), 0.1)

        def once() -> tuple[bytes, bytes]:
            loss, gradient = self.framework.results(way, p, q, reduction="mean")
            return loss.tobytes(), gradient.scores.tobytes()

        first = once()
        assert all(once() == first for _ in range(2))
