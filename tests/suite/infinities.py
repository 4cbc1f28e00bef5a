"""N3 and N4: every infinity has one defined outcome, and nothing is ever clipped."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq

from .. import bounds, makers, oracle
from .framework import Suite, needs

Array = npt.NDArray[Any]
inf, nan = np.inf, np.nan

# Of four classes: an event is what its own scores make of it, whatever stands beside it.
ROWS = (
    [1.0, -inf, 2.0, 0.5],  # -∞ rules a class out
    [-inf, -inf, 3.0, 2.0],
    [-inf, 3.0, -inf, -inf],  # and all but one: certainty
    [0.0, -inf, 0.0, 0.0],
    [0.0, -inf, 0.0, 1.0],
    [1.0, inf, 2.0, 0.0],  # +∞ is certainty
    [-inf, inf, 0.0, -inf],
    [inf, inf, 0.0, 1.0],  # where no softmax exists: NaN
    [inf, -inf, inf, -inf],
    [-inf, -inf, -inf, -inf],
    [nan, 1.0, 2.0, 3.0],
    [1.0, 2.0, 3.0, nan],
    [nan, nan, nan, nan],
    [inf, nan, 0.0, 1.0],
    [nan, inf, 0.0, 1.0],
    [-inf, nan, -inf, 0.0],
    [1.0, 2.0, 3.0, 4.0],
)
WHATEVER = ([nan, nan, nan], [inf, inf, 0.0], [0.0, -inf, inf])
# Score, mass on yes, loss and slope.
YES_NO = (
    (inf, 1, 0, 0),
    (inf, 0, inf, 1),
    (-inf, 1, inf, -1),
    (-inf, 0, 0, 0),
    (inf, 0.25, inf, 0.75),
    (-inf, 0.25, inf, -0.25),
    (nan, 1, nan, nan),
    (nan, 0.5, nan, nan),
    (0.0, 1, np.log(2), -0.5),
)


class Infinities(Suite):
    def every_classes(self) -> Any:
        return self.framework.lengths

    def rows(self, path: str) -> Any:
        return ROWS[::3] if self.framework.slow_rows(path) else ROWS

    def both(self, path: str, p: Any, q: Any) -> tuple[Array, Array]:
        """Losses and the gradient of their sum in Q's own array, in rows and in columns."""
        losses, gradient = self.framework.results(path, p, q)
        (found,) = (g for g in vars(gradient).values())
        if type(q) not in (plogq.BinaryLogits, plogq.BinaryProbs) and self.framework.columns(path):
            columns, turned = self.framework.results(path, makers.turned(p, 0), makers.turned(q, 0))
            (turned,) = (g for g in vars(turned).values())
            close = {"rtol": 1e-6, "atol": 1e-7, "equal_nan": True}
            np.testing.assert_allclose(columns, losses, **close)
            np.testing.assert_allclose(turned.T.astype(float), found.astype(float), **close)
        return losses, found

    def check(self, path: str, p: Any, masses: Any, scores: Array) -> None:
        """Losses and gradients of logits against the oracle, which has its own cases for ±∞."""
        losses, gradient = self.both(path, p, plogq.Logits(scores))
        assert gradient.dtype == scores.dtype
        for loss, slope, row, s in zip(losses, gradient, masses, oracle.rows(scores), strict=True):
            w = oracle.row(row)
            with bounds.noted(f"scores {list(map(float, s))}, masses {list(map(float, w))}"):
                truth = oracle.of_logits(s)
                check = bounds.Losses([oracle.cross_entropy(w, truth)], scores.dtype)
                self.framework.reached(path, check).check(loss)
                found = oracle.logits_gradient(w, truth)
                bounds.check_soft_gradient(slope, found, scores.dtype, max(oracle.mass(w), 0))
                # Of a class that is ruled out, and has no mass, nothing is left.
                out = [float(x) == -inf and not m for x, m in zip(s, w, strict=True)]
                assert not np.isfinite(loss) or not slope[np.array(out)].any()

    def test_labels_of_infinite_scores(self, two_dtype: Any, path: str) -> None:
        """Where no softmax exists that event alone is NaN."""
        scores = np.array(self.rows(path), two_dtype)
        for y in self.framework.some(range(4)):
            one_hot = np.eye(4)[[y] * len(scores)]
            self.check(path, plogq.Labels(np.full(len(scores), y)), one_hot, scores)
            self.check(path, plogq.Probs(one_hot.astype(two_dtype)), one_hot, scores)

    def test_soft_targets_of_infinite_scores(self, two_dtype: Any, path: str) -> None:
        """0 · log 0 = 0; where there is mass the loss is ∞ and the gradient still q - p."""
        scores = np.array(self.rows(path), two_dtype)
        n = len(scores)
        rows = ([0.25, 0.0, 0.75, 0.0], [0.0, 0.5, 0.5, 0.0], [0.25] * 4, [0.5, 0.25, 0.25, 0.0])
        for p in self.framework.some(rows):
            masses = np.array([p] * n)
            self.check(path, plogq.Probs(masses.astype(two_dtype)), masses, scores)
            index = np.array([[2, 0, 1]] * n)
            few = np.take_along_axis(masses, index, -1)
            listed = masses * (np.arange(4) < 3)
            self.check(path, plogq.SparseProbs(index, few.astype(two_dtype)), listed, scores)
        for y in (0, 1):
            smoothed = plogq.Smoothed(plogq.Labels(np.full(n, y)), 0.5)
            self.check(path, smoothed, [0.5 * np.eye(4)[y] + 0.125] * n, scores)

    def test_infinities_anywhere_in_a_long_row(
        self, classes: int, two_dtype: Any, path: str
    ) -> None:
        """Lanes and blocks merge without making a NaN of -∞ - -∞, or a number of one."""
        rows, y, losses, slopes = [], [], [], []
        places = [k for k in (0, 17, 63, -1) if k < classes]
        for place in places:
            ruled_out = np.full(classes, -inf)
            ruled_out[place] = 2.0
            certain, broken, twice = (np.zeros(classes) for _ in range(3))
            certain[place], broken[place] = inf, nan
            twice[[place, classes // 2]] = inf
            here, other = place % classes, (place + 1) % classes
            for label, scores, loss, slope in (
                (here, ruled_out, 0, 0),
                (other, ruled_out, inf, 1),
                (here, certain, 0, 0),
                (other, certain, inf, 1),
                (other, broken, nan, nan),
                (other, twice, nan, nan),
                (here, np.full(classes, -inf), nan, nan),
            ):
                rows.append(scores)
                y.append(label)
                losses.append(loss)
                slopes.append(slope)
        q = plogq.Logits(np.array(rows).astype(two_dtype))
        found, gradient = self.both(path, plogq.Labels(np.array(y)), q)
        assert np.array_equal(found, losses, equal_nan=True)
        at = gradient[np.arange(len(y)), np.repeat(places, 7)].astype(float)
        assert np.array_equal(at, slopes, equal_nan=True)

    def test_binary_infinities(self, two_dtype: Any, path: str) -> None:
        """Frameworks' own losses are NaN at two of these."""
        z, y, loss, slope = (np.array(x) for x in zip(*YES_NO, strict=True))
        p, q = plogq.BinaryProbs(y.astype(two_dtype)), plogq.BinaryLogits(z.astype(two_dtype))
        losses, gradient = self.both(path, p, q)
        np.testing.assert_allclose(losses, loss, rtol=1e-6)
        assert np.array_equal(gradient.astype(float), slope, equal_nan=True)

    def test_an_event_without_mass_has_no_loss_and_no_gradient(
        self, two_dtype: Any, path: str
    ) -> None:
        """Whatever its scores are: padding may hold anything."""
        scores = np.array([*WHATEVER, [1.0, 2.0, 3.0]], two_dtype)
        y = np.array([-1, -1, -1, 2])
        none = np.array([0.0, 0.0, 0.0, 1.0])
        few = np.array([[0.0, 0.0]] * 3 + [[0.5, 0.5]], two_dtype)
        for p in (
            plogq.Labels(y, ignore=-1),
            plogq.Smoothed(plogq.Labels(y, ignore=-1), 0.25),
            plogq.Weighted(plogq.Labels(np.abs(y)), sample_weight=none),
            plogq.SparseProbs(np.array([[0, 1]] * 3 + [[2, 0]]), few),
        ):
            losses, gradient = self.both(path, p, plogq.Logits(scores))
            assert losses[:3].tolist() == [0, 0, 0]
            assert np.array_equal(gradient[:3], np.zeros((3, 3), two_dtype))
            assert np.isfinite(losses[3])
            assert np.isfinite(gradient[3].astype(float)).all()
            way = path.split("/")[0]
            mean = self.framework.call(way, plogq.cross_entropy, p, plogq.Logits(scores))
            assert mean == pytest.approx(losses[3], rel=1e-6)

    @needs("stored probabilities")
    def test_probabilities_are_never_clipped(self, two_dtype: Any, path: str) -> None:
        q = plogq.Probs(np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]], two_dtype))
        losses, gradient = self.both(path, plogq.Labels(np.array([0, 0, 0])), q)
        np.testing.assert_allclose(losses, [inf, 0, np.log(2)], rtol=1e-6)
        assert gradient.tolist() == [[-inf, 0], [-1, 0], [-2, 0]]
        p = plogq.Probs(np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]], two_dtype))
        losses, gradient = self.both(path, p, q)
        assert list(losses[:2]) == [inf, 0]
        assert gradient.tolist() == [[-inf, -0.5], [-1, 0], [0, -2]]
        q = plogq.BinaryProbs(np.array([0.0, 0.0, 1.0, 1.0], two_dtype))
        losses, gradient = self.both(path, plogq.BinaryProbs(np.array([0, 1, 0, 1])), q)
        assert list(losses) == [0, inf, inf, 0]
        assert list(gradient) == [1, -inf, inf, -1]

    @needs("stored probabilities")
    def test_log_probabilities_of_minus_infinity(self, two_dtype: Any, path: str) -> None:
        p = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], two_dtype)
        x = np.array([[-inf, 0.0]] * 3, two_dtype)
        losses, gradient = self.both(path, plogq.Probs(p), plogq.LogProbs(x))
        assert list(losses) == [inf, 0, inf]
        assert np.array_equal(gradient, -p)

    @needs("stored probabilities")
    def test_probabilities_are_never_renormalised(self, two_dtype: Any, way: str) -> None:
        q = plogq.Probs(np.array([[0.5, 0.25]] * 2, two_dtype))
        with plogq.validation("off"):
            losses, _ = self.both(way, plogq.Labels(np.array([0, 1])), q)
        assert losses == pytest.approx([np.log(2), np.log(4)], rel=1e-6)

    @needs("stored probabilities")
    def test_a_nan_among_stored_probabilities_is_a_nan(self, two_dtype: Any, way: str) -> None:
        x = np.array([[nan, 0.5], [0.5, 0.5]], two_dtype)
        for q in (plogq.Probs(x), plogq.LogProbs(np.log(x))):
            losses, _ = self.both(way, plogq.Labels(np.array([0, 0])), q)
            assert np.isnan(losses).tolist() == [True, False]

    def test_a_cap_makes_infinite_scores_finite(self, two_dtype: Any, path: str) -> None:
        """c · tanh(±∞) = ±c, and the slope there is 0."""
        q = plogq.Logits(np.array([[inf, -inf, 0.0]], two_dtype), softcap=2.0)
        losses, gradient = self.both(path, plogq.Labels(np.array([1])), q)
        truth = oracle.of_logits(oracle.row([2.0, -2.0, 0.0])).cost[1]
        bounds.check_loss(losses[0], truth, two_dtype, slack=8 * bounds.unit(two_dtype))
        assert list(gradient[0, :2]) == [0, 0]
        assert gradient[0, 2] > 0

    def test_the_mean_of_an_infinite_loss_is_infinite_and_its_gradient_is_not(
        self, two_dtype: Any, way: str
    ) -> None:
        q = plogq.Logits(np.array([[0.0, -inf], [0.0, 0.0]], two_dtype))
        p = plogq.Labels(np.array([1, 0]))
        mean, gradient = self.framework.results(way, p, q, reduction="mean")
        assert mean == inf
        assert gradient.scores.tolist() == [[0.5, -0.5], [-0.25, 0.25]]

    def test_log_z_of_infinite_scores(self, way: str) -> None:
        rows = [[inf, 0.0], [-inf, 1.5], [-inf, -inf], [inf, inf], [nan, 0.0]]
        q = plogq.Logits(np.array(rows, np.float32))
        got = self.framework.call(way, plogq.log_normalizer, q)
        np.testing.assert_array_equal(got, [inf, 1.5, nan, nan, nan])

    @needs("gradients of any function")
    def test_the_gradient_of_log_z_of_infinite_scores(self, way: str) -> None:
        rows = [[inf, 0.0], [-inf, 1.5], [-inf, -inf], [inf, inf], [nan, 0.0]]
        q = plogq.Logits(np.array(rows, np.float32))
        _, ((slopes,),) = self.framework.pull(way, plogq.log_normalizer, q)
        assert slopes[:2].tolist() == [[1, 0], [0, 1]]
        assert np.isnan(slopes[2:]).all()

    @needs("gradients of any function")
    def test_the_gradient_of_a_target_has_no_nan_where_the_scores_are_infinite(
        self, way: str
    ) -> None:
        """∂H/∂p_j = -log q_j, a number where it is ∞: what made a p of 0 multiplies it by 0."""
        p = plogq.Probs(np.array([[0.5, 0.5, 0.0]], np.float32))
        q = plogq.Logits(np.array([[0.0, 0.0, -inf]], np.float32))
        _, ((of_p,),) = self.framework.pull(
            way, plogq.cross_entropy, p, q, of=(0,), reduction="sum"
        )
        np.testing.assert_allclose(of_p, [[np.log(2), np.log(2), bounds.STEEPEST]], rtol=1e-6)
        weight = np.array([0.0, 2.0], np.float32)
        p = plogq.Weighted(plogq.Labels(np.array([0, 1])), sample_weight=weight)
        q = plogq.Logits(np.array([[0.0, -inf], [0.0, 0.0]], np.float32))
        _, (of_p,) = self.framework.pull(way, plogq.cross_entropy, p, q, of=(0,), reduction="sum")
        np.testing.assert_allclose(of_p[-1], [0, np.log(2)], rtol=1e-6)
