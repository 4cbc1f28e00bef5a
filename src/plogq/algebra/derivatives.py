"""The closed-form derivatives of a pair, in any framework's verbs, for its autodiff to call.

H is linear in every array of P, and its gradient with respect to the scores is the formula's
backward; what changes along a tangent is the same two, multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .formula import Formula
from .limits import without_junk
from .scores import Projection, Versus
from .versus import slopes_of

Array = Any
Arrays = tuple[Array | None, ...]


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """A kernel and what it is given, without the arrays: those autodiff keeps."""

    kernel: Any
    measure: Any
    scores: Any
    parts: int  # how many of the arrays are P's
    log_z: bool

    def filled(self, arrays: Arrays) -> tuple[Any, Any]:
        return self.measure.filled(arrays[: self.parts]), self.scores.filled(arrays[self.parts :])


def taken_apart(kernel: Any, measure: Any, scores: Any, log_z: bool) -> tuple[Call, Arrays]:
    """What a kernel is given, as its arrays and what it is besides."""
    p, q = measure.arrays(), scores.arrays()
    bare = measure.filled((None,) * len(p)), scores.filled((None,) * len(q))
    return Call(kernel, *bare, len(p), log_z), (*p, *q)


def of_target(formula: Formula, measure: Any, q: Any, needs: Any, d_loss: Any) -> Arrays:
    """The gradients of P's arrays, each in its own dtype, None where none is asked for."""
    xp, scores = formula.xp, formula.stored(q)
    like = scores.arrays()[0]
    events = xp.shape(measure.target) if hasattr(measure, "target") else measure.events
    d_loss = xp.weights(d_loss) + xp.full(events, 0.0, like)
    found = measure.adjoint(formula.costs(scores), d_loss, xp)
    return tuple(
        None if g is None or x is None or not need else xp.cast_like(g, x)
        for g, x, need in zip(found, measure.arrays(), needs, strict=False)
    )


def along_target(formula: Formula, measure: Any, q: Any, tangents: Arrays) -> Array:
    """The change of the loss per event as P's arrays change by `tangents`."""
    return measure.along(formula.costs(q), tangents, formula.xp)


def along_scores(
    formula: Formula, measure: Any, q: Any, tangents: Arrays
) -> tuple[Array, Array] | None:
    """The change of the loss and of log Z per event as Q's arrays change by `tangents`."""
    if isinstance(q, Versus):
        return _along_both(formula, measure, q, tangents)
    change = _moved(formula.xp, q, tangents)
    if change is None:
        return None
    scores = formula.stored(q)
    weightless = formula.weightless(measure, scores)
    if weightless is not None:
        change = without_junk(formula.xp, weightless, change)
    loss, log_z = (
        formula.xp.times(formula.slope(measure, scores, None, *ones), change)
        for ones in ((1.0, 0.0), (0.0, 1.0))
    )
    axis = getattr(scores, "axis", None)
    if axis is None:
        return loss, log_z
    xp = formula.xp
    return xp.sum_classes(xp.to_last(loss, axis)), xp.sum_classes(xp.to_last(log_z, axis))


def _along_both(
    formula: Formula, measure: Any, pair: Versus, tangents: Arrays
) -> tuple[Array, Array]:
    """The same of two predictions, whose arrays are Q's and then P's."""
    xp, total = formula.xp, [formula.xp.full(measure.events, 0.0, pair.arrays()[0])] * 2
    given = iter(tangents)
    changes = [_moved(xp, side, tuple(next(given) for _ in side.arrays())) for side in pair.sides()]
    for i, ones in enumerate(((1.0, 0.0), (0.0, 1.0))):
        slopes = slopes_of(formula, measure, pair, *ones)
        for side, slope, change in zip(pair.sides(), slopes, changes, strict=True):
            if change is not None:
                each = xp.times(slope, xp.weights(change))
                total[i] = total[i] + xp.sum_classes(xp.to_last(each, formula.stored(side).axis))
    return total[0], total[1]


def _moved(xp: Any, q: Any, tangents: Arrays) -> Array | None:
    """The change of the scores."""
    if not isinstance(q, Projection):
        return tangents[0]
    hidden, weight, bias = tangents
    total: Any = None
    if hidden is not None:
        total = xp.matmul(xp.statistics(hidden), xp.to_last(xp.statistics(q.weight), 0))
    if weight is not None:
        part = xp.matmul(xp.statistics(q.hidden), xp.to_last(xp.statistics(weight), 0))
        total = part if total is None else total + part
    if bias is not None:
        total = xp.statistics(bias) if total is None else total + xp.statistics(bias)
    return total
