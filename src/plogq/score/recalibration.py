"""What predictions would gain if they were recalibrated: fitted by SciPy, the losses ours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from math import exp, isfinite
from typing import Any

import numpy as np

from ..definition import cross_entropy, log_normalizer, value_and_grad
from ..divergence import entropy
from ..representations.binary import BinaryLogits, BinaryProbs
from ..representations.predictions import Logits
from ..representations.targets import Labels, Probs
from ..representations.wrappers import Weighted
from .column import Array

# More classes leave no events to fit a matrix of their squares.
_MATRIX_CLASSES, _MATRIX_EVENTS = 50, 8192
# OpenBLAS works off products of fewer multiplications by one thread. Several take a hundred times
# as long where processors are busy, as they wait for one another by turning on the spot.
_ALONE = 1 << 18
# Where a probability is 0 its logarithm would take every sum with it.
_LEAST = -100.0
# The least spread of a direction, beside the largest and 1: where all sum to 1 one has none.
_FLAT = 1e-10


def _optimize() -> Any:
    # Only where it is needed: the command line does without SciPy.
    return import_module("scipy.optimize")


class Fit(ABC):
    """A sample, its H, and the temperature that would be best."""

    def __init__(self, scores: Array, target: Array, weight: Array) -> None:
        self.scores, self.target, self.weight = scores, target, weight
        self.loss = self.at(1.0)

    @abstractmethod
    def at(self, sharpness: float) -> float:
        """H where scores are multiplied by this."""

    def _sharpened(self, logarithm: float) -> float:
        return self.at(exp(logarithm))

    def temperature(self) -> tuple[float, float]:
        """What scores would best be divided by, and what H would lose."""
        if not isfinite(self.loss):
            return float("nan"), float("nan")
        found: Any = _optimize().minimize_scalar(self._sharpened, bounds=(-5, 5), method="bounded")
        return exp(-float(found.x)), self.loss - float(found.fun)


class Answers(Fit):
    """Yes/no outcomes: they are recalibrated by isotonic regression, which keeps their order."""

    def at(self, sharpness: float) -> float:
        """See `Fit`."""
        target = Weighted(BinaryProbs(self.target), sample_weight=self.weight)
        return float(cross_entropy(target, BinaryLogits(self.scores * sharpness)))

    def uncertainty(self) -> float:
        """The entropy of how often yes comes."""
        yes = float((self.weight * self.target).sum() / self.weight.sum())
        return float(entropy(BinaryProbs(np.array([yes]))))

    def recalibrated(self) -> float:
        """H of the best probabilities that are in the same order."""
        _, place = np.unique(self.scores, return_inverse=True)
        weight = np.bincount(place, self.weight)
        share = np.bincount(place, self.weight * self.target) / weight
        best: Array = np.clip(_optimize().isotonic_regression(share, weights=weight).x, 0.0, 1.0)[
            place
        ]
        target = Weighted(BinaryProbs(self.target), sample_weight=self.weight)
        return float(cross_entropy(target, BinaryProbs(best)))


class Classes(Fit):
    """Several classes: recalibrated by a temperature and by a matrix, each fitted to one half and
    applied to the other, so that nothing is gained by fitting alone."""

    def _target(self, rows: Any) -> Any:
        target = self.target[rows]
        plain = Labels(target) if target.ndim == 1 else Probs(target)
        return Weighted(plain, sample_weight=self.weight[rows])

    def at(self, sharpness: float) -> float:
        """See `Fit`."""
        return float(cross_entropy(self._target(slice(None)), Logits(self.scores * sharpness)))

    def uncertainty(self) -> float:
        """The entropy of the class frequencies."""
        if self.target.ndim == 1:
            mass = np.bincount(self.target, self.weight, self.scores.shape[1])
        else:
            mass = (self.target * self.weight[:, None]).sum(axis=0)
        return float(entropy(Probs(mass / mass.sum())))

    def recalibrated(self) -> float:
        """H of the best of the two; that of the model itself where they gain nothing."""
        halves = [np.arange(k, len(self.weight), 2) for k in (0, 1)]
        if min(map(len, halves)) < 10 or not isfinite(self.loss):
            return self.loss
        ways = [self._by_temperature]
        if self.scores.shape[1] <= _MATRIX_CLASSES:
            ways.append(self._by_matrix)
        losses = [self.loss]
        for way in ways:
            parts = [way(fitted, other) for fitted, other in (halves, halves[::-1])]
            weights = [float(self.weight[rows].sum()) for rows in halves[::-1]]
            losses.append(float(np.average(parts, weights=weights)))
        return min(losses)

    def each(self) -> list[tuple[float, float]]:
        """Of every class, whether it is this one or another: what the model tells beyond how often
        it comes, and what isotonic regression would gain. None where there are many classes."""
        count = self.scores.shape[1]
        if count > _MATRIX_CLASSES:
            return []
        log_q = self.scores - np.asarray(log_normalizer(Logits(self.scores)))[:, None]
        found: list[tuple[float, float]] = []
        for k in range(count):
            scores = log_q[:, k] - np.log(-np.expm1(np.minimum(log_q[:, k], 0.0)))
            target = self.target[:, k] if self.target.ndim == 2 else self.target == k
            fit = Answers(scores, target.astype(np.float64), self.weight)
            least = fit.recalibrated()
            found.append((fit.uncertainty() - least, fit.loss - least))
        return found

    def _by_temperature(self, fitted: Array, other: Array) -> float:
        temperature, _ = Classes(
            self.scores[fitted], self.target[fitted], self.weight[fitted]
        ).temperature()
        return float(cross_entropy(self._target(other), Logits(self.scores[other] / temperature)))

    def _by_matrix(self, fitted: Array, other: Array) -> float:
        fitted = fitted[:_MATRIX_EVENTS]
        log_z = np.asarray(log_normalizer(Logits(self.scores)))[:, None]
        hidden = np.maximum(self.scores - log_z, _LEAST)
        count, mean = hidden.shape[1], hidden[fitted].mean(axis=0)
        # Log-probabilities of several classes go up and down together. Turned so that they do not,
        # the search takes a third of the steps; where it starts is the prediction as it is.
        hidden -= mean
        spread, turned = np.linalg.eigh(_over_rows(hidden[fitted], hidden[fitted]) / len(fitted))
        scale = np.sqrt(np.maximum(spread, max(float(spread[-1]), 1.0) * _FLAT))
        hidden = _by_rows(hidden, turned / scale)
        target, given = self._target(fitted), hidden[fitted]

        def recalibrated(x: Array, rows: Array) -> Any:
            weight, bias = x[: count * count].reshape(count, count), x[count * count :]
            return Logits(_by_rows(rows, weight.T) + bias)

        def step(x: Array) -> tuple[float, Array]:
            loss, by_scores = value_and_grad(target, recalibrated(x, given))
            grad: Array = by_scores.scores
            return float(loss), np.concatenate([_over_rows(grad, given).ravel(), grad.sum(axis=0)])

        start = np.concatenate([(scale[:, None] * turned.T).ravel(), mean])
        # L-BFGS-B takes fewer steps, each of which begins threads of OpenBLAS.
        options = {"maxiter": 100}
        found: Any = _optimize().minimize(step, start, jac=True, method="CG", options=options)
        return float(cross_entropy(self._target(other), recalibrated(found.x, hidden[other])))


def _by_rows(rows: Array, matrix: Array) -> Array:
    """Every row times a matrix."""
    found = np.empty((len(rows), matrix.shape[1]))
    step = max(1, _ALONE // matrix.size)
    for start in range(0, len(rows), step):
        np.matmul(rows[start : start + step], matrix, out=found[start : start + step])
    return found


def _over_rows(a: Array, b: Array) -> Array:
    """The sum of the outer products of rows."""
    found = np.zeros((a.shape[1], b.shape[1]))
    step = max(1, _ALONE // found.size)
    for start in range(0, len(a), step):
        found += a[start : start + step].T @ b[start : start + step]
    return found
