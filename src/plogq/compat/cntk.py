"""CNTK's cross-entropies, `cntk.losses`, on plain arrays of any framework.

CNTK built functions of a network; these take arrays and return the loss. Nothing is clipped.
"""

from __future__ import annotations

from typing import Any

from .. import BinaryProbs, Logits, Probs, cross_entropy
from ..frameworks import as_array, verbs
from .declared import EXCLUSIVE, YES_NO, declares
from .plain import as_floats

__all__ = ["binary_cross_entropy", "cross_entropy_with_softmax"]


@declares(
    "cntk",
    "binary_cross_entropy",
    outcomes=YES_NO,
    target="the probability of yes, of the output's shape",
    prediction="the probability of yes",
    reduction="sum over everything",
    call="cross_entropy(BinaryProbs(target), BinaryProbs(output), reduction='sum')",
    note="What is predicted comes second in plogq. Soft labels differ from CNTK's own: it takes "
    "-log(t o + (1 - t)(1 - o)), which is the cross-entropy for labels 0 and 1 alone.",
)
def binary_cross_entropy(output: Any, target: Any, name: str = "") -> Any:
    """`cntk.losses.binary_cross_entropy`.

    `BinaryProbs(target)` with `BinaryProbs(output)`, two arrays of one shape, summed over
    everything: Σ -t log o - (1 - t) log(1 - o). `name` named a node of the network and says nothing
    here. The loss is float64 for a float64 output, else float32.

    Raises:
        ShapeError: two shapes.
        ProbabilityError: something outside [0, 1]; CNTK does not look.

    Examples:
        >>> from plogq.compat.cntk import binary_cross_entropy
        >>> binary_cross_entropy([0.8, 0.5], [1.0, 0.25]).round(6)
        np.float64(0.916291)
    """
    return cross_entropy(BinaryProbs(target), BinaryProbs(output), reduction="sum")


@declares(
    "cntk",
    "cross_entropy_with_softmax",
    outcomes=EXCLUSIVE,
    target="a distribution per event",
    prediction="scores",
    reduction="one loss per event, the class axis kept with length 1",
    call="cross_entropy(Probs(target_vector, axis=axis), Logits(output_vector, axis=axis), "
    "reduction='none')",
    quirks=("the class axis stays, with length 1",),
    note="What is predicted comes second in plogq.",
)
def cross_entropy_with_softmax(
    output_vector: Any, target_vector: Any, axis: int = -1, name: str = ""
) -> Any:
    """`cntk.losses.cross_entropy_with_softmax`.

    `Probs(target_vector, axis=axis)` with `Logits(output_vector, axis=axis)`, two arrays of one
    shape: one loss per event, whose class axis stays with length 1. `name` named a node of the
    network and says nothing here. The loss is float64 for float64 scores, else float32.

    Raises:
        ShapeError: two shapes, or no such axis.
        ProbabilityError: a row that is no distribution; CNTK does not look.

    Examples:
        >>> from plogq.compat.cntk import cross_entropy_with_softmax
        >>> cross_entropy_with_softmax([[1.0, 2.0, 3.0, 4.0]], [[0.35, 0.15, 0.05, 0.45]]).round(5)
        array([[1.84019]])
    """
    scores = as_array(output_vector, "output_vector")
    p = Probs(as_floats(target_vector, scores), axis=axis)
    losses = cross_entropy(p, Logits(scores, axis=axis), reduction="none")
    xp = verbs(losses)
    return xp.from_last(xp.expand(losses), axis)
