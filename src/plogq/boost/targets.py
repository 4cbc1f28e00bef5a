"""P of the data that a library hands over: made once for each, and found again each round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import options
from ..errors import PairError, ShapeError
from ..pairing import P
from ..representations.binary import BinaryTarget
from ..representations.wrappers import Weighted
from .derivatives import Derivatives

Array = Any
Make = Callable[[Any], P]

# Training data, and as many sets beside it as are watched meanwhile.
_KEPT = 8


class _Known(NamedTuple):
    labels: Array | None
    weight: Array | None
    shape: tuple[int, ...]
    derivatives: Derivatives


class Targets:
    """P itself, for the rows of the training data, or a function that makes P of their labels.

    Labels come as the library keeps them, as floats; where all are whole numbers the function is
    given integers.
    """

    def __init__(self, p: P | Make, gamma: float, name: str) -> None:
        if not isinstance(p, P) and not callable(p):
            raise PairError(
                f"{name} takes P, as in {name}(Probs(p)), or a function that makes P of the labels "
                f"of the data, as in {name}(lambda y: Labels(y)), got {options.shown(p)}"
            )
        self.p, self.name = p, name
        self.gamma = options.not_negative(gamma, "gamma")
        self._known: list[_Known] = []

    def of(self, labels: Array, weight: Array | None, shape: tuple[int, ...]) -> Derivatives:
        """The derivatives for data of these labels and weights, whose scores have this shape."""
        if isinstance(self.p, P):
            labels = None
        weight = None if weight is None or not len(weight) else weight
        for known in self._known:
            if known.shape == shape and _same(known.labels, labels) and _same(known.weight, weight):
                return known.derivatives
        made = self.p if isinstance(self.p, P) else self.p(whole(labels))
        self._check(made, shape)
        if weight is not None:
            each = np.asarray(weight, np.float64)
            if isinstance(made, BinaryTarget) and len(shape) == 2:
                each = np.broadcast_to(each[:, None], shape)
            made = Weighted(made, sample_weight=each)
        found = Derivatives(made, shape, self.gamma)
        known = _Known(_copy(labels), _copy(weight), shape, found)
        self._known = [*self._known[1 - _KEPT :], known]
        return found

    def _check(self, p: Any, shape: tuple[int, ...]) -> None:
        if not isinstance(p, P):
            raise PairError(
                f"the function given to {self.name} makes P of the labels, Labels(y) or Probs(p) "
                f"or BinaryProbs(y), and returned {options.shown(p)}"
            )
        yes_no = isinstance(p, BinaryTarget)
        rows = (p.arrays()[0].shape if yes_no else p.events())[:1]
        if rows != shape[:1] and isinstance(self.p, P):
            raise ShapeError(
                f"P has {rows[0] if rows else 'no'} rows and the data {shape[0]}: it is P of the "
                f"training data alone. For other data give {self.name} a function that makes P of "
                f"its labels, as in {self.name}(lambda y: Labels(y)); where these say less than P, "
                f"let them number the rows, as in {self.name}(lambda i: Probs(p[i]))"
            )


def whole(labels: Array) -> Array:
    """Labels as integers, where all of them are whole."""
    found = np.asarray(labels)
    if found.dtype.kind == "f" and found.size and np.isfinite(found).all():
        integers = found.astype(np.int64)
        return integers if (integers == found).all() else found
    return found


def _copy(x: Array | None) -> Array | None:
    return None if x is None else np.array(x)


def _same(known: Array | None, given: Array | None) -> bool:
    if known is None or given is None:
        return known is given
    return np.array_equal(known, given)
