"""P × Q as the C++ kernels are told it: numbers and arrays, by the names of `problem.hpp`.

What exports an array, and in which types its numbers are handed over, is for each framework.
"""

from __future__ import annotations

from typing import Any

from ..algebra.measure import Measure
from ..algebra.scores import BinaryScores, Scores
from ..algebra.yes_no import BinaryMeasure

Array = Any

KINDS = {"logits": 0, "log_probs": 1, "probs": 2}


def stored_told(m: Measure, scores: Scores, flush: bool) -> dict[str, Any]:
    """What is told of P × stored scores over exclusive classes besides its arrays."""
    return {
        "kind": KINDS[scores.kind],
        "softcap": scores.softcap or 0.0,
        "axis": scores.axis,
        "dense_axis": m.axis,
        "entries": 0 if m.index is None else m.index.shape[-1],
        "shard": m.total is not None,
        "flush": flush,
    }


def stored_arrays(m: Measure, scores: Scores, xp: Any) -> dict[str, Array | None]:
    """The arrays of P × stored scores, None where a part is absent.

    `event`, `factor` and `mass` are a number for each event, or one for all of them.
    """
    background = m.background[0] if m.background else None
    with xp.quiet():
        mass = None if m.unit_mass() else m.mass(xp)
    return {
        "scores": scores.array,
        "index": m.index,
        "value": m.value,
        "dense": m.dense,
        "event": m.event,
        "class_weight": m.class_weight,
        "factor": None if background is None else background.factor,
        "spread": None if background is None else background.classes,
        "mass": mass,
    }


def binary_told(m: BinaryMeasure, scores: BinaryScores) -> dict[str, Any]:
    """What is told of P × stored scores of yes/no outcomes besides its arrays."""
    yes_1, yes_0, no_1, no_0 = map(float, (*m.yes, *m.no))
    sides = {"yes_1": yes_1, "yes_0": yes_0, "no_1": no_1, "no_0": no_0}
    return {"kind": KINDS[scores.kind], **sides}
