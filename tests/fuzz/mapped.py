"""A program over one event of the first axis, for vmap: which axis of each array is taken away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .program import (
    Arrays,
    Linear,
    Prediction,
    Probs,
    Program,
    Smoothed,
    Stored,
    Target,
    Weighted,
    YesNo,
    base,
    names_of_p,
)

Axes = dict[str, int | None]


def mapped(program: Program) -> tuple[Program, Axes] | None:
    """The program of one event and the axes that events lie on, or None where that is not it."""
    if program.reduction != "none" or not program.events or program.events[0] == 0:
        return None
    if program.function == "entropy" or (isinstance(program.p, YesNo) and len(program.events) == 0):
        return None
    axes: Axes = dict.fromkeys(program.arrays)
    q = None if program.q is None else _prediction(program.q, program.arrays, axes)
    p = None if program.p is None else _target(program.p, program.arrays, axes)
    if p is not None and isinstance(base(p), YesNo) and len(program.events) == 1:
        # Class weights that line up with the only axis of the events go with it.
        for name in names_of_p(p):
            if axes[name] is None and program.arrays[name].shape == program.events:
                axes[name] = 0
    inner = replace(program, p=p, q=q, events=program.events[1:])
    return inner, axes


def _without(axis: int, ndim: int) -> tuple[int, int]:
    """Where the events lie, and the class axis once their first one is gone."""
    axis %= ndim
    return (1, 0) if axis == 0 else (0, axis - ndim)


def _prediction(q: Prediction, arrays: Arrays, axes: Axes) -> Prediction:
    if isinstance(q, Linear):
        axes[q.hidden] = 0
        return q
    if isinstance(q, Stored):
        axes[q.array], axis = _without(q.axis, arrays[q.array].ndim)
        return replace(q, axis=axis)
    axes[q.array] = 0
    return q


def _target(p: Target, arrays: Arrays, axes: Axes) -> Target:
    if isinstance(p, Smoothed):
        return replace(p, target=_target(p.target, arrays, axes))
    if isinstance(p, Weighted):
        if p.sample is not None:
            axes[p.sample] = 0
        return replace(p, target=_target(p.target, arrays, axes))
    if isinstance(p, Probs):
        axes[p.probs], axis = _without(p.axis, arrays[p.probs].ndim)
        return replace(p, axis=axis)
    held: dict[str, Any] = vars(p)
    for name in (held.get("index"), held.get("probs")):
        if name is not None:
            axes[name] = 0
    return p
