"""What jax.vmap makes of a pair: one more axis of events, where that is what the batch is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ...algebra.measure import Measure
from ...algebra.yes_no import BinaryMeasure
from .calls import Array, Arrays, Call


def batched(
    primitive: Any, function: Callable[..., Any], alone: bool = False
) -> Callable[..., Any]:
    """The rule that makes a batch one more axis of events, or maps the formula over it.

    `alone` says that what is returned for a weight belongs to one batch.
    """

    def rule(arrays: Arrays, axes: Any, *, call: Call) -> tuple[Any, Any]:
        moved = _as_events(call, arrays, axes)
        if moved is None or (alone and call.scores[0] == "linear"):
            found = jax.vmap(partial(function, call=call), tuple(axes))(*arrays)
        else:
            found = primitive.bind(*moved[1], call=moved[0])
        return found, [0] * len(found)

    return rule


def _as_events(call: Call, arrays: Arrays, axes: Any) -> tuple[Call, list[Array]] | None:
    """The call with the batch as the first axis of its events, if Q has that axis."""
    if call.scores[0] == "versus":
        return None
    size = next(x.shape[a] for x, a in zip(arrays, axes, strict=True) if a is not None)
    by_class, found = _by_class(call), []
    for i, (x, axis) in enumerate(zip(arrays, axes, strict=True)):
        if (axis is None) != (i in by_class) and (i in by_class or i == call.of_p()):
            # Classes that differ from batch to batch; or scores that do not, of which the formula
            # needs no copies.
            return None
        if i in by_class:
            found.append(x)
        else:
            spread = axis is None
            found.append(
                jnp.broadcast_to(x, (size, *x.shape)) if spread else jnp.moveaxis(x, axis, 0)
            )
    measure, scores = call.measure, call.scores
    if measure[0] is Measure:
        measure = (Measure, (size, *measure[1]), *measure[2:6], _later(measure[6]))
    if scores[0] == "stored":
        scores = (*scores[:2], _later(scores[2]), *scores[3:])
    return call._replace(measure=measure, scores=scores), found


def _later(axis: int) -> int:
    """The same axis once there is another in front."""
    return axis + 1 if axis >= 0 else axis


def _by_class(call: Call) -> set[int]:
    """Which of the arrays that are present hold something per class, and nothing per event."""
    binary = call.measure[0] is BinaryMeasure
    names = [*(range(2, 6) if binary else (4, *range(7, call.parts, 2)))]
    if call.scores[0] == "linear":
        names += [call.parts + 1, call.parts + 2]
    places = [i for i, there in enumerate(call.present) if there]
    return {places.index(i) for i in names if call.present[i]}
