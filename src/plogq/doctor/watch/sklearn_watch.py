"""scikit-learn's log_loss: what it got, from the numbers and their type."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np

from ..contracts import CONTRACTS
from ..facts import Array, Made, Place
from .code import line_of, said
from .evidence import Numbers
from .places import here
from .watch import Watch

_CONTRACT = CONTRACTS["sklearn.metrics.log_loss"]
_HARD = 8  # zeros and ones, before it is asked whether they are decisions


def begin(watch: Watch) -> None:
    """Watch log_loss wherever it is named."""
    import sklearn
    from sklearn.metrics import _classification

    watch.watched["scikit-learn"] = sklearn.__version__
    before = _classification.log_loss

    @functools.wraps(before)
    def log_loss(y_true: Any, y_proba: Any = None, *args: Any, **kwargs: Any) -> Any:
        given = y_proba if y_proba is not None else kwargs.get("y_pred")
        noted: Any = None
        if watch.trusts("scikit-learn"):
            try:
                noted = _note(watch, y_true, given)
            except Exception as error:
                watch.fault("scikit-learn", error)
        if y_proba is not None:
            args = (y_proba, *args)
        try:
            return before(y_true, *args, **kwargs)
        except Exception as error:
            if noted is not None:
                watch.sightings.failed(noted, f"{type(error).__name__}: {error}")
            raise

    for module in (sys.modules["sklearn.metrics"], _classification):
        watch.replace(module, "log_loss", log_loss)


def _note(watch: Watch, y_true: Any, y_pred: Any) -> Any:
    p, q = _numbers(y_true), _numbers(y_pred)
    if p is None or q is None:
        return None
    place, _ = here(3)
    kind = watch.sightings.note(
        _CONTRACT, place, _prediction(q, p, place), _truth(p, q), {}, lambda: q, lambda: p
    )
    return _CONTRACT, place, kind


def _numbers(given: Any) -> Numbers | None:
    values = np.asarray(given)
    return values if values.dtype.kind in "biuf" and values.size else None


def _kind(values: Numbers) -> str:
    return {"b": "bool", "f": "float"}.get(values.dtype.kind, "int")


def _words(values: Numbers) -> str:
    return f"values from {float(values.min()):.4g} to {float(values.max()):.4g}"


def _prediction(q: Numbers, p: Numbers, place: Place) -> Array:
    out = Array(shape=q.shape, kind=_kind(q), by=_words(q))
    if q.dtype.kind in "iub":
        return out.but(made=Made.LABELS if _is_probability(p) else Made.HARD)
    low, high = float(np.nanmin(q)), float(np.nanmax(q))
    if low < -1e-6 or high > 1 + 1e-6:
        return out.but(made=Made.SCORES)
    if q.size >= _HARD and bool(((q == 0) | (q == 1)).all()):
        # So are the probabilities of a grown tree: the code says which they are.
        decided = said("PQ012", place, sys._getframe(1))
        if decided is not None:
            return out.but(made=Made.HARD, by=line_of(decided.head), place=decided.head)
    return out


def _truth(p: Numbers, q: Numbers) -> Array:
    out = Array(shape=p.shape, kind=_kind(p), by=_words(p))
    if _is_probability(p) and q.dtype.kind in "iub":
        return out.but(made=Made.PROBABILITIES, axis=1 if p.ndim == 2 else None)
    return out


def _is_probability(p: Numbers) -> bool:
    """Whether what stands for the truth is a prediction: fractions."""
    if p.dtype.kind != "f":
        return False
    inside = bool(((p >= 0) & (p <= 1)).all())
    return inside and bool((p != np.trunc(p)).any())
