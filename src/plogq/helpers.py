"""The six helpers that people know, a line each: names for six ways to write down P and Q."""

from __future__ import annotations

from typing import Any

from .binary import BinaryLogits, BinaryProbs
from .definition import cross_entropy
from .predictions import Logits
from .targets import Labels, Probs


def binary_cross_entropy(y: Any, q: Any, **options: Any) -> Any:
    """H for yes/no targets y and probabilities q: `cross_entropy(BinaryProbs(y), BinaryProbs(q))`.

    Shapes match; options, dtypes, errors and units (nats) are those of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.binary_cross_entropy([1.0], [0.8]).round(6)
        np.float64(0.223144)
    """
    return cross_entropy(BinaryProbs(y), BinaryProbs(q), **options)


def categorical_cross_entropy(p: Any, q: Any, **options: Any) -> Any:
    """H for rows of probabilities p and q: `cross_entropy(Probs(p), Probs(q))`.

    Shapes match; options, dtypes, errors and units (nats) are those of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.categorical_cross_entropy([[0.0, 1.0, 0.0]], [[0.1, 0.8, 0.1]]).round(6)
        np.float64(0.223144)
    """
    return cross_entropy(Probs(p), Probs(q), **options)


def sparse_categorical_cross_entropy(y: Any, q: Any, **options: Any) -> Any:
    """H for class indices y and rows of probabilities q: `cross_entropy(Labels(y), Probs(q))`.

    y has the shape of q less its last axis; all else is that of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.sparse_categorical_cross_entropy([1], [[0.1, 0.8, 0.1]]).round(6)
        np.float64(0.223144)
    """
    return cross_entropy(Labels(y), Probs(q), **options)


def sigmoid_cross_entropy(y: Any, z: Any, **options: Any) -> Any:
    """H for yes/no targets y and scores z: `cross_entropy(BinaryProbs(y), BinaryLogits(z))`.

    Shapes match; options, dtypes, errors and units (nats) are those of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.sigmoid_cross_entropy([1.0], [2.0]).round(6)
        np.float64(0.126928)
    """
    return cross_entropy(BinaryProbs(y), BinaryLogits(z), **options)


def softmax_cross_entropy(p: Any, z: Any, **options: Any) -> Any:
    """H for rows of probabilities p and scores z: `cross_entropy(Probs(p), Logits(z))`.

    Shapes match; options, dtypes, errors and units (nats) are those of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.softmax_cross_entropy([[0.0, 1.0, 0.0]], [[2.0, 5.0, 1.0]]).round(6)
        np.float64(0.065884)
    """
    return cross_entropy(Probs(p), Logits(z), **options)


def sparse_softmax_cross_entropy(y: Any, z: Any, **options: Any) -> Any:
    """H for class indices y and scores z: `cross_entropy(Labels(y), Logits(z))`.

    y has the shape of z less its last axis; all else is that of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.sparse_softmax_cross_entropy([1], [[2.0, 5.0, 1.0]]).round(6)
        np.float64(0.065884)
    """
    return cross_entropy(Labels(y), Logits(z), **options)
