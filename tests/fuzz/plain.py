"""The definition in 60 digits, word for word: what the 80-bit reference is held to.

Arrays are of mpmath's numbers, so that one of them can be moved by less than any float could.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from mpmath import MPContext

from .program import (
    Array,
    Labels,
    Program,
    Smoothed,
    Sparse,
    Stored,
    Target,
    Weighted,
    YesNo,
    YesNoScores,
)

mp = MPContext()
mp.dps = 60
Row = list[Any]


def exact(program: Program) -> Program:
    """The program with every number as it is, in an array of objects."""
    arrays: dict[str, Array] = {}
    for name, x in program.arrays.items():
        arrays[name] = np.empty(x.shape, object)
        for at in np.ndindex(x.shape):
            arrays[name][at] = int(x[at]) if x.dtype.kind in "iub" else mp.mpf(float(x[at]))
    return replace(program, arrays=arrays)


def _rows(x: Array, axis: int = -1) -> Array:
    last = np.moveaxis(x, axis, -1)
    return last.reshape(int(np.prod(last.shape[:-1], dtype=int)), last.shape[-1])


def masses(p: Target | None, program: Program, event: int) -> Row:
    """P of one event over the classes."""
    arrays, k = program.arrays, program.classes
    if isinstance(p, Smoothed):
        row, share = masses(p.target, program, event), mp.mpf(p.epsilon)
        return [(1 - share) * w + share * mp.fsum(row) / k for w in row]
    if isinstance(p, Weighted):
        row = masses(p.target, program, event)
        if p.sample is not None:
            row = [arrays[p.sample].reshape(-1)[event] * w for w in row]
        if isinstance(p.classes, str):
            return [c * w for c, w in zip(arrays[p.classes], row, strict=True)]
        if p.classes is not None:
            last = event % program.events[-1] if program.events else 0
            sides = [arrays[c][last] if isinstance(c, str) else mp.mpf(c) for c in p.classes]
            return [c * w for c, w in zip(sides, row, strict=True)]
        return row
    if isinstance(p, Labels):
        y = arrays[p.index].reshape(-1)[event]
        return [mp.mpf(int(j == y and y != p.ignore)) for j in range(k)]
    if isinstance(p, YesNo):
        y = mp.mpf(arrays[p.probs].reshape(-1)[event])
        return [1 - y, y]
    if isinstance(p, Sparse):
        row = [mp.mpf(0)] * k
        listed = zip(_rows(arrays[p.index])[event], _rows(arrays[p.probs])[event], strict=True)
        for j, w in listed:
            row[j] += w
        return row
    assert p is not None
    return list(_rows(arrays[p.probs], p.axis)[event])


def scores(program: Program, event: int) -> tuple[Row, bool]:
    """The scores of Q, or its log-probabilities, and which of the two they are."""
    q, arrays = program.q, program.arrays
    if isinstance(q, YesNoScores):
        x = arrays[q.array].reshape(-1)[event]
        return (
            ([mp.mpf(0), x], True) if q.kind == "BinaryLogits" else ([_log(1 - x), _log(x)], False)
        )
    if isinstance(q, Stored):
        row = list(_rows(arrays[q.array], q.axis)[event])
        if q.kind == "Probs":
            return [_log(x) for x in row], False
    else:
        assert q is not None
        hidden = _rows(arrays[q.hidden])[event]
        row = [mp.fsum(a * b for a, b in zip(hidden, w, strict=True)) for w in arrays[q.weight]]
        if q.bias is not None:
            row = [s + b for s, b in zip(row, arrays[q.bias], strict=True)]
    if q.softcap is not None:
        row = [mp.mpf(q.softcap) * mp.tanh(s / mp.mpf(q.softcap)) for s in row]
    return row, getattr(q, "kind", "Logits") == "Logits"


def _log(x: Any) -> Any:
    return mp.log(x) if x else -mp.inf


def losses(program: Program) -> Row:
    """-Σ p log q of every event, with c · mass · log² Z on top."""
    found: Row = []
    for event in range(int(np.prod(program.events, dtype=int))):
        p, (s, scored) = masses(program.p, program, event), scores(program, event)
        log_z = mp.log(mp.fsum(mp.exp(x) for x in s)) if scored else mp.mpf(0)
        loss = mp.fsum(w * (log_z - x) for w, x in zip(p, s, strict=True) if w)
        found.append(loss + mp.mpf(program.z_loss) * mp.fsum(p) * log_z**2)
    return found


def value(program: Program) -> Any:
    """The sum of the losses, or their mean by mass."""
    total = mp.fsum(losses(program))
    if program.reduction != "mean" or program.normalizer is not None:
        return total
    events = range(int(np.prod(program.events, dtype=int)))
    return total / mp.fsum(mp.fsum(masses(program.p, program, i)) for i in events)


def slope(program: Program, name: str, at: tuple[int, ...]) -> Any:
    """∂/∂x of the value by central differences, x one number of one array."""
    with mp.workdps(120):
        held = exact(program)
        x = held.arrays[name][at]
        step = mp.mpf(10) ** -30 * max(abs(x), mp.mpf(10) ** -3)
        ends = []
        for moved in (x + step, x - step):
            held.arrays[name][at] = moved
            ends.append(value(held))
        return (ends[0] - ends[1]) / (2 * step)
