"""The loss of one P, its gradient and the diagonal of its Hessian, in arrays as they are laid out.

P is checked and lowered once; each round of boosting is one pass of a C++ kernel over the scores.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .. import shaping
from ..algebra.measure import Measure
from ..algebra.scores import BinaryScores, Scores
from ..algebra.yes_no import BinaryMeasure
from ..errors import ShapeError
from ..frameworks.numpy import arrays as xp
from ..frameworks.numpy import kernels
from ..pairing import P, prepare
from ..representations.binary import BinaryLogits, BinaryTarget
from ..representations.predictions import Logits

Array = Any


class Derivatives:
    """H(P, Logits(s)) for scores s of one shape, or the focal loss of it.

    An event of mass w and loss H counts w · f(H / w), where f is the identity, or with a `gamma`
    the focal loss: gradient f' · (w q - p), and of the Hessian the diagonal
    f' · w q (1 - q) + f'' · w (q - p / w)², its second term where f'' is positive.

    Raises:
        PlogqError: whatever `cross_entropy` raises for the pair.
    """

    def __init__(self, p: P, shape: tuple[int, ...], gamma: float) -> None:
        zeros = np.broadcast_to(np.float64(0.0), shape)
        self.yes_no = isinstance(p, BinaryTarget)
        if not self.yes_no and len(shape) == 1:
            raise ShapeError(
                f"P is over exclusive classes and there is one score for each of {shape[0]} rows; "
                "say how many classes there are in the library's own parameters (num_class=K, in "
                "CatBoost classes_count=K), or write BinaryProbs(y) for yes/no labels"
            )
        pair = prepare(p, BinaryLogits(zeros) if self.yes_no else Logits(zeros))
        self.measure = _for_kernels(pair.measure)
        self.gamma = gamma
        self.kernel: Any = kernels.binary if self.yes_no else kernels.stored
        self.mass: Any = self.measure.mass(xp) if gamma else None
        # What the kernel is told of P, which is the same in every round.
        self.known: dict[str, Any] = {}

    def scores(self, array: Array) -> Scores | BinaryScores:
        return BinaryScores("logits", array) if self.yes_no else Scores("logits", array, 1)

    def write(
        self, array: Array, gradient: Array, hessian: Array, bound: float
    ) -> tuple[Array | float, Array | float]:
        """The gradient, and `bound` times the diagonal of the Hessian, written for these scores.

        Returns f', and what the square of the gradient is multiplied by, f'' / (f'² w).
        """
        scores = self.scores(array)
        if not self.gamma:
            self.kernel.curved(self.measure, scores, gradient, hessian, bound, known=self.known)
            return 1.0, 0.0
        forward = self.kernel.forward(self.measure, scores, known=self.known)
        first: Any
        second: Any
        first, second = shaping.focal_slopes(xp, self._each(forward.loss), self.gamma)
        self.kernel.curved(
            self.measure, scores, gradient, hessian, bound, forward.residual, first, self.known
        )
        with xp.quiet():
            divisor: Any = first * first * self.mass
            bend = np.where(divisor > 0, second / divisor, 0.0)
        each = (bound * bend).astype(hessian.dtype)
        hessian += (each if self.yes_no else each[:, None]) * gradient * gradient
        return first, bend

    def matrix(self, array: Array) -> tuple[Array, Array]:
        """The gradient and the whole Hessian for the scores of a single event."""
        gradient, hessian = np.empty_like(array), np.empty_like(array)
        first, bend = self.write(array, gradient, hessian, 1.0)
        if self.yes_no:
            return gradient[0], np.diag(hessian[0])
        p = self.row
        # The gradient is f' · (mass · q - p).
        massive, mass = gradient + first * p, float(np.sum(first * p))
        whole = bend * gradient * gradient.T
        if mass:
            whole = whole - massive * massive.T / mass
        np.fill_diagonal(whole, hessian)
        return gradient[0], whole

    @cached_property
    def row(self) -> Array:
        """P of a single event, a mass for each class."""
        sparse, rest = self.measure.dense_parts(xp)
        return sparse + rest

    def sums(self, array: Array) -> tuple[Any, Any]:
        """Σ w f(H / w), and Σ w."""
        losses = self.kernel.forward(self.measure, self.scores(array), known=self.known).loss
        if self.gamma:
            losses = xp.times(self.mass, shaping.focal(self._each(losses), self.gamma))
        return xp.total(losses), self.total_mass

    @cached_property
    def total_mass(self) -> Any:
        return self.measure.total_mass(xp)

    def mean(self, array: Array) -> float:
        """Σ w f(H / w) / Σ w, and 0 where nothing counts."""
        return float(xp.ratio(*self.sums(array)))

    def _each(self, losses: Array) -> Array:
        """The loss per mass."""
        with xp.quiet():
            each: Any = xp.weights(losses) / self.mass
        return np.where(self.mass == 0.0, 0.0, each)


def _for_kernels(measure: Any) -> Any:
    """The measure as the kernels take it: what they have no part for, multiplied out once."""
    if isinstance(measure, BinaryMeasure):
        if measure.beyond_numbers() is None:
            return measure
        yes, no = measure.masses(xp)
        with xp.quiet():
            both: Any = yes + no
            share: Any = yes / both
        return BinaryMeasure(np.where(both == 0, 0.0, share), event=both)
    if measure.beyond_one_background() is None:
        return measure
    sparse, rest = measure.dense_parts(xp)
    return Measure(measure.events, measure.classes, dense=sparse + rest, axis=len(measure.events))
