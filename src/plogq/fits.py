"""Which types would fit what came in place of P and Q, in a sentence."""

from __future__ import annotations

from math import prod
from typing import Any

from . import callers
from .algebra.open_lengths import known
from .errors import DtypeError, ShapeError
from .frameworks import as_array, verbs
from .representations import binary
from .representations.base import BinaryPrediction, Prediction
from .representations.targets import Target


def suggest(p: Any, q: Any, doing: str = "cross_entropy") -> str:
    """Which types would fit what came in place of P and Q."""
    parts: list[str] = []
    if q is not None and kinds_swapped(p, q):
        parts.append(
            "these look swapped: plogq takes what is true first and what is predicted second, as "
            f"in {doing}(Labels(y), Logits(z))"
        )
    if not isinstance(p, Target | binary.BinaryTarget):
        parts.append("P " + _fitting(p, _TARGET_FITS))
    if q is not None and not isinstance(q, Prediction | BinaryPrediction):
        parts.append("Q " + _fitting(q, _PREDICTION_FITS))
    if callers.in_keras():
        parts.append(
            "in compile write loss= one of plogq.compat.keras, such as "
            "plogq.compat.keras.SparseCategoricalCrossentropy(from_logits=True)"
        )
    return f"{doing} takes representations, which say what each array is; " + "; ".join(parts)


def kinds_swapped(p: Any, q: Any) -> bool:
    """Whether P is what a prediction is and Q what a target is, by their types or dtypes."""
    if isinstance(p, Target | binary.BinaryTarget):
        return False
    if isinstance(p, Prediction | BinaryPrediction):
        return isinstance(q, Target | binary.BinaryTarget)
    try:
        scores, labels = as_array(p, "it"), as_array(q, "it")
    except (DtypeError, ShapeError):
        return False
    xp, other = verbs(scores), verbs(labels)
    return xp.is_float(scores) and (other.is_integer(labels) or other.is_bool(labels))


_TARGET_FITS = {
    "integer": "Labels(y) for class indices, or BinaryProbs(y) for yes/no outcomes",
    "bool": "BinaryProbs(y)",
    "float": "Probs(p) for rows of probabilities, or BinaryProbs(y) for yes/no outcomes",
}
_PREDICTION_FITS = {
    "integer": "an array of scores or probabilities as floats, in Logits(z), Probs(q), …",
    "bool": "an array of scores or probabilities as floats, in Logits(z), Probs(q), …",
    "float": (
        "Logits(z) for scores, Probs(q) for probabilities, LogProbs(x) for log-probabilities; "
        "for yes/no outcomes BinaryLogits(z) or BinaryProbs(q)"
    ),
}


def _fitting(value: Any, fits: dict[str, str]) -> str:
    if isinstance(value, Target | Prediction | binary.BinaryLogits):
        return f"came as {type(value).__name__}, which stands on the other side"
    try:
        x = as_array(value, "it")
    except DtypeError:
        return f"came as {type(value).__name__}: write {fits['float']}"
    xp = verbs(x)
    kind = "float" if xp.is_float(x) else "bool" if xp.is_bool(x) else "integer"
    came = f"came as {type(value).__name__} of {xp.dtype_name(x)}, shape {tuple(x.shape)}"
    return f"{came}: write {fits[kind]}"


def reshaped(p: Target, events: tuple[int, ...], shape: tuple[int, ...], axis: int) -> str:
    """What would make labels fit the events of Q, whose array has `shape`."""
    labels = p.events()
    if not known((*labels, *events)):
        return ""
    if prod(labels) == prod(events):
        words = verbs(p.arrays()[0]).words
        return f"write {words['flat'] if len(events) == 1 else words['reshape'].format(events)}"
    if labels == shape:
        return (
            "write Probs(p) if P holds one-hot or soft rows"
            if events
            else "if each is a yes or no of its own write BinaryProbs(y) with BinaryLogits(z)"
        )
    for i in range(len(shape)):
        if i != axis and labels == (*shape[:i], *shape[i + 1 :]):
            return f"if the classes are on axis {i}, write axis={i}"
    return ""
