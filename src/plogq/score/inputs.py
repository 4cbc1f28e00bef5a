"""A target and a prediction as columns: representations and arrays of any framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ..representations.binary import BinaryLogits, BinaryProbs
from ..representations.predictions import Logits, LogProbs
from ..representations.targets import Labels, Probs
from .codes import distinct
from .column import Array, InputError
from .memory import as_numpy
from .scale import Content
from .survey import Wish

TARGET, PREDICTION = "target", "prediction"


@dataclass(frozen=True, slots=True)
class _Side:
    """An array with the classes on its last axis, if it has them, and what is known of it."""

    values: Array
    content: Content | None = None
    binary: bool = False
    said: bool = False


def columns(
    target: Any, prediction: Any, slices: Mapping[str, Any], more: Mapping[str, Any], wish: Wish
) -> tuple[dict[str, Array], Wish]:
    """The columns `target`, `prediction`, and those of `slices` and `more`, an entry for each
    event; and what the representations say of them.

    Raises:
        InputError: shapes that do not go together, or what is neither an array nor a
            representation of scores or probabilities.
    """
    p, q = _target(target), _prediction(prediction)
    p_values, q_values = _as_events(p, q)
    if not q.said:
        _refuse_chosen(p_values, q_values)
    found = {TARGET: p_values, PREDICTION: q_values}
    for name, values in (*more.items(), *slices.items()):
        if name in found:
            raise InputError(f"{name!r} is the name of another column: choose another one")
        array = as_numpy(values, name).reshape(-1)
        if len(array) != len(q_values):
            raise InputError(
                f"{name} has {len(array):,} values, and there are {len(q_values):,} events"
            )
        found[name] = array
    wish = replace(wish, target=TARGET, prediction=PREDICTION, content=q.content)
    if q.binary:
        wish = replace(wish, binary=q_values.ndim == 1, multilabel=q_values.ndim == 2)
    if isinstance(target, Labels):
        wish = replace(wish, first_label=0, ignore=(*wish.ignored, *_several(target.ignore)))
    if isinstance(target, BinaryProbs) and target.ignore is not None:
        wish = replace(wish, ignore=(*wish.ignored, *_whole(target, q_values)))
    tolerances = [x.tolerance for x in (target, prediction) if isinstance(x, Probs)]
    known = [t for t in tolerances if t is not None]
    if known and wish.tolerance is None:
        wish = replace(wish, tolerance=max(known))
    return found, wish


def _several(ignore: Any) -> tuple[Any, ...]:
    """What is ignored, one mark or several."""
    if ignore is None:
        return ()
    return cast("tuple[Any, ...]", ignore) if isinstance(ignore, tuple) else (ignore,)


def _whole(target: BinaryProbs, prediction: Array) -> tuple[int, ...]:
    """The marks of yes/no outcomes that do not count, as labels of rows."""
    marks = _several(target.ignore)
    whole = [int(m) for m in marks if float(m).is_integer()]
    if len(whole) < len(marks) or prediction.ndim == 2:
        raise InputError(
            "evaluate leaves out whole rows, whose target is a whole number: give a column of "
            "yes/no outcomes with marks such as BinaryProbs(y, ignore=-1), or keep the rows that "
            "count, y[counts] and q[counts]"
        )
    return tuple(whole)


def _target(value: Any) -> _Side:
    if isinstance(value, Labels):
        return _Side(as_numpy(value.index, TARGET), said=True)
    if isinstance(value, Probs):
        return _Side(_last(value.probs, value.axis, TARGET), said=True)
    if isinstance(value, BinaryProbs):
        return _Side(as_numpy(value.probs, TARGET), binary=True, said=True)
    _refuse_others(value, "a target: Labels, Probs or BinaryProbs")
    return _Side(as_numpy(value, TARGET))


def _prediction(value: Any) -> _Side:
    if isinstance(value, Logits):
        if value.softcap is not None:
            raise InputError("Logits with a softcap are not scored: cap them before")
        return _Side(_last(value.scores, value.axis, PREDICTION), "logits", said=True)
    if isinstance(value, LogProbs):
        return _Side(_last(value.log_probs, value.axis, PREDICTION), "log-probs", said=True)
    if isinstance(value, Probs):
        return _Side(_last(value.probs, value.axis, PREDICTION), "probs", said=True)
    if isinstance(value, BinaryProbs):
        return _Side(as_numpy(value.probs, PREDICTION), "probs", binary=True, said=True)
    if isinstance(value, BinaryLogits):
        return _Side(as_numpy(value.scores, PREDICTION), "logits", binary=True, said=True)
    _refuse_others(value, "a prediction: Logits, LogProbs, Probs, BinaryProbs or BinaryLogits")
    return _Side(as_numpy(value, PREDICTION))


def _refuse_others(value: Any, what: str) -> None:
    kind = type(cast("object", value))
    if kind.__module__.startswith("plogq."):
        raise InputError(
            f"{kind.__name__} is not scored; give an array, or as {what} (weights go into weight=)"
        )


def _last(array: Any, axis: int, role: str) -> Array:
    values = as_numpy(array, role)
    return values if values.ndim < 2 else np.moveaxis(values, axis, -1)


def _as_events(p: _Side, q: _Side) -> tuple[Array, Array]:
    """The target, (rows,) or (rows, K), and the prediction alike."""
    truth, values = p.values, q.values
    if not values.ndim or not truth.ndim:
        raise InputError(
            "a single number is no array of events: give one entry for each, such as [0.3]"
        )
    if not values.size:
        raise InputError("the prediction is empty: there is nothing to score")
    if values.ndim > 1 and values.shape[-1] == 1:
        # A column of one, as models of yes/no outcomes put out.
        values = values[..., 0]
        truth = truth[..., 0] if truth.ndim > 1 and truth.shape[-1] == 1 else truth
    if truth.shape == values.shape:
        if values.ndim == 1:
            return truth, values
        return _rows(truth), _rows(values)
    if truth.ndim > 1 and truth.shape[-1] == 1 and truth.shape[:-1] == values.shape[:-1]:
        truth = truth[..., 0]
    if truth.shape != values.shape[:-1]:
        swapped = "; these look swapped, evaluate(target, prediction)"
        raise InputError(
            f"the target has the shape {_shape(p.values)} and the prediction {_shape(q.values)}: "
            "the target has one label for each event, or as many values as the prediction, whose "
            f"classes are on the last axis{swapped if truth.shape[:-1] == values.shape else ''}"
        )
    return truth.reshape(-1), _rows(values)


def _refuse_chosen(truth: Array, values: Array) -> None:
    """Classes in place of how probable they were."""
    if truth.shape != values.shape or values.dtype.kind not in "iubUO":
        return
    if set(distinct(values.reshape(-1))) <= set(distinct(truth.reshape(-1))):
        raise InputError(
            f"the prediction holds classes that were chosen (such as {values.item(0)!r}), and H is "
            "made of how probable each class was: give what predict_proba or a softmax says, or, "
            "if these are probabilities of yes, BinaryProbs(q)"
        )


def _rows(values: Array) -> Array:
    return values.reshape(-1, values.shape[-1])


def _shape(values: Array) -> str:
    return str(tuple(map(int, values.shape)))
