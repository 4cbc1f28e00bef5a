"""PQ014: labels beside what the loss means."""

from __future__ import annotations

from ..contracts import Holds
from ..facts import Array, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin

_NUMBERS = (Made.LABELS, Made.NUMBERS, Made.DATA, Made.MULTI_HOT, Made.ONE_HOT, Made.THRESHOLD)


@rule("PQ014", "labels-out-of-range", Level.ERROR, Sighting, hides=("PQ015",))
def labels_out_of_range(seen: Sighting) -> Verdict | None:
    """Labels that the loss does not mean: from 1, -1 and +1, 0 to 255, or past the last class.

    Class indices run from 0 to K - 1. Label K is an error on a CPU, undefined on a GPU, NaN or
    another class on JAX (-1 wraps to the last). A yes/no loss takes targets between 0 and 1: with
    -1 for "no" its loss has no lower bound, and with pixels from 0 to 255 neither.

    ```python title="wrong"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    labels = torch.randint(1, 11, (8,))
    try:
        loss = F.cross_entropy(scores, labels)
    except IndexError as error:
        print(error)
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    labels = torch.randint(1, 11, (8,)) - 1
    loss = F.cross_entropy(scores, labels)
    ```
    """
    p, q = seen.target, seen.prediction
    if p is None:
        return None
    if p.made is Made.NORMAL and not seen.loss.exclusive and not p.scaled and q is not None:
        return Verdict(
            f"{seen.loss.name} takes targets between 0 and 1, but got numbers of mean 0, from "
            f"{origin(p, seen.place)}: about half of them lie below 0, and each makes the loss "
            "fall without end as its score falls",
            "bring them to [0, 1], or take a loss for real numbers, such as the mean squared error",
            q.place,
            evidence(seen),
        )
    if p.low is None or p.high is None:
        return None
    if not seen.loss.exclusive:
        return _of_yes_no(seen, p, p.low, p.high)
    if p.made not in (Made.LABELS, Made.NUMBERS) or seen.loss.peer == "sklearn":
        return None
    whole_rows = p.rank is not None and q is not None and p.rank == q.rank and p.kind == "float"
    if seen.loss.holds not in (Holds.INDEX, Holds.EITHER) or whole_rows or q is None:
        return None
    ignored = seen.options.get("ignore_index", seen.options.get("ignore_class", -100))
    k = q.classes
    if ignored == "?":
        return None  # any of the labels may be the one that is ignored
    if k is None or k < 2 or (p.rank is not None and q.rank is not None and p.rank > q.rank):
        return None
    if p.high >= k and p.high != ignored:
        more = (
            f"; with {k + 1} units it would run, and one would never be used" if p.low == 1 else ""
        )
        return Verdict(
            f"{seen.loss.name} has {k} classes, 0 to {k - 1}, but the labels run from {p.low:g} "
            f"to {p.high:g}, from {origin(p, seen.place)}: {_follows(seen)}{more}",
            _for_more(seen, p, k),
            q.place,
            evidence(seen),
        )
    if p.low == 1 and p.high == k - 1 and ignored != 0 and _one_each(p, q):
        return Verdict(
            f"{seen.loss.name} has {k} classes, 0 to {k - 1}, but the labels run from 1 to "
            f"{p.high:g}, from {origin(p, seen.place)}: class 0 never occurs, and takes its share "
            "of every probability",
            "subtract 1 from the labels, and give the head one unit less",
            q.place,
            evidence(seen),
            Level.WARNING,
        )
    if p.low < 0 and p.low != ignored:
        return Verdict(
            f"{seen.loss.name} takes indices from 0, but the labels run from {p.low:g} to "
            f"{p.high:g}, from {origin(p, seen.place)}: {_follows(seen)}",
            "map the labels to 0 … K - 1",
            q.place,
            evidence(seen),
        )
    return None


def _one_each(p: Array, q: Array) -> bool:
    """Whether each event has one label: of rows, 0 may be the padding, which no row has here."""
    rows = (p.rank or 1) > 1 or (q.rank or 2) > 2
    return not rows and not any(s.verb in ("reshape", "slice") for s in (*p.path, *q.path))


def _for_more(seen: Sighting, p: Array, k: int) -> str:
    """What to write where labels lie above the classes."""
    if p.low is not None and p.high is not None and p.low <= 0 and p.high >= 2 * k:
        option = {"torch": "ignore_index", "keras": "ignore_class"}.get(seen.loss.peer)
        how = f"write {option}={p.high:g}" if option else "leave its events out of the mean"
        return f"{how} if {p.high:g} marks what is no class, or give the head {p.high + 1:g} units"
    if p.low is not None and p.low > 0:
        return f"subtract {p.low:g}"
    return f"give the head {(p.high or 0) + 1:g} units"


def _of_yes_no(seen: Sighting, p: Array, low: float, high: float) -> Verdict | None:
    """Targets of a yes/no loss outside [0, 1]."""
    if (low >= 0 and high <= 1) or p.made not in _NUMBERS:
        return None
    follows = (
        "a target of -1 makes the loss fall without end as the score falls"
        if low < 0
        else "a target above 1 makes the loss fall without end as the score grows"
    )
    return Verdict(
        f"{seen.loss.name} takes targets between 0 and 1, but these run from {low:g} to {high:g}, "
        f"from {origin(p, seen.place)}: {follows}",
        "write (y + 1) / 2" if (low, high) == (-1, 1) else "bring them to [0, 1]",
        seen.prediction.place if seen.prediction is not None else None,
        evidence(seen),
    )


def _follows(seen: Sighting) -> str:
    if seen.loss.peer == "optax":
        return "-1 wraps to the last class and K gives NaN, without a word"
    return "an error on a CPU, and on a GPU NaN or a failed assertion"
