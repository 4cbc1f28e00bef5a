"""Theano's cross-entropies, `theano.tensor.nnet`, on plain arrays of any framework.

Theano built expressions; these take arrays and return the loss. Nothing is clipped, as there.
"""

from __future__ import annotations

from typing import Any

from .. import BinaryLogits, BinaryProbs, Labels, Probs, cross_entropy
from ..frameworks import as_array
from .declared import EXCLUSIVE, YES_NO, declares
from .plain import as_floats

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sigmoid_binary_crossentropy"]


@declares(
    "theano",
    "binary_crossentropy",
    outcomes=YES_NO,
    target="the probability of yes, of the output's shape",
    prediction="the probability of yes",
    reduction="one loss per outcome",
    call="cross_entropy(BinaryProbs(target), BinaryProbs(output), reduction='none')",
    note="What is predicted comes second in plogq.",
)
def binary_crossentropy(output: Any, target: Any) -> Any:
    """`theano.tensor.nnet.binary_crossentropy`.

    `BinaryProbs(target)` with `BinaryProbs(output)`: -t log o - (1 - t) log(1 - o) for every
    element of two arrays of one shape. The loss is float64 for a float64 output, else float32.

    Raises:
        ShapeError: two shapes; Theano broadcasts.
        ProbabilityError: something outside [0, 1]; Theano does not look.

    Examples:
        >>> from plogq.compat.theano import binary_crossentropy
        >>> binary_crossentropy([0.8, 0.5], [1.0, 0.25]).round(6)
        array([0.223144, 0.693147])
    """
    return cross_entropy(BinaryProbs(target), BinaryProbs(output), reduction="none")


@declares(
    "theano",
    "sigmoid_binary_crossentropy",
    outcomes=YES_NO,
    target="the probability of yes, of the output's shape",
    prediction="scores",
    reduction="one loss per outcome",
    call="cross_entropy(BinaryProbs(target), BinaryLogits(output), reduction='none')",
    note="What is predicted comes second in plogq.",
)
def sigmoid_binary_crossentropy(output: Any, target: Any) -> Any:
    """`theano.tensor.nnet.sigmoid_binary_crossentropy`.

    `BinaryProbs(target)` with `BinaryLogits(output)`: the binary cross-entropy of sigmoid(output)
    for every element of two arrays of one shape. The loss is float64 for a float64 output, else
    float32.

    Raises:
        ShapeError: two shapes; Theano broadcasts.
        ProbabilityError: a target outside [0, 1]; Theano does not look.

    Examples:
        >>> from plogq.compat.theano import sigmoid_binary_crossentropy
        >>> sigmoid_binary_crossentropy([2.0, 0.0], [1.0, 0.25]).round(6)
        array([0.126928, 0.693147])
    """
    return cross_entropy(BinaryProbs(target), BinaryLogits(output), reduction="none")


@declares(
    "theano",
    "categorical_crossentropy",
    outcomes=EXCLUSIVE,
    target="a distribution per event, classes last; or a vector of class indices",
    prediction="probabilities, classes last",
    reduction="one loss per event",
    call="cross_entropy(Probs(true_dist) if true_dist.ndim == coding_dist.ndim else "
    "Labels(true_dist), Probs(coding_dist), reduction='none')",
    quirks=("the number of axes of true_dist says whether it is soft or hard",),
    note="What is predicted comes second in plogq, and the type says which kind P is.",
)
def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Any:
    """`theano.tensor.nnet.categorical_crossentropy`.

    `Probs(true_dist)` with `Probs(coding_dist)` for two arrays of one shape, classes last: one loss
    per event, -Σ_j t_j log c_j. `Labels(true_dist)` where true_dist has one axis less: a vector of
    class indices. The loss is float64 for a float64 coding_dist, else float32.

    Raises:
        TypeError: true_dist is neither, or holds labels that are not integers.
        ShapeError: two shapes.
        LabelError: a label outside the classes; Theano counts a negative one from the end.
        ProbabilityError: a row that is no distribution; Theano does not look.

    Examples:
        >>> from plogq.compat.theano import categorical_crossentropy
        >>> coding_dist = [[0.1, 0.8, 0.1], [0.5, 0.25, 0.25]]
        >>> categorical_crossentropy(coding_dist, [1, 0]).round(6)
        array([0.223144, 0.693147])
        >>> categorical_crossentropy(coding_dist, [[0, 1, 0], [0.5, 0.5, 0]]).round(6)
        array([0.223144, 1.039721])
    """
    q, p = as_array(coding_dist, "coding_dist"), as_array(true_dist, "true_dist")
    if p.ndim == q.ndim:
        return cross_entropy(Probs(as_floats(p, q)), Probs(q), reduction="none")
    if p.ndim == q.ndim - 1:
        return cross_entropy(Labels(p), Probs(q), reduction="none")
    raise TypeError(
        "rank mismatch between coding and true distributions: coding_dist has shape "
        f"{tuple(q.shape)}, and true_dist has that shape for distributions or one axis less for "
        f"class indices, got {tuple(p.shape)}"
    )
