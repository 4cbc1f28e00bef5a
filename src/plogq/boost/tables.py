"""LightGBM and XGBoost: scores come as one table, and so do gradient and Hessian go back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any, Literal

import numpy as np

from .. import options
from ..frameworks.pages import LARGE, pages
from ..pairing import P
from .derivatives import Derivatives
from .targets import Make, Targets

Array = Any


class _Tables(ABC):
    """What the two share: P of the data, and arrays in the layout of the scores."""

    order: Literal["C", "F"] = "C"

    def __init__(self, p: P | Make, *, gamma: float = 0.0, bound: float | None = None) -> None:
        self._targets = Targets(p, gamma, type(self).__name__)
        self._bound = None if bound is None else options.not_negative(bound, "bound")
        # What the metric is called where the library prints it.
        self.name = "focal_loss" if self._targets.gamma else "cross_entropy"

    @abstractmethod
    def bound(self, classes: int) -> float:
        """What the library's own objective multiplies q (1 - q) by, for this many classes."""

    def objective(
        self, scores: Array, data: Any, sample_weight: Array | None = None
    ) -> tuple[Array, Array]:
        """The gradient and the diagonal of the Hessian, one per row and class, of float32.

        Called as the library calls it: objective(scores, data), or by its classes for scikit-learn
        objective(labels, scores, weights).
        """
        scores, derivatives = self._read(scores, data, sample_weight)
        gradient, hessian = _room(scores.shape, self.order)
        several = scores.ndim > 1 and not derivatives.yes_no
        known = self.bound(scores.shape[1]) if several else 1.0
        derivatives.write(scores, gradient, hessian, known if self._bound is None else self._bound)
        return gradient, hessian

    def _read(self, first: Array, second: Any, weight: Array | None) -> tuple[Array, Derivatives]:
        """The scores, and the derivatives for the rows that they are of."""
        if hasattr(second, "get_label"):
            scores, labels, weight = np.asarray(first), second.get_label(), second.get_weight()
        else:
            scores, labels = np.asarray(second), first
        return scores, self._targets.of(labels, weight, scores.shape)


def _room(shape: tuple[int, ...], order: Literal["C", "F"]) -> tuple[Array, Array]:
    """Two new arrays of float32, on the memory that those of the last round have left behind."""
    size = prod(shape)
    both = pages(8 * size).view(np.float32) if 8 * size >= LARGE else np.empty(2 * size, np.float32)
    return both[:size].reshape(shape, order=order), both[size:].reshape(shape, order=order)


class LightGBM(_Tables):
    """An objective and a metric for LightGBM, from P and options.

    `p` is any target, for the rows of the training data in their order, or a function that makes
    one of labels. H(P, softmax(s)) has the gradient mass · q - p by scores s; of its Hessian the
    diagonal mass · q (1 - q) is given times `bound`, K / (K - 1) for K classes as in LightGBM's own
    objective, so that hard labels grow the same trees. For `BinaryProbs` the softmax is a sigmoid
    and the bound 1. `gamma` makes it the focal loss. Weights of the data are weights of P. Scores
    begin at 0: LightGBM's own objectives begin at the frequencies (`boost_from_average`).

    Raises:
        PairError: what is neither P nor a function.
        ValueError: a negative gamma or bound.
        PlogqError: in training, whatever `cross_entropy` raises for P and the scores.

    Examples:
        >>> import numpy as np, plogq
        >>> loss = plogq.boost.LightGBM(lambda y: plogq.Smoothed(plogq.Labels(y), 0.1))
        >>> gradient, hessian = loss.objective(np.array([1.0, 0.0]), np.zeros((2, 2)))
        >>> gradient
        array([[ 0.45, -0.45],
               [-0.45,  0.45]], dtype=float32)
        >>> hessian
        array([[0.5, 0.5],
               [0.5, 0.5]], dtype=float32)
    """

    order = "F"

    def bound(self, classes: int) -> float:
        return classes / (classes - 1)

    def metric(
        self, scores: Array, data: Any, sample_weight: Array | None = None
    ) -> tuple[str, float, bool]:
        """Name, mean loss in nats, and that less is better; for raw scores, as the objective has.

        Called as the library calls it: metric(scores, data), or by its classes for scikit-learn
        metric(labels, scores, weights).
        """
        scores, derivatives = self._read(scores, data, sample_weight)
        return self.name, derivatives.mean(scores), False


class XGBoost(_Tables):
    """An objective and a metric for XGBoost, from P and options.

    As `LightGBM`, with the bound of XGBoost's own objective: 2 mass · q (1 - q), a matrix that the
    whole Hessian lies below, for exclusive classes, and 1 for `BinaryProbs`.

    Raises:
        PairError: what is neither P nor a function.
        ValueError: a negative gamma or bound.
        PlogqError: in training, whatever `cross_entropy` raises for P and the scores.

    Examples:
        >>> import numpy as np, plogq
        >>> loss = plogq.boost.XGBoost(plogq.Probs(np.array([[0.7, 0.3]])))
        >>> gradient, hessian = loss.objective(np.array([0.0]), np.zeros((1, 2), np.float32))
        >>> gradient, hessian
        (array([[-0.2,  0.2]], dtype=float32), array([[0.5, 0.5]], dtype=float32))
    """

    def bound(self, classes: int) -> float:
        return 2.0

    def metric(self, scores: Array, data: Any, sample_weight: Array | None = None) -> Any:
        """Name and mean loss in nats, for raw scores, as the objective has them.

        Called as the library calls it: metric(scores, data), or by its classes for scikit-learn
        metric(labels, scores, sample_weight), which gives the loss alone.
        """
        native = hasattr(data, "get_label")
        scores, derivatives = self._read(scores, data, sample_weight)
        loss = derivatives.mean(scores)
        return (self.name, loss) if native else loss
