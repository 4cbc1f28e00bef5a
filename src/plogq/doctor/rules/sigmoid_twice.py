"""PQ002: a sigmoid before a yes/no loss that takes scores."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import PROBABILITIES, HandWritten, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin

_IN_0_1 = {Made.SIGMOID, Made.SOFTMAX, Made.PROBABILITIES}
_NEGATIVE = {Made.LOG_SIGMOID, Made.LOG_SOFTMAX, Made.LOG_OF_SOFTMAX}


@rule("PQ002", "sigmoid-before-scores-loss", Level.ERROR, Sighting)
def sigmoid_before_scores_loss(seen: Sighting) -> Verdict | None:
    """A sigmoid before a yes/no loss that takes scores: the loss applies a second one.

    `nn.BCEWithLogitsLoss`, `nn.MultiLabelSoftMarginLoss`,
    `tf.nn.sigmoid_cross_entropy_with_logits`, `optax.sigmoid_binary_cross_entropy` and Keras' with
    `from_logits=True` apply the sigmoid themselves. A number in [0, 1] then stands for a
    probability between 0.5 and 0.731: the model can never say no, and the loss of a "no" is never
    below ln 2 = 0.693. A softmax before such a loss has the same band.

    ```python title="wrong"
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(20, 1), nn.Sigmoid())
    yes = torch.randint(0, 2, (8, 1)).float()
    loss = nn.BCEWithLogitsLoss()(model(torch.randn(8, 20)), yes)
    ```

    ```python title="right"
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(20, 1))
    yes = torch.randint(0, 2, (8, 1)).float()
    loss = nn.BCEWithLogitsLoss()(model(torch.randn(8, 20)), yes)
    ```
    """
    q = seen.prediction
    if q is None or seen.loss.exclusive or seen.loss.takes is not Takes.SCORES:
        return None
    if q.made in _IN_0_1:
        got = "probabilities"
        follows = (
            "the probability that it makes of them stays within 0.5 to 0.731, and the loss of a "
            "no never falls below 0.693"
        )
    elif q.made in _NEGATIVE:
        got = "log-probabilities"
        follows = (
            "they are at most 0, so the probability that it makes of them never exceeds 0.5, and "
            "the loss of a yes never falls below 0.693"
        )
    else:
        return None
    return Verdict(
        f"{seen.loss.name} takes scores and applies a sigmoid itself, but got {got} from "
        f"{origin(q, seen.place)}: {follows}",
        "drop from_logits=True, or the sigmoid; the loss takes one of the two"
        if seen.loss.flag
        else "give the loss the scores from before, and apply the sigmoid only where "
        "probabilities are wanted",
        q.place,
        evidence(seen),
        Level.WARNING if q.scaled else None,
    )


@rule("PQ002", "sigmoid-before-scores-loss", Level.ERROR, HandWritten)
def sigmoid_twice_by_hand(seen: HandWritten) -> Verdict | None:
    """A hand-written loss that takes the logarithm of the sigmoid of a sigmoid."""
    logs, head = seen.logs, seen.logs.source
    if logs.made is not Made.LOG_SIGMOID or head is None or head.made not in PROBABILITIES:
        return None
    return Verdict(
        f"this loss applies a sigmoid before its logarithm, {origin(logs, seen.place)}, to what "
        f"{origin(head, seen.place)} made probabilities already: what it makes of them stays "
        "within 0.5 to 0.731, and the loss of a no never falls below 0.693",
        "give it the scores from before the first sigmoid",
        head.place,
        (f"the logarithm comes from {origin(logs, seen.place)}",
         f"what it is of comes from {origin(head, seen.place)}"),
        Level.WARNING if head.scaled else None,
    )  # fmt: skip
