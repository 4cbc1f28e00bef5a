"""CatBoost: it asks for the derivatives of classes one row at a time, and goes uphill."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import PairError
from ..pairing import P
from ..representations.binary import BinaryTarget
from .derivatives import Derivatives
from .targets import Make, Targets

Array = Any

# Rows whose P is kept: hard labels have one for each class.
_ROWS = 1 << 16


class CatBoost:
    """An objective and a metric for CatBoost, from P as a function of the labels.

    CatBoost hands rows over in an order of its own, so `p` makes P of the labels that come with
    them: `lambda y: Labels(y)` for classes, `lambda y: BinaryProbs(y)` for yes/no. With `soft` each
    row has one target per class (the labels of the data are an array [N, K]), and
    `lambda y: Probs(y)` takes them. Derivatives are those of -H: p - mass · q, and for classes the
    whole Hessian mass · (q_i q_j - q_i [i = j]), as CatBoost's own objective has it. `gamma` makes
    it the focal loss. Of yes/no labels CatBoost asks for blocks of rows; of classes for each row by
    a call of Python, twice a round and more, which is slow whatever the call does.

    Raises:
        PairError: P itself, or what is no function.
        ValueError: a negative gamma.
        PlogqError: in training, whatever `cross_entropy` raises for P and the scores.

    Examples:
        >>> import numpy as np, plogq
        >>> loss = plogq.boost.CatBoost(lambda y: plogq.Labels(y))
        >>> first, second = loss.objective.calc_ders_multi(np.zeros(2), 1.0, 1.0)
        >>> first, second
        ([-0.5, 0.5], [[-0.25, 0.25], [0.25, -0.25]])
    """

    def __init__(self, p: Make, *, gamma: float = 0.0, soft: bool = False) -> None:
        if isinstance(p, P):
            raise PairError(
                "CatBoost hands rows over in an order of its own, so P is made of the labels that "
                "come with them: write CatBoost(lambda y: Labels(y)), or CatBoost(lambda y: "
                f"Probs(y), soft=True) with labels of shape [N, K]; got {type(p).__name__} itself"
            )
        self._targets, self._make = Targets(p, gamma, "CatBoost"), p
        self._soft = soft
        self.name = "focal_loss" if gamma else "cross_entropy"
        self._row = lru_cache(_ROWS)(self._made)

    @property
    def objective(self) -> Any:
        """What goes in as loss_function."""
        if self._soft:
            return _of_rows()[0](self)
        yes_no = isinstance(self._make(np.zeros(1, np.int64)), BinaryTarget)
        return Blocks(self) if yes_no else Rows(self)

    @property
    def metric(self) -> Any:
        """What goes in as eval_metric: the mean loss in nats."""
        return _of_rows()[1](self) if self._soft else CrossEntropy(self)

    def blocks(self, scores: Array, labels: Array, weight: Any) -> list[tuple[float, float]]:
        gradient, hessian = np.empty_like(scores), np.empty_like(scores)
        found = self._targets.of(labels, weight, scores.shape)
        found.write(scores, gradient, hessian, 1.0)
        return list(zip((-gradient).tolist(), (-hessian).tolist(), strict=True))

    def row(self, scores: Array, label: Any, weight: float) -> tuple[list[float], list[Any]]:
        label = tuple(label) if self._soft else label
        gradient, hessian = self._row(label, len(scores)).matrix(np.asarray(scores, float)[None])
        return (-weight * gradient).tolist(), (-weight * hessian).tolist()

    def _made(self, label: Any, classes: int) -> Derivatives:
        return Targets(self._make, self._targets.gamma, "CatBoost").of(
            np.asarray(label)[None], None, (1, classes)
        )

    def sums(self, scores: Any, labels: Any, weight: Any) -> tuple[Any, Any]:
        table = np.asarray(scores[0]) if len(scores) == 1 else np.stack(scores, axis=1)
        labels = np.stack(labels, axis=1) if self._soft else np.asarray(labels)
        return self._targets.of(labels, weight, table.shape).sums(table)


class Rows:
    """Classes, row by row."""

    def __init__(self, loss: CatBoost) -> None:
        self._loss = loss

    def calc_ders_multi(
        self, approxes: Array, target: Any, weight: float
    ) -> tuple[list[float], list[Any]]:
        return self._loss.row(approxes, target, weight)


class Blocks:
    """Yes/no outcomes, many rows at a time."""

    def __init__(self, loss: CatBoost) -> None:
        self._loss = loss

    def calc_ders_range(
        self, approxes: Array, targets: Array, weights: Any
    ) -> list[tuple[float, float]]:
        return self._loss.blocks(np.asarray(approxes), np.asarray(targets), weights)


class CrossEntropy:
    """The mean loss over data that CatBoost hands over in parts."""

    def __init__(self, loss: CatBoost) -> None:
        self._loss = loss

    def is_max_optimal(self) -> bool:
        return False

    def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[Any, Any]:
        return self._loss.sums(approxes, target, weight)

    def get_final_error(self, error: float, weight: float) -> float:
        return error / weight if weight else 0.0


def _of_rows() -> tuple[Any, Any]:
    """The same for one target per class, which CatBoost knows by classes of its own."""
    library: Any = import_module("catboost")
    # CatBoost prints their names.
    return (
        type("Rows", (Rows, library.MultiTargetCustomObjective), {}),
        type("CrossEntropy", (CrossEntropy, library.MultiTargetCustomMetric), {}),
    )
