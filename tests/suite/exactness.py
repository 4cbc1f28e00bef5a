"""N1 and N2: losses within (8 + |ln L|) u of -Σ p log q, and gradients as near, by every way.

`tests/test_exactness.py` and `test_exact_gradients.py` go further, by the C++ kernels on NumPy.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

import plogq

from .. import bounds, oracle
from ..gaps import EDGES, GAPS
from ..oracle import mp
from .framework import Suite, needs

Array = npt.NDArray[Any]


class Exactness(Suite):
    def every_length(self) -> Any:
        return self.framework.long_rows

    def every_weight(self) -> Any:
        return [1e-30, 1e-6, 1e6, 1e30]

    def held(self, way: str, found: Any, losses: bounds.Losses, slopes: bounds.Gradient) -> None:
        classes = found[1].shape[-1] if found[1].ndim > 1 else 2
        self.framework.reached(way, losses, classes).check(found[0])
        self.framework.reached(way, slopes, classes).check(found[1])

    def check(self, way: str, scores: Array, y: npt.ArrayLike) -> None:
        """Losses of labels, and the gradient of each."""
        y = np.asarray(y)
        losses, gradient = self.framework.results(way, plogq.Labels(y), plogq.Logits(scores))
        truth = bounds.Losses(oracle.label_costs(scores, y), scores.dtype)
        rows = [g for row in oracle.label_gradients(scores, y) for g in row]
        slopes = bounds.Gradient(rows, scores.dtype, True)
        self.held(way, (losses, gradient.scores), truth, slopes)

    def gaps(self, way: str, dtype: Any) -> Array:
        """From 1 to 100, and where exp's range reduction is at the edge of its interval."""
        gaps = np.concatenate([GAPS, EDGES])
        return gaps[gaps >= self.framework.smallest(way, dtype)]

    def test_a_confident_prediction_keeps_its_relative_precision(
        self, dtype: Any, main_way: str
    ) -> None:
        """Where log_softmax rounds the loss to 0 and q - 1 to nothing, for either class."""
        gaps = self.gaps(main_way, dtype)
        two = np.stack([np.zeros_like(gaps), -gaps], axis=-1).astype(dtype)
        self.check(main_way, np.concatenate([two, two]), np.repeat([0, 1], len(gaps)))

    def test_many_classes_ties_shifts_and_random_rows(
        self, two_dtype: Any, main_way: str, rng: np.random.Generator
    ) -> None:
        """Rows of 19 classes, so that they are one program."""
        few = 6 if self.framework.slow_rows(main_way) else 20
        others = np.linspace(0, 3, 18)
        sure = np.concatenate([np.zeros((few, 1)), -(GAPS[: 3 * few : 3, None] + others)], axis=-1)
        ties = np.full((few, 19), -2.5)
        for i, row in enumerate(ties):
            row[(np.arange((2, 3, 8, 17)[i % 4]) + i) % 19] = 1.25
        spread = [rng.normal(0, s, (few, 19)) for s in (1.0, 5.0, 20.0, 30.0)]
        rows = np.concatenate([sure, ties, *spread]).astype(two_dtype)
        self.check(main_way, rows, np.arange(len(rows)) % 19)
        self.check(main_way, rows, rows.astype(float).argmax(axis=-1))

    def test_shifted_scores(self, two_dtype: Any, main_way: str, rng: np.random.Generator) -> None:
        """Exact for the values that the shifted scores round to, gaps of one spacing included."""
        shifts = (1e4, -1e4, 6e4, -6e4) if two_dtype == np.float16 else (1e4, -1e4, 1e30, -1e30)
        rows = []
        for shift in shifts:
            with np.errstate(over="ignore"):
                scores = (shift + rng.normal(0, 8, (11, 11))).astype(two_dtype)
                base = np.asarray(shift, two_dtype)
                for i, row in enumerate(scores):
                    row[i % 11] = np.nextafter(base, np.asarray(0, two_dtype))
                    row[(i + 3) % 11] = base
            rows.append(scores)
        self.check(main_way, np.concatenate(rows), np.arange(44) % 11)

    def test_a_row_of_equal_scores_costs_log_k(
        self, length: int, two_dtype: Any, main_way: str
    ) -> None:
        scores = np.repeat([0.0, -3.0, -6e4], 3)[:, None] + np.zeros((9, length))
        y = np.tile([0, length // 2, length - 1], 3)
        q = plogq.Logits(scores.astype(two_dtype))
        losses = self.framework.call(
            main_way, plogq.cross_entropy, plogq.Labels(y), q, reduction="none"
        )
        check = bounds.Losses([mp.log(length)] * 9, two_dtype)
        self.framework.reached(main_way, check, length).check(losses)

    def test_scores_of_opposite_extremes(self, dtype: Any, main_way: str) -> None:
        """The gap of the greatest and the least finite score: a loss, or ∞ where it overflows."""
        top = bounds.largest(dtype)
        scores = np.array([[top, -top, 0.0], [top / 4, -top / 4, 1.0], [-top, -top, -top]])
        self.check(main_way, np.repeat(scores, 3, 0).astype(dtype), [0, 1, 2] * 3)

    def test_long_rows(self, length: int, main_way: str) -> None:
        """Components at the ends, at block borders, at the label and at the greatest score."""
        for dtype in self.framework.some([d for d in self.framework.dtypes
                                          if d in bounds.DTYPES[:2]]):  # fmt: skip
            grid = np.random.default_rng(length).integers(-256, 257, length) / 32
            tally, top = oracle.Tally(grid), int(grid.argmax())
            q = plogq.Logits(np.stack([grid, grid]).astype(dtype))
            y = (0, top)
            losses, gradient = self.framework.results(main_way, plogq.Labels(np.array(y)), q)
            check = bounds.Losses([tally.cost(k) for k in y], dtype)
            self.framework.reached(main_way, check, length).check(losses)
            places = sorted({j for j in (0, 1, 63, 64, 1023, 1024, length - 1, top) if j < length})
            truth = [tally.gradient(k, j) for k in y for j in places]
            check = bounds.Gradient(truth, dtype, True)
            self.framework.reached(main_way, check, length).check(gradient.scores[:, places])

    def test_soft_gradients_are_within_8_u_of_the_mass(
        self, two_dtype: Any, main_way: str, rng: np.random.Generator
    ) -> None:
        for classes in self.framework.some((130, 10, 2)):
            scores = rng.normal(0, 6, (6, classes)).astype(two_dtype)
            p = rng.dirichlet(np.full(classes, 0.4), 6).astype(two_dtype)
            found = self.framework.results(main_way, plogq.Probs(p), plogq.Logits(scores))
            masses = [oracle.mass(w) for w in oracle.rows(p)]
            losses = bounds.Losses(oracle.soft_costs(p, scores), two_dtype, masses)
            rows = [g for row in oracle.soft_gradients(p, scores) for g in row]
            sizes = np.repeat([float(m) for m in masses], classes)
            slopes = bounds.Gradient(rows, two_dtype, False, sizes)
            self.held(main_way, (found[0], found[1].scores), losses, slopes)

    def test_binary_scores(self, dtype: Any, main_way: str) -> None:
        """Both signs of every gap; one of the two costs is e^-|z| and less."""
        gaps = self.gaps(main_way, dtype)
        z = np.concatenate([gaps, -gaps, [0.0, -0.0, 1e4, -1e4]]).astype(dtype)
        truth = [oracle.of_yes(x) for x in oracle.row(z)]
        for y in (0, 1):
            p = plogq.BinaryProbs(np.full(len(z), y))
            found = self.framework.results(main_way, p, plogq.BinaryLogits(z))
            losses = bounds.Losses([c.cost[y] for c in truth], dtype)
            rows = [c.q[1] if y == 0 else -c.q[0] for c in truth]
            slopes = bounds.Gradient(rows, dtype, True)
            self.held(main_way, (found[0], found[1].scores), losses, slopes)

    @needs("stored probabilities")
    def test_probabilities_near_0_and_near_1(
        self, two_dtype: Any, main_way: str, rng: np.random.Generator
    ) -> None:
        near = 1 - np.arange(1, 40) * bounds.rounding(two_dtype)
        tiny = bounds.least(two_dtype) * np.arange(1, 40)
        least = float(ml_dtypes.finfo(two_dtype).tiny) if self.framework.flushes(main_way) else 0.0
        q = np.concatenate([near, tiny, rng.random(60), 2.0 ** -np.arange(0, 24)])
        q = q[q >= least].astype(two_dtype)
        binary = [oracle.of_yes_probability(x).cost for x in oracle.row(q)]
        call = self.framework.call
        for y in (0, 1):
            p = plogq.BinaryProbs(np.full(len(q), y))
            got = call(main_way, plogq.cross_entropy, p, plogq.BinaryProbs(q), reduction="none")
            check = bounds.Losses([c[y] for c in binary], two_dtype)
            self.framework.reached(main_way, check).check(got)
        rows = np.stack([q, (1 - q.astype(float)).astype(two_dtype)], axis=-1)
        truth = [oracle.of_probs(r).cost[0] for r in oracle.rows(rows)]
        p = plogq.Labels(np.zeros(len(q), int))
        got = call(main_way, plogq.cross_entropy, p, plogq.Probs(rows), reduction="none")
        self.framework.reached(main_way, bounds.Losses(truth, two_dtype)).check(got)

    def test_weights_leave_the_relative_precision_of_a_gradient_alone(
        self, weight: float, quick_way: str
    ) -> None:
        gaps = np.array([0.0, 0.5, 3.0, 17.0, 40.0])
        scores = np.stack([np.zeros_like(gaps), -gaps, -gaps - 1], axis=-1).astype(np.float32)
        y = np.zeros(len(gaps), int)
        sample = np.full(len(gaps), weight, np.float32)
        p = plogq.Weighted(plogq.Labels(y), sample_weight=sample)
        q = plogq.Logits(scores)
        _, gradient = self.framework.results(quick_way, p, q, reduction="sum")
        factor = oracle.real(np.float32(weight))
        truth = [factor * g for row in oracle.label_gradients(scores, y) for g in row]
        check = bounds.Gradient(truth, scores.dtype, True, float(factor))
        self.framework.reached(quick_way, check).check(gradient.scores)

    def test_the_framework_itself_loses_what_is_kept_here(self) -> None:
        """The comparison that the tests above are worth their cost for; if mended, look again."""
        scores = np.array([[0.0, -40.0]], np.float32)
        assert self.framework.own_loss(scores, np.array([0])) == 0
        ours = self.framework.call(
            self.framework.ways[0],
            plogq.cross_entropy,
            plogq.Labels(np.array([0])),
            plogq.Logits(scores),
        )
        assert ours == pytest.approx(np.exp(-40.0), rel=1e-6)
