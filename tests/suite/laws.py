"""Laws that hold for every representation, whatever computes it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq

from .. import bounds, makers, oracle, slopes
from ..bounds import NARROW
from ..oracle import Real
from ..rebuilt import HELD, rebuilt
from .framework import PAIRS, Named, Suite, needs

Array = npt.NDArray[Any]
Names = tuple[str, str]

# Of this shape are the pairs of most laws, so that one program does for many of them.
N, K = 4, 5
eighths = st.lists(st.integers(-400, 400), min_size=N * K, max_size=N * K).map(
    lambda x: np.reshape(x, (N, K)) / 8
)
rows = st.lists(st.integers(1, 64), min_size=N * K, max_size=N * K).map(
    lambda x: np.reshape(x, (N, K)) / np.reshape(x, (N, K)).sum(-1, keepdims=True)
)
labels = st.lists(st.integers(0, K - 1), min_size=N, max_size=N).map(np.array)
seeds = st.integers(0, 2**31)


def seeded(*names: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(names).encode()))


def truths(p: makers.MadeTarget, q: makers.MadePrediction) -> list[Real]:
    return [oracle.cross_entropy(w, c) for w, c in zip(p.truth, q.costs, strict=True)]


def is_binary(name: str) -> bool:
    return name.startswith("Binary")


def is_linear(name: str) -> bool:
    return name.startswith("LinearLogits")


def made(
    names: Names, rng: np.random.Generator, events: tuple[int, ...], classes: int, dtype: Any
) -> tuple[makers.MadeTarget, makers.MadePrediction]:
    p, q = names
    targets = makers.BINARY_TARGETS if is_binary(p) else makers.TARGETS
    predictions = makers.BINARY_PREDICTIONS if is_binary(q) else makers.PREDICTIONS
    return targets[p](rng, events, classes, dtype), predictions[q](rng, events, classes, dtype)


def close(got: npt.ArrayLike, want: npt.ArrayLike, dtype: Any) -> None:
    """The same up to a few roundings of the statistics, and one of the dtype."""
    got = np.asarray(got)
    off = 64 * bounds.unit(dtype) + (4 * bounds.rounding(got.dtype) if got.dtype in NARROW else 0)
    np.testing.assert_allclose(
        got.astype(float), np.asarray(want).astype(float), rtol=off, atol=off
    )


def alike(got: Any, want: Any, dtype: Any, change: Callable[[Array], Array] = lambda x: x) -> None:
    """Two results are close: the losses, and every array of the gradients."""
    close(got[0], want[0], dtype)
    for name in HELD:
        if getattr(want[1], name, None) is not None:
            close(change(getattr(got[1], name)), getattr(want[1], name), dtype)


def of_events(q: Any, change: Callable[[Array], Array]) -> Any:
    """A prediction with its array of events changed."""
    shared = (getattr(q, "weight", None), getattr(q, "bias", None))
    return rebuilt(q, lambda x: x if any(x is s for s in shared) else change(x))


class Laws(Suite):
    def every_pair(self) -> Any:
        return self.framework.pairs

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
            for g in oracle.logits_gradient(w, c)  # type: ignore[arg-type]
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


# Two backgrounds with different class weights: the kernels say that they do not do these.
TWO_BACKGROUNDS = "smoothed>both_weights>smoothed"
DERIVED = {
    "Logits": oracle.of_logits,
    "Logits(softcap)": lambda s: oracle.of_logits(s, 4.0),
    "LogProbs": oracle.of_log_probs,
    "Probs": oracle.of_probs,
}


def differences(
    p: makers.MadeTarget, q: makers.MadePrediction, name: str, gradient: Any, dtype: Any
) -> None:
    """Hold a gradient of the sum of the losses against differences of the oracle's loss."""
    off = 64 * bounds.unit(dtype)
    if is_linear(name):
        pred = q.prediction
        shapes = [x.shape for x in (pred.hidden, pred.weight, pred.bias) if x is not None]
        ends = np.cumsum([int(np.prod(s)) for s in shapes])

        def loss(at: Any) -> Real:
            parts = [at[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
            n, d = len(p.truth), shapes[0][-1]
            scores = [
                [
                    sum((parts[0][d * i + k] * parts[1][d * j + k] for k in range(d)),
                        parts[2][j] if len(parts) > 2 else oracle.ZERO)
                    for j in range(shapes[1][0])
                ]
                for i in range(n)
            ]  # fmt: skip
            costs = [oracle.of_logits(s, pred.softcap) for s in scores]
            return sum((oracle.cross_entropy(w, c) for w, c in zip(p.truth, costs, strict=True)),
                       oracle.ZERO)  # fmt: skip

        flat = [x for x in (pred.hidden, pred.weight, pred.bias) if x is not None]
        slope = oracle.difference(loss, [v for x in flat for v in oracle.row(x)])
        found = [getattr(gradient, n) for n in ("hidden", "weight", "bias")]
        got = np.concatenate([x.ravel() for x in found if x is not None])
        np.testing.assert_allclose(got, [float(g) for g in slope], rtol=off, atol=16 * off)
        return
    (array,) = (x for x in vars(gradient).values() if x is not None)
    (held,) = (getattr(q.prediction, n) for n in HELD if hasattr(q.prediction, n))
    costs: Any = DERIVED.get(name)
    if is_binary(name):
        of = oracle.of_yes if name == "BinaryLogits" else oracle.of_yes_probability
        costs, held = (lambda s: of(s[0])), held.reshape(-1, 1)
    array = array.reshape(-1, held.shape[-1])
    for i, row in enumerate(oracle.rows(held)):

        def of_row(at: Any, masses: Any = p.truth[i]) -> Real:
            return oracle.cross_entropy(masses, costs(at))

        slope = [float(g) for g in oracle.difference(of_row, row)]
        np.testing.assert_allclose(array[i], slope, rtol=off, atol=off)
