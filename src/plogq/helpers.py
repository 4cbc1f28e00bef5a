"""The six helpers that people know, a line each: names for six ways to write down P and Q."""

from __future__ import annotations

from math import inf
from typing import Any

from . import callers, checks, elsewhere
from .definition import cross_entropy
from .errors import DtypeError, PairError
from .fits import kinds_swapped
from .frameworks import verbs
from .representations.binary import BinaryLogits, BinaryProbs
from .representations.predictions import Logits
from .representations.targets import Labels, Probs

_OPTIONS = {"reduction", "normalizer", "z_loss"}
_WRITTEN: dict[type, tuple[str, str]] = {
    Labels: ("Labels(y)", ""),
    Probs: ("Probs(p)", "Probs(q)"),
    Logits: ("", "Logits(z)"),
    BinaryProbs: ("BinaryProbs(y)", "BinaryProbs(q)"),
    BinaryLogits: ("", "BinaryLogits(z)"),
}


def binary_cross_entropy(y: Any, q: Any, **options: Any) -> Any:
    """H for yes/no targets y and probabilities q: `cross_entropy(BinaryProbs(y), BinaryProbs(q))`.

    Shapes match; options, dtypes, errors and units (nats) are those of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.binary_cross_entropy([1.0], [0.8]).round(6)
        np.float64(0.223144)
    """
    return _loss("binary_cross_entropy", BinaryProbs, BinaryProbs, y, q, options)


def categorical_cross_entropy(p: Any, q: Any, **options: Any) -> Any:
    """H for rows of probabilities p and q: `cross_entropy(Probs(p), Probs(q))`.

    Shapes match; options, dtypes, errors and units (nats) are those of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.categorical_cross_entropy([[0.0, 1.0, 0.0]], [[0.1, 0.8, 0.1]]).round(6)
        np.float64(0.223144)
    """
    return _loss("categorical_cross_entropy", Probs, Probs, p, q, options)


def sparse_categorical_cross_entropy(y: Any, q: Any, **options: Any) -> Any:
    """H for class indices y and rows of probabilities q: `cross_entropy(Labels(y), Probs(q))`.

    y has the shape of q less its last axis; all else is that of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.sparse_categorical_cross_entropy([1], [[0.1, 0.8, 0.1]]).round(6)
        np.float64(0.223144)
    """
    return _loss("sparse_categorical_cross_entropy", Labels, Probs, y, q, options)


def sigmoid_cross_entropy(y: Any, z: Any, **options: Any) -> Any:
    """H for yes/no targets y and scores z: `cross_entropy(BinaryProbs(y), BinaryLogits(z))`.

    Shapes match; options, dtypes, errors and units (nats) are those of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.sigmoid_cross_entropy([1.0], [2.0]).round(6)
        np.float64(0.126928)
    """
    return _loss("sigmoid_cross_entropy", BinaryProbs, BinaryLogits, y, z, options)


def softmax_cross_entropy(p: Any, z: Any, **options: Any) -> Any:
    """H for rows of probabilities p and scores z: `cross_entropy(Probs(p), Logits(z))`.

    Shapes match; options, dtypes, errors and units (nats) are those of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.softmax_cross_entropy([[0.0, 1.0, 0.0]], [[2.0, 5.0, 1.0]]).round(6)
        np.float64(0.065884)
    """
    return _loss("softmax_cross_entropy", Probs, Logits, p, z, options)


def sparse_softmax_cross_entropy(y: Any, z: Any, **options: Any) -> Any:
    """H for class indices y and scores z: `cross_entropy(Labels(y), Logits(z))`.

    y has the shape of z less its last axis; all else is that of `cross_entropy`.

    Examples:
        >>> import plogq
        >>> plogq.sparse_softmax_cross_entropy([1], [[2.0, 5.0, 1.0]]).round(6)
        np.float64(0.065884)
    """
    return _loss("sparse_softmax_cross_entropy", Labels, Logits, y, z, options)


def _loss(helper: str, kind: type, of: type, p: Any, q: Any, options: dict[str, Any]) -> Any:
    """`cross_entropy(kind(p), of(q))`, or what is wrong in the words of the helper."""
    if options and not options.keys() <= _OPTIONS:
        others = {name: value for name, value in options.items() if name not in _OPTIONS}
        elsewhere.refuse(helper, others, _WRITTEN[kind][0], _WRITTEN[of][1])
    try:
        target, prediction = kind(p), of(q)
        loss = cross_entropy(target, prediction, **options)
    except DtypeError as error:
        if kinds_swapped(p, q):
            raise PairError(_swapped(helper, kind, of)) from None
        if kind is Labels and callers.in_keras():
            from_logits = "from_logits=True" if of is Logits else ""
            raise DtypeError(
                f"{error}; Keras hands every loss its labels as floats: in compile write "
                f"loss=plogq.compat.keras.SparseCategoricalCrossentropy({from_logits})"
            ) from None
        raise
    if of in (Probs, BinaryProbs) and _hard_prediction(loss, target, prediction):
        raise PairError(
            f"{_swapped(helper, kind, of)}; here Q is all 0 and 1, P is not, and the loss is ∞: if "
            f"that is meant, write cross_entropy({_WRITTEN[kind][0]}, {_WRITTEN[of][1]})"
        )
    return loss


def _swapped(helper: str, kind: type, of: type) -> str:
    p, q = _WRITTEN[kind][0][-2], _WRITTEN[of][1][-2]
    return (
        "P and Q look swapped: plogq takes what is true first and what is predicted second, as in "
        f"{helper}({p}, {q})"
    )


def _hard_prediction(loss: Any, p: Any, q: Any) -> bool:
    """Whether a loss is infinite as it is where targets of 0 and 1 stand for the prediction."""
    xp = verbs(loss)
    if not checks.checked(xp, loss) or not (xp.host(loss) == inf).any():
        return False
    if isinstance(p, Labels) or not (checks.known(xp, q.probs) and checks.known(xp, p.probs)):
        return False
    return checks.marks(xp.host(q.probs)) and not checks.marks(xp.host(p.probs))
