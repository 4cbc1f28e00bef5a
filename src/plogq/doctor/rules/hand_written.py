"""PQ021: a loss written out by hand: the log of a softmax, or a mean over the classes."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import HandWritten, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin


@rule("PQ021", "log-of-softmax", Level.WARNING, Sighting)
def log_of_softmax(seen: Sighting) -> Verdict | None:
    """The logarithm of a softmax in a loss, or a hand-written sum over the wrong axis.

    A softmax of scores whose gap exceeds 104 (float32) is exactly 0, and its logarithm -∞: the loss
    is infinite and the gradient NaN. An epsilon or a clip hides that by putting a limit of
    -ln(epsilon) on the loss and 0 in place of the gradient, where it would matter most. log_softmax
    has no such limit. And a mean over all elements of −y log q divides by N · K where the mean over
    the events divides by N.

    ```python title="wrong"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    loss = F.nll_loss(torch.log(F.softmax(scores, dim=1)), torch.randint(0, 10, (8,)))
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    loss = F.nll_loss(F.log_softmax(scores, dim=1), torch.randint(0, 10, (8,)))
    ```
    """
    q = seen.prediction
    if q is None or q.made is not Made.LOG_OF_SOFTMAX or not seen.loss.exclusive:
        return None
    if seen.loss.takes is Takes.PROBABILITIES or q.detached:
        return None  # of one that is measured alone no gradient is lost
    return Verdict(
        f"{seen.loss.name} got the logarithm of a softmax, from {origin(q, seen.place)}: where a "
        "probability underflows to 0 (a gap of 104 in float32) it is -∞, or the limit of an "
        "epsilon, and its gradient NaN or 0",
        "write log_softmax of the scores",
        q.place,
        evidence(seen),
    )


@rule("PQ021", "log-of-softmax", Level.WARNING, HandWritten)
def hand_written_sum(seen: HandWritten) -> Verdict | None:
    """A sum −Σ y log q over the log of a softmax, or divided by the number of classes too."""
    logs = seen.logs
    if seen.broadcast:
        return None
    head = logs.place
    said = (f"the logarithm comes from {origin(logs, seen.place)}",)
    if seen.over_events:
        return Verdict(
            "y log q is summed over the events, axis 0, and its mean is taken over the classes: "
            f"the cross-entropy of {origin(logs, seen.place)} is divided by K where N was meant",
            "sum over the classes, then take the mean over the events: (y * log_q).sum(-1).mean()",
            head,
            said,
        )
    if seen.mean_over_classes:
        k = logs.classes
        less = f"{k:,} times" if k is not None and k > 1 else "K times"
        return Verdict(
            f"the mean of y log q over all elements divides by N · K: the cross-entropy of "
            f"{origin(logs, seen.place)} comes out {less} too small",
            "sum over the classes first, then take the mean: (y * log_q).sum(-1).mean()",
            head,
            said,
        )
    if logs.made is not Made.LOG_OF_SOFTMAX or logs.detached:
        return None
    if logs.by.startswith(("np.", "numpy.")):
        return None  # NumPy has no log_softmax, and no gradient to lose
    return Verdict(
        f"this loss takes the logarithm of a softmax, from {origin(logs, seen.place)}: where a "
        "probability underflows to 0 (a gap of 104 in float32) it is -∞, or the limit of an "
        "epsilon, and its gradient NaN or 0",
        "write log_softmax of the scores, or the framework's softmax cross-entropy",
        head,
        said,
    )
