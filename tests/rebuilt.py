"""Representations taken apart into arrays and put together from others, on any framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plogq
from plogq.representations.binary import SmoothedBinary, WeightedBinary
from plogq.representations.tempered import Divided

Change = Callable[[Any], Any]

# Under these names the representations hold their arrays.
HELD = ("index", "probs", "scores", "log_probs", "hidden", "weight", "bias")
WEIGHTS = ("sample_weight", "class_weight", "to")


def rebuilt(r: Any, change: Change) -> Any:
    """The same P or Q with `change` of every array in place of it."""
    if isinstance(r, plogq.Smoothed | SmoothedBinary):
        to: Any = r.to
        if isinstance(r, plogq.Smoothed):
            to = r.over or (None if to is None else change(to))
        return plogq.Smoothed(rebuilt(r.target, change), r.epsilon, to=to)
    if isinstance(r, plogq.Weighted | WeightedBinary):
        sides = r.class_weight
        if isinstance(sides, tuple):
            sides = tuple(w if isinstance(w, float) else change(w) for w in sides)
        elif sides is not None:
            sides = change(sides)
        sample = None if r.sample_weight is None else change(r.sample_weight)
        inner: Any = rebuilt(r.target, change)
        return plogq.Weighted(inner, sample_weight=sample, class_weight=sides)
    if isinstance(r, Divided):
        return plogq.Tempered(rebuilt(r.prediction, change), r.temperature)
    if isinstance(r, plogq.LinearLogits):
        bias = None if r.bias is None else change(r.bias)
        options = {n: getattr(r, n) for n in plogq.LinearLogits.settings}
        return plogq.LinearLogits(change(r.hidden), change(r.weight), bias, **options)
    if isinstance(r, plogq.SparseProbs):
        return plogq.SparseProbs(change(r.index), change(r.probs), tail=r.tail)
    named = ("axis", "softcap", "ignore", "tolerance")
    options = {n: getattr(r, n) for n in named if hasattr(r, n)}
    (held,) = (getattr(r, n) for n in HELD if hasattr(r, n))
    return type(r)(change(held), **options)


def arrays(r: Any) -> list[Any]:
    """Every array that a representation holds, those of what it wraps first."""
    inside = next((getattr(r, n) for n in ("target", "prediction") if hasattr(r, n)), None)
    inner = [] if inside is None else arrays(inside)
    each = [getattr(r, n, None) for n in (*HELD, *WEIGHTS)]
    flat = [x for held in each for x in (held if isinstance(held, tuple) else (held,))]
    return [*inner, *(x for x in flat if hasattr(x, "shape"))]
