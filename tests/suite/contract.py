"""Every P × Q owes the losses, log Z and gradients of the oracle, by every way of a framework.

The kernels themselves are asked in `tests/kernels/test_contract.py` and `tests/on_triton`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import numpy as np

import plogq

from .. import bounds, makers, oracle, slopes
from .framework import PAIRS, Suite
from .truths import (
    EVENTS,
    PARTS,
    SHAPES,
    TWO_BACKGROUNDS,
    made,
    shaped,
    true_gradient,
    true_log_z,
    true_losses,
)

Case = tuple[str, str, str]
D_LOSS, D_LOG_Z = (1.0, 0.0, -0.5, 2.0), (0.0, 0.25, 0.0, -1.0)
# One of each part that a measure can have, and what the C++ kernel leaves to the formula.
WRAPPERS = (*PARTS, TWO_BACKGROUNDS)
INTEGERS = ("int8", "uint16", "uint8", "int16", "uint32", "int32", "int64", "uint64")


class Contract(Suite):
    def every_of_classes(self) -> list[Case]:
        return [*self._cases(makers.TARGETS, makers.PREDICTIONS)]

    def every_of_yes_no(self) -> list[Case]:
        return [*self._cases(makers.BINARY_TARGETS, makers.BINARY_PREDICTIONS)]

    def every_summed(self) -> list[Case]:
        """A program for each is made for one of each part only, by the first way."""
        if not self.framework.thin:
            return self.every_of_classes()
        way = self.framework.ways[0]
        return [(p, q, way) for p, q in PAIRS if not p.startswith("Binary")]

    def every_base(self) -> Any:
        return self.framework.some([*makers.BASES], 2)

    def every_shape(self) -> Any:
        return SHAPES

    def _cases(self, targets: Iterable[str], predictions: Iterable[str]) -> Iterator[Case]:
        predictions = list(predictions)
        for p in targets:
            for q in predictions:
                ways = self.framework.contract_ways(p, q, p.partition("-")[2], WRAPPERS)
                yield from ((p, q, way) for way in ways)

    def reached(self, way: str, q: str, check: Any) -> Any:
        return self.framework.reached_of(q, way, copy(check))

    def gradients(self, way: str, q: str, truth: slopes.Slopes) -> slopes.Slopes:
        truth = copy(truth)
        truth.expected = {n: self.reached(way, q, g) for n, g in truth.expected.items()}
        return truth

    def test_every_part_is_asked_of_every_way(self) -> None:
        """No way is left with nothing, and none without a part of P or of Q."""
        cases = [*self.every_of_classes(), *self.every_of_yes_no()]
        for way in {way for _, _, way in cases}:
            taken = {(p, q) for p, q, w in cases if w == way}
            missing = {pair for pair in PAIRS if pair not in taken}
            assert not missing or self.framework.leaves(way, missing), (way, missing)

    def test_losses_log_z_and_gradients(self, of_classes: Case) -> None:
        """Each event weighs what flows back to its loss and to its log Z."""
        p, q, way = of_classes
        for dtype in self.framework.contract_dtypes(p, q, way):
            target, prediction = made(p, q, dtype)
            stored = prediction.kind in ("log_probs", "probs")
            d_log_z = (0.0,) * 4 if stored else D_LOG_Z
            with bounds.noted(dtype.name):
                loss, log_z, gradient, kernel = self.framework.both(
                    way, target.target, prediction.prediction, D_LOSS, d_log_z
                )
                assert kernel == self.framework.kernel(p, q, way, dtype)
                assert loss.shape == log_z.shape == EVENTS
                self.reached(way, q, true_losses(p, q, dtype)).check(loss)
                truth, allowed = true_log_z(p, q, dtype)
                assert log_z.dtype == bounds.loss_dtype(dtype)
                bounds.within(log_z, truth, np.array(allowed), "log Z")
                slope = true_gradient(p, q, dtype, D_LOSS, d_log_z)
                self.gradients(way, q, slope).check(gradient)

    def test_one_number_per_call_and_its_gradient(self, summed: Case) -> None:
        """The sum over a normalizer may be one step of automatic differentiation."""
        p, q, way = summed
        for dtype in self.framework.some(self.framework.contract_dtypes(p, q, way), 4):
            target, prediction = made(p, q, dtype)
            masses = [oracle.mass(row) for row in target.truth]
            stored = prediction.kind in ("log_probs", "probs")
            for z_loss in (0.0,) if stored else self.framework.some((0.125, 0.0)):
                d_log_z = tuple(
                    float(0.25 * 2 * z_loss * m * c.log_z) if z_loss else 0.0
                    for m, c in zip(masses, prediction.costs, strict=True)
                )
                options = {"reduction": "sum", "normalizer": 4, "z_loss": z_loss}
                with bounds.noted(f"{dtype.name}, z_loss={z_loss}"):
                    loss, gradient = self.framework.results(
                        way, target.target, prediction.prediction, **options
                    )
                    assert loss.shape == ()
                    assert loss.dtype == bounds.loss_dtype(dtype)
                    slope = true_gradient(p, q, dtype, (0.25,) * 4, d_log_z)
                    self.gradients(way, q, slope).check(gradient)

    def test_yes_no_outcomes(self, of_yes_no: Case) -> None:
        p, q, way = of_yes_no
        for dtype in self.framework.contract_dtypes(p, q, way):
            target, prediction = made(p, q, dtype)
            with bounds.noted(dtype.name):
                loss, _, gradient, kernel = self.framework.both(
                    way, target.target, prediction.prediction, (0.5,) * 4, (0.0,) * 4
                )
                assert kernel == self.framework.kernel(p, q, way, dtype)
                self.reached(way, q, true_losses(p, q, dtype)).check(loss)
                (array,) = vars(gradient).values()
                slopes.check_binary(array, target, prediction, dtype, 0.5)
                if self.framework.thin:
                    continue
                options = {"reduction": "sum", "normalizer": 2}
                _, gradient = self.framework.results(
                    way, target.target, prediction.prediction, **options
                )
                (array,) = vars(gradient).values()
                slopes.check_binary(array, target, prediction, dtype, 0.5)

    def test_rows_columns_and_a_middle_axis(self, base: str, shape: str, way: str) -> None:
        events, _, axis = SHAPES[shape]
        half = np.full(events, 0.5)
        p = f"{base}-class_weight>smoothed"
        for dtype, q in self.framework.shaped_pairs(way):
            target, prediction, losses, truth = shaped(p, q, shape, dtype)
            with bounds.noted(f"{q} of {dtype.name}"):
                loss, _, gradient, kernel = self.framework.both(
                    way, target, prediction, half, 0 * half
                )
                assert kernel == self.framework.kernel(p, q, way, dtype)
                self.reached(way, q, losses).check(loss)
                for name in slopes.NAMES[truth.q.kind]:
                    setattr(gradient, name, np.moveaxis(getattr(gradient, name), axis, -1))
                self.gradients(way, q, truth).check(gradient)

    def test_labels_of_any_integer_dtype(self, main_way: str) -> None:
        scores = makers.dyadic(np.random.default_rng(3), (6, 5), np.dtype(np.float32))
        y = np.array([0, 4, 2, 1, 3, 3])
        for index in self.framework.some(INTEGERS):
            for ignore in self.framework.some((3, None)):
                p = plogq.Labels(y.astype(index), ignore=ignore)
                none = [v == ignore for v in y]
                costs, each = oracle.label_costs(scores, y), oracle.label_gradients(scores, y)
                truth = [oracle.ZERO if out else t for out, t in zip(none, costs, strict=True)]
                rows = [[oracle.ZERO] * 5 if out else g for out, g in zip(none, each, strict=True)]
                with bounds.noted(f"{index}, ignore={ignore}"):
                    loss, gradient = self.framework.results(main_way, p, plogq.Logits(scores))
                    bounds.check_losses(loss, truth, scores.dtype)
                    slope = bounds.Gradient([g for r in rows for g in r], scores.dtype, True)
                    slope.check(gradient.scores)
