"""PQ011: the classes lie on another axis than the loss takes them from."""

from __future__ import annotations

from ..contracts import Holds, Takes
from ..facts import Array, HandWritten, Made, Sighting, place_of
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin, where

_HEADS = {Made.SOFTMAX, Made.LOG_SOFTMAX, Made.SCORES, Made.LOG_OF_SOFTMAX}


@rule("PQ011", "wrong-class-axis", Level.ERROR, Sighting, hides=("PQ006", "PQ014", "PQ021"))
def wrong_class_axis(seen: Sighting) -> Verdict | None:
    """The classes lie on another axis than the loss takes them from, or a view tore them apart.

    PyTorch's losses over classes take axis 1, all others the last one. Scores of shape (B, T, K)
    are then read as T classes. A softmax over axis 0 makes the events of a batch compete: each
    column sums to 1 over the batch, so the loss depends on who else is in it. And
    `view(B, K, T)` of scores (B, T, K) does not move an axis: it deals the numbers out anew, and
    most land under another event and class. `transpose` or `permute` moves an axis.

    ```python title="wrong"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(16, 10)(torch.randn(4, 7, 16))
    loss = F.cross_entropy(scores.view(4, 10, 7), torch.randint(0, 10, (4, 7)))
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(16, 10)(torch.randn(4, 7, 16))
    loss = F.cross_entropy(scores.transpose(1, 2), torch.randint(0, 10, (4, 7)))
    ```
    """
    q = seen.prediction
    if q is None or q.made not in _HEADS or not seen.loss.exclusive:
        return None
    if q.scrambled is not None:
        return Verdict(
            f"the reshape on {where(q.scrambled.place, seen.place)} deals the scores of "
            f"{origin(q, seen.place)} out anew: most land under another event and class, and "
            f"{seen.loss.name} compares them with the labels of others",
            "move the class axis with transpose, permute or moveaxis; a reshape only merges or "
            "splits neighbours",
            q.place,
            evidence(seen),
        )
    axis = _axis_of(seen, q)
    if q.across is not None and seen.loss.takes is not Takes.SCORES:
        return _over_other(seen, q, q.across)
    if q.axis is None or axis is None:
        return None
    normalised = seen.loss.takes is not Takes.SCORES and q.made in (Made.SOFTMAX, Made.LOG_SOFTMAX)
    p = seen.target
    rows = p is not None and p.kind == "int" and bool(p.rank) and seen.loss.holds is Holds.INDEX
    if normalised and q.axis == 0 and (q.batched or rows) and (q.rank is None or q.rank >= 2):
        return _over_other(seen, q, 0)
    here, there = place_of(q.axis, q.rank), place_of(axis, q.rank)
    if here is None or there is None or here == there or q.rank is None or q.rank < 2:
        return None
    if q.made is Made.LOG_SOFTMAX and q.rank == 2 and here == 0:
        return _over_other(seen, q, 0)  # with classes first, labels would be too few or too many
    if q.made is Made.SCORES and q.rank < 3:
        return None  # CLIP's transposed scores have classes on both axes
    if seen.loss.takes is Takes.SCORES and q.made is Made.SOFTMAX:
        return None  # a softmax twice is the worse of the two
    if q.made is Made.SCORES and _fits(seen, q, here, there):
        return None  # a last layer over another axis, such as that of time
    return Verdict(
        f"{seen.loss.name} takes the classes from axis {axis}, but {origin(q, seen.place)} has "
        f"them on axis {here} of {q.rank}: it takes {_length(q, there)} for the number of classes",
        f"move them: .transpose({there}, {here}), or flatten the events: .reshape(-1, K)",
        q.place,
        evidence(seen),
    )


@rule("PQ011", "wrong-class-axis", Level.ERROR, HandWritten, hides=("PQ021",))
def wrong_axis_by_hand(seen: HandWritten) -> Verdict | None:
    """A hand-written loss over a softmax of another axis than that of the classes."""
    logs, p = seen.logs, seen.target
    if logs.made not in (Made.LOG_SOFTMAX, Made.LOG_OF_SOFTMAX):
        return None
    over = logs.across
    if p is not None and p.made is Made.ONE_HOT:
        rank = logs.rank or p.rank or 2
        here, there = place_of(logs.axis, rank), place_of(p.axis, rank)
        over = here if here is not None and there is not None and here != there else None
    if over is None:
        return None
    what = "the events of the batch" if over == 0 else "another axis than that of the classes"
    return Verdict(
        f"the softmax in {origin(logs, seen.place)} is over axis {over}, {what}: each event's "
        "probabilities do not sum to 1, and depend on the others in the batch",
        "apply it over the classes: axis=-1 (dim=-1), with keepdims where it is divided by hand",
        logs.place,
        (f"the logarithm comes from {origin(logs, seen.place)}",),
    )


def _axis_of(seen: Sighting, q: Array) -> int | None:
    """The class axis of the loss, by its options."""
    given = seen.options.get("axis")
    if isinstance(given, int):
        return given
    if seen.loss.axis == 1 and q.rank == 1:
        return 0
    return seen.loss.axis


def _fits(seen: Sighting, q: Array, here: int, there: int) -> bool:
    """Whether the target has the shape that the loss's axis leaves, and could not have another."""
    p = seen.target
    if p is None or p.shape is None or q.shape is None or q.shape[here] == q.shape[there]:
        return False
    rest = q.shape[:there] + q.shape[there + 1 :]
    known = all(isinstance(n, int) for n in (*rest, *p.shape))
    return known and p.shape in (rest, q.shape)


def _length(q: Array, axis: int) -> str:
    length = q.shape[axis] if q.shape is not None else None
    return str(length) if isinstance(length, int) else f"the length of axis {axis}"


def _over_other(seen: Sighting, q: Array, axis: int) -> Verdict:
    over = "the events of the batch" if axis == 0 else "another axis than that of the classes"
    takes, so, instead = (
        "a distribution",
        "an event's probabilities no longer sum to 1, and what they are",
        "",
    )
    if seen.loss.takes is Takes.SCORES:
        takes, so, instead = "scores", "what it gets for an event", ", or leave it to the loss"
    return Verdict(
        f"{origin(q, seen.place)} is a softmax over axis {axis}, {over}, but {seen.loss.name} "
        f"takes {takes} over the classes: {so} depends on the others in the batch",
        f"apply it over the classes: dim=-1 (axis=-1){instead}",
        q.place,
        evidence(seen),
    )
