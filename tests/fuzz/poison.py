"""Nonsense for events of mass 0: nothing may change but the gradient by that weight itself."""

from __future__ import annotations

import numpy as np

from .measures import masses
from .program import (
    Array,
    Arrays,
    Labels,
    Linear,
    Probs,
    Program,
    Smoothed,
    Sparse,
    Stored,
    Target,
    Weighted,
    YesNo,
    base,
)
from .values import Rng


def weightless(p: Target, arrays: Arrays, events: tuple[int, ...]) -> Array:
    """[N]: the events that a sample weight of 0 or an ignored label takes out."""
    out = np.zeros(int(np.prod(events, dtype=int)), bool)
    while isinstance(p, Smoothed | Weighted):
        if isinstance(p, Weighted) and p.sample is not None:
            out |= (arrays[p.sample] == 0).reshape(-1)
        p = p.target
    if isinstance(p, Labels) and p.ignore is not None:
        ignored = [int(y) == p.ignore for y in arrays[p.index].reshape(-1)]
        out |= np.array(ignored, bool)
    return out


def poison(rng: Rng, drawn: Program) -> Arrays:
    """Other values for the arrays of P and Q, under their names; empty where every event counts."""
    assert drawn.p is not None
    with np.errstate(all="ignore"):
        mass = masses(drawn.p, drawn.arrays, drawn.events, drawn.classes)[0].sum(1)
    out = weightless(drawn.p, drawn.arrays, drawn.events)
    nothing = out | (mass == 0)
    found: Arrays = {}
    if nothing.any():
        found = _of_q(rng, drawn, nothing)
    if out.any():
        found |= _of_p(rng, drawn, out)
    return found


def _of_q(rng: Rng, drawn: Program, at: Array) -> Arrays:
    q = drawn.q
    if q is None:
        return {}
    if isinstance(q, Linear):
        name, axis, choices = q.hidden, -1, (np.nan, np.inf, 0.0)
    elif isinstance(q, Stored):
        name, axis, choices = q.array, q.axis, (np.nan, np.inf, -np.inf, 0.0, -3.0)
    else:
        name, axis, choices = q.array, None, (np.nan, np.inf, -np.inf, 0.0, -3.0)
    return {name: _filled(rng, drawn.arrays[name], axis, at, choices)}


def _of_p(rng: Rng, drawn: Program, at: Array) -> Arrays:
    assert drawn.p is not None
    p, arrays = base(drawn.p), drawn.arrays
    if isinstance(p, Labels):
        y = arrays[p.index]
        info = np.iinfo(y.dtype)
        if p.ignore is not None:
            # What is ignored stays so; what has weight 0 may be any number.
            at = at & ~np.array([int(v) == p.ignore for v in y.reshape(-1)], bool)
        choices = [v for v in (-1, -100, 255, drawn.classes, info.max) if info.min <= v <= info.max]
        return {p.index: _filled(rng, y, None, at, tuple(choices))}
    if isinstance(p, Sparse):
        top = int(np.iinfo(arrays[p.index].dtype).max)
        return {
            p.probs: _filled(rng, arrays[p.probs], -1, at, (np.nan, 0.0, -1.0, np.inf)),
            p.index: _filled(rng, arrays[p.index], -1, at, (min(drawn.classes, top), top)),
        }
    x = arrays[p.probs]
    if isinstance(p, YesNo):
        if x.dtype.kind == "b":
            return {}
        if x.dtype.kind in "iu":
            odd = (-1 if x.dtype.kind == "i" else 255, 2)
            return {p.probs: _filled(rng, x, None, at, odd)}
        return {p.probs: _filled(rng, x, None, at, (np.nan, 255.0, -1.0, np.inf))}
    assert isinstance(p, Probs)
    return {p.probs: _filled(rng, x, p.axis, at, (np.nan, 0.0, 7.0, -1.0, np.inf))}


def _filled(rng: Rng, x: Array, axis: int | None, at: Array, choices: tuple[float, ...]) -> Array:
    """A copy of x with one of `choices` at the events `at`, in whole rows or in one place."""
    changed = x.copy()
    rows = changed.reshape(-1, 1) if axis is None else np.moveaxis(changed, axis, -1)
    flat = rows.reshape(len(at), -1).copy()
    for i in np.flatnonzero(at):
        odd = choices[int(rng.integers(len(choices)))]
        if rng.random() < 0.5:
            flat[i] = odd
        else:
            flat[i, rng.integers(flat.shape[1])] = odd
    whole = flat.reshape(rows.shape)
    return whole.reshape(x.shape) if axis is None else np.moveaxis(whole, -1, axis).copy()
