"""P and Q where both are predictions: what they come down to, and who does not meet so."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..algebra.measure import Measure
from ..algebra.scores import BinaryScores, Scores
from ..errors import PairError, ShapeError
from ..frameworks import Verbs, verbs
from .base import BinaryPrediction, Look
from .binary import BinaryProbs, WeightedBinary
from .predicted import Predicted, PredictedBinary, named, shown
from .predictions import ShardedLogits
from .targets import Probs, both_weights
from .wrappers import Weighted


class Meeting(NamedTuple):
    """P as a prediction, and the weight of every event (None: 1)."""

    p: Predicted | PredictedBinary
    weight: Any


def meeting(p: Any) -> Meeting | None:
    """P taken apart, if it is a prediction with at most weights of events around it."""
    weight: Any = None
    while isinstance(p, Weighted | WeightedBinary) and p.class_weight is None:
        if p.sample_weight is not None:
            weight = both_weights(verbs(p.sample_weight), p.sample_weight, weight)
        p = p.target
    return Meeting(p, weight) if isinstance(p, Predicted | PredictedBinary) else None


def predicted(p: Any) -> bool:
    """Whether there is a prediction in a target, whatever is around it."""
    while hasattr(p, "target"):
        p = p.target
    return isinstance(p, Predicted | PredictedBinary)


def on_last_axis(xp: Verbs, scores: Any) -> Any:
    """Scores of yes/no outcomes as those of two classes, 0 and z, on an axis of their own."""
    if not isinstance(scores, BinaryScores):
        return scores
    z = xp.statistics(scores.array)
    second = xp.indices(xp.full((*xp.shape(z), 1), 1.0, z))
    both = xp.cast_like(xp.scatter(second, xp.expand(z), 2), z)
    return Scores("logits", both, z.ndim)


def weights_of(xp: Verbs, events: tuple[int, ...], weight: Any, like: Any) -> Measure:
    """The weight of every event as a measure."""
    if weight is not None and xp.shape(weight) != events:
        raise ShapeError(
            f"sample_weight must have the shape of the events {events}, got {xp.shape(weight)}; "
            "nothing is broadcast"
        )
    index = xp.indices(xp.full((*events, 1), 0.0, like))
    value = None if weight is None else xp.expand(xp.weights(weight))
    return Measure(events, 1, index, value)


def check_meeting(mine: Any, q: Any, look: Look) -> None:
    """Refuse two predictions of other kinds, events or classes.

    Raises:
        PairError, ShapeError: with both of them in words.
    """
    if isinstance(mine, PredictedBinary) is not isinstance(q, BinaryPrediction):
        raise PairError(
            f"P is {mine.needs()}, and Q is {shown(q)}: one is over exclusive classes and the "
            "other over independent yes/no outcomes; give two of a kind"
        )
    theirs = mine.look()
    if theirs.events != look.events:
        raise ShapeError(
            f"P is {mine.needs()}, and Q is {shown(q)}: their events {theirs.events} and "
            f"{look.events} are not the same; nothing is broadcast"
        )
    if theirs.classes != look.classes:
        raise ShapeError(
            f"P has {theirs.classes} classes ({mine.needs()}) and Q has {look.classes} ({shown(q)})"
        )


def refuse_side(q: Any) -> None:
    """Refuse what does not stand beside a prediction as P.

    Raises:
        PairError: with what to write instead.
    """
    if isinstance(q, Probs | BinaryProbs):
        scores = "LogProbs(log(q))" if isinstance(q, Probs) else "BinaryLogits(log(q / (1 - q)))"
        raise PairError(
            "P is a prediction and Q probabilities: these look swapped, plogq takes what is true "
            "first and what is predicted second, as in cross_entropy(Probs(p), Logits(z)); if they "
            f"are not, write {scores} for Q"
        )


def split_alike(sides: list[Any]) -> bool:
    """Whether predictions lie over ranks.

    Raises:
        PairError: one does and the other does not, or over other ranks.
    """
    groups = [
        (
            isinstance(q, ShardedLogits) or getattr(q, "group", None) is not None,
            getattr(q, "group", None),
        )
        for q in sides
    ]
    if any(other != groups[0] for other in groups):
        raise PairError(
            "two predictions meet over ranks where both have the same classes on the same ranks of "
            f"one group, got {' and '.join(named(q) for q in reversed(sides))}: write both as "
            "ShardedLogits(z, group=group) or LinearLogits(…, group=group); of one that is whole "
            "give the classes of this rank, ShardedLogits(t[..., first:last], group=group)"
        )
    return groups[0][0]
