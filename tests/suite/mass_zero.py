"""Mass 0 takes an event out of everything: checks, arithmetic, derivatives once and twice."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import plogq

from ..spoiled import Spoilt, pairs
from .apart import arrays_of, is_floating
from .framework import Named, Suite, needs


@cache
def cases(dtype: str) -> tuple[Spoilt, ...]:
    return tuple(pairs(np.dtype(dtype).type))


_KEPT: dict[Any, Any] = {}


def kept(case: Spoilt, options: dict[str, Any]) -> tuple[Any, Any]:
    """What NumPy gives for the pair without those events."""
    key = id(case), *options.items()
    if key not in _KEPT:
        _KEPT[key] = plogq.value_and_grad(case.kept_p, case.kept_q, **options)
    return _KEPT[key]


def off(case: Spoilt) -> float:
    wide = all(x.dtype == np.float64 for x in arrays_of(case.q))
    return 1e-12 if wide else 4e-6


def alike(case: Spoilt, found: Named, right: Any, off: float) -> None:
    """Gradients of the spoilt pair and of the one without the events, which have none."""
    for name, g in vars(found).items():
        if name not in ("weight", "bias"):
            assert not g[case.out].any(), name
            g = g[~case.out]
        want = getattr(right, name)
        np.testing.assert_allclose(g, want, rtol=off, atol=off, err_msg=name)


class MassZero(Suite):
    def of_dtype(self, dtype: str) -> list[Spoilt]:
        """Every pair; where each is a program, one way to weigh of each, and all ways of one."""
        taken = [c for c in cases(dtype) if self.framework.takes(c.p, c.q)]
        if not self.framework.programs:
            return taken
        every = ("ignored", "class of weight 0-one-hot")
        return [c for i, c in enumerate(taken) if c.name.startswith(every) or i % 3 == 0]

    def taken(self) -> list[str]:
        names = [d for d in ("float64", "float32") if np.dtype(d) in self.framework.dtypes]
        return names[:1] if self.framework.thin else names

    def every_spoilt(self) -> list[tuple[str, str, str]]:
        """Every pair by every way; where each is a program, by every second, turn about."""
        step = 2 if self.framework.programs else 1
        return [
            (dtype, case.name, way)
            for dtype in self.taken()
            for i, case in enumerate(self.of_dtype(dtype))
            for j, way in enumerate(self.framework.main)
            if (i + j) % step == 0
        ]

    def every_own(self) -> Any:
        cases = [c for dtype in self.taken() for c in self.of_dtype(dtype)]
        return self.framework.some(cases)

    def every_wide(self) -> list[Spoilt]:
        wide = self.framework.widest.name
        return list(self.framework.some(self.of_dtype(wide), 6))

    def every_scored(self) -> list[Spoilt]:
        """What has a second derivative, that is."""
        return [c for c in self.every_wide() if not isinstance(c.q, plogq.LogProbs)
                and "Linear" not in c.name]  # fmt: skip

    def test_events_without_mass_change_nothing(self, spoilt: tuple[str, str, str]) -> None:
        dtype, name, way = spoilt
        (case,) = (c for c in cases(dtype) if c.name == name)
        options: list[dict[str, Any]] = [{}, {"reduction": "sum"}]
        if "Logits" in case.name:
            options.insert(0, {"z_loss": 0.1})
        for each in options[:1] if self.framework.programs else options:
            each = {"reduction": "mean"} | each
            right, expected = kept(case, each)
            loss, found = self.framework.results(way, case.p, case.q, **each)
            np.testing.assert_allclose(loss, right, rtol=off(case))
            alike(case, found, expected, off(case))

    def test_their_own_losses_are_0(self, own: Spoilt, quick_way: str) -> None:
        losses = self.framework.call(quick_way, plogq.cross_entropy, own.p, own.q, reduction="none")
        assert not losses[own.out].any()
        assert np.isfinite(losses).all()

    @needs("stored probabilities")
    def test_nor_do_they_in_entropy_and_divergence(self, wide: Spoilt, quick_way: str) -> None:
        call, case = self.framework.call, wide
        found = call(quick_way, plogq.kl_divergence, case.p, case.q)
        right = plogq.kl_divergence(case.kept_p, case.kept_q)
        np.testing.assert_allclose(found, right, rtol=1e-10, atol=1e-14)
        try:
            right = plogq.entropy(case.kept_p)
        except plogq.ShapeError:
            # The entropy of smoothed labels needs a prediction.
            with pytest.raises(plogq.ShapeError, match="number of classes"):
                call(quick_way, plogq.entropy, case.p)
            return
        found = call(quick_way, plogq.entropy, case.p)
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-15)

    def test_nor_under_full_checks(self, wide: Spoilt, quick_way: str) -> None:
        with plogq.validation("full"), self.framework.by(quick_way):
            p, q = self.framework.on(wide.p), self.framework.on(wide.q)
            found = self.framework.get(plogq.cross_entropy(p, q))
        right = plogq.cross_entropy(wide.kept_p, wide.kept_q)
        np.testing.assert_allclose(found, right, rtol=off(wide))

    @needs("second derivatives")
    def test_nor_in_second_derivatives(self, scored: Spoilt, quick_way: str) -> None:
        found = self.framework.twice(quick_way, scored.p, scored.q)
        alike(scored, found, self.framework.twice(quick_way, scored.kept_p, scored.kept_q), 1e-11)

    @needs("gradients of any function")
    @pytest.mark.parametrize("function", [plogq.cross_entropy, plogq.kl_divergence])
    def test_nor_in_the_gradients_of_the_target(
        self, wide: Spoilt, function: Any, quick_way: str
    ) -> None:
        if function is plogq.kl_divergence and "stored probabilities" in self.framework.cannot:
            self.framework.cannot["stored probabilities"].check()
            return
        case, pull = wide, self.framework.pull
        if not any(is_floating(np.asarray(x)) for x in arrays_of(case.p)):
            assert "ignored" in case.name or "label" in case.name, "P has nothing to differentiate"
            return
        _, (found,) = pull(quick_way, function, case.p, case.q, of=(0,))
        _, (right,) = pull(quick_way, function, case.kept_p, case.kept_q, of=(0,))
        tolerance = max(1e-10, 10 * off(case))
        for g, want, at in zip(found, right, arrays_of(case.p), strict=True):
            if g is None:
                continue
            assert np.isfinite(g).all()
            if g.shape != want.shape:
                g, at = g[~case.out], np.asarray(at)[~case.out]
            # What is 0 has a slope of its own, which is not the same without those events.
            some = np.asarray(at) != 0
            np.testing.assert_allclose(g[some], want[some], rtol=tolerance, atol=tolerance / 1000)

    @needs("gradients of any function")
    def test_the_slopes_of_weights_below_a_weight_of_0(self, quick_way: str) -> None:
        """Weights around weights: what the outer ones leave nothing of may be NaN."""
        probs = np.full((2, 4), 0.25, np.float32)
        probs[0] = np.nan
        inner, classes = np.array([2.0, 2.0]), np.array([0.0, 1.0, 2.0, 1.0])
        weighted = plogq.Weighted(plogq.Probs(probs), sample_weight=inner, class_weight=classes)
        p = plogq.Weighted(plogq.Smoothed(weighted, 0.5), sample_weight=np.array([0.0, 1.0]))
        q = plogq.Logits(np.zeros((2, 4), np.float32))
        _, (found,) = self.framework.pull(
            quick_way, plogq.cross_entropy, p, q, of=(0,), reduction="sum"
        )
        (slopes,) = (g for g, x in zip(found, arrays_of(p), strict=True) if x is inner)
        # The mass of the second event is the mean of its class weights, and every cost is ln 4.
        np.testing.assert_allclose(slopes, [0.0, np.log(4)], rtol=1e-6)

    @needs("gradients of any function")
    def test_the_slope_of_a_weight_of_0_beside_classes_that_are_ruled_out(
        self, quick_way: str
    ) -> None:
        """It is the event's own loss, z-loss and all: log Z is that of the classes left."""
        scores = np.array([[-3.5, -np.inf, -3.5], [1.0, 2.0, 3.0]], np.float32)
        weight = np.array([0.0, 2.0])
        p = plogq.Weighted(plogq.Labels(np.array([0, 1])), sample_weight=weight)
        _, (found,) = self.framework.pull(
            quick_way, plogq.cross_entropy, p, plogq.Logits(scores), of=(0,),
            reduction="sum", z_loss=1.0,
        )  # fmt: skip
        log_z = np.array([np.log(2) - 3.5, np.log(np.exp([1.0, 2.0, 3.0]).sum())])
        exact = log_z - np.array([-3.5, 2.0]) + log_z**2
        np.testing.assert_allclose(found[-1], exact, rtol=1e-6)

    def test_what_counts_is_refused_as_before(self) -> None:
        put, nan = self.framework.on, np.nan
        half = np.zeros(2, np.float32)

        def cross_entropy(p: Any, q: Any) -> Any:
            with self.framework.by(self.framework.ways[0]):
                return plogq.cross_entropy(put(p), put(q))

        error, sentence = plogq.errors.ProbabilityError, r"outside \[0, 1\], first at "
        yes = plogq.BinaryProbs(np.array([1.0, nan], np.float32))
        with pytest.raises(error, match=rf"nan {sentence}\(1"):
            cross_entropy(yes, plogq.BinaryLogits(half))
        yes = plogq.BinaryProbs(np.array([1.0, nan, 255.0], np.float32))
        yes = plogq.Weighted(yes, sample_weight=np.array([1.0, 0.0, 0.5]))
        with pytest.raises(error, match=rf"255 {sentence}\(2"):
            cross_entropy(yes, plogq.BinaryLogits(np.zeros(3, np.float32)))
        y = plogq.Weighted(
            plogq.Labels(np.array([0, 2, 2])), sample_weight=np.array([1.0, 0.0, 1e-300])
        )
        rows = plogq.Probs(np.array([[0.5, 0.5], [nan, 7.0], [0.0, 0.0]], np.float32))
        with pytest.raises(error, match="event 2 of Probs"):
            cross_entropy(plogq.Weighted(rows, sample_weight=y.sample_weight),
                          plogq.Logits(np.zeros((3, 2), np.float32)))  # fmt: skip
        with pytest.raises(plogq.errors.LabelError, match="label 2 at event 2"):
            cross_entropy(y, plogq.Logits(np.zeros((3, 2), np.float32)))

    def test_the_weights_of_infinite_classes_that_do_not_occur(self, quick_way: str) -> None:
        z = plogq.Logits(np.zeros((2, 3), np.float32))
        infinite = np.array([1.0, np.inf, 1.0])
        for p in (plogq.Labels(np.array([0, 0])), plogq.Probs(np.eye(3)[[0, 0]].astype("f4"))):
            weighted = plogq.Weighted(p, class_weight=infinite)
            for each in (weighted, plogq.Smoothed(weighted, 0.1)):
                found = self.framework.call(quick_way, plogq.cross_entropy, each, z)
                assert found == pytest.approx(np.log(3), rel=1e-6)
        smoothed = plogq.Smoothed(plogq.Labels(np.array([0, 0])), 0.1)
        everywhere = self.framework.on(plogq.Weighted(smoothed, class_weight=infinite))
        error = plogq.errors.ProbabilityError
        with self.framework.by(quick_way), pytest.raises(error, match="sum to ∞"):
            plogq.cross_entropy(everywhere, self.framework.on(z))
