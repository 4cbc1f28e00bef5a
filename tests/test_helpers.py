"""The six helpers that people know, each against the definition by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import plogq

from .together import for_each

Y = [[0, 1], [1, 1]]
Q = [[0.3, 0.9], [0.25, 0.5]]
Z = [[-0.5, 2.0], [1.0, 0.0]]
P3 = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]
Q3 = [[0.1, 0.8, 0.1], [0.25, 0.25, 0.5]]
Z3 = [[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]]


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(z)))


def softmax(z: Any) -> Any:
    e = np.exp(np.asarray(z))
    return e / e.sum(axis=-1, keepdims=True)


def yes_no(y: Any, q: Any) -> Any:
    y, q = np.asarray(y), np.asarray(q)
    return -y * np.log(q) - (1 - y) * np.log(1 - q)


def soft(p: Any, q: Any) -> Any:
    return -np.sum(np.asarray(p) * np.log(q), axis=-1)


def hard(y: Any, q: Any) -> Any:
    return -np.log(np.asarray(q)[np.arange(len(y)), y])


HELPERS: dict[str, tuple[Callable[..., Any], Any, Any, Any]] = {
    "binary_cross_entropy": (plogq.binary_cross_entropy, Y, Q, yes_no(Y, Q)),
    "sigmoid_cross_entropy": (plogq.sigmoid_cross_entropy, Y, Z, yes_no(Y, sigmoid(Z))),
    "categorical_cross_entropy": (plogq.categorical_cross_entropy, P3, Q3, soft(P3, Q3)),
    "softmax_cross_entropy": (plogq.softmax_cross_entropy, P3, Z3, soft(P3, softmax(Z3))),
    "sparse_categorical_cross_entropy": (
        plogq.sparse_categorical_cross_entropy,
        [1, 2],
        Q3,
        hard([1, 2], Q3),
    ),
    "sparse_softmax_cross_entropy": (
        plogq.sparse_softmax_cross_entropy,
        [1, 2],
        Z3,
        hard([1, 2], softmax(Z3)),
    ),
}


@for_each("name", HELPERS)
def test_each_helper_is_the_definition(name: str) -> None:
    helper, p, q, want = HELPERS[name]
    np.testing.assert_allclose(helper(p, q, reduction="none"), want, rtol=1e-12)
    np.testing.assert_allclose(helper(p, q), want.mean(), rtol=1e-12)
    np.testing.assert_allclose(helper(p, q, reduction="sum"), want.sum(), rtol=1e-12)
    np.testing.assert_allclose(helper(p, q, normalizer=8.0), want.sum() / 8, rtol=1e-12)


def test_there_are_six_and_they_are_public() -> None:
    assert set(HELPERS) == {n for n in plogq.__all__ if n.endswith("_cross_entropy")}
