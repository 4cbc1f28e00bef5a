"""PQ001: a softmax before a loss that takes scores."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import Array, HandWritten, Made, Place, Sighting
from ..findings import Level, Verdict
from ..numbers import band_in_words
from .registry import rule
from .words import classes, evidence, origin


@rule("PQ001", "softmax-before-scores-loss", Level.ERROR, Sighting)
def softmax_before_scores_loss(seen: Sighting) -> Verdict | None:
    """A softmax before a loss that takes scores: the loss applies a second one.

    `nn.CrossEntropyLoss`, `tf.nn.softmax_cross_entropy_with_logits`, optax's softmax losses and
    Keras' with `from_logits=True` apply a softmax themselves. Of probabilities it makes nearly
    equal ones: with K classes no probability can exceed e / (e + K - 1), and the loss stays in a
    band one nat wide, from ln(e + K - 1) - 1 to ln(e + K - 1). For K = 10 that is 1.461 to 2.461,
    and 0.232 at most. The model still trains, slowly, and its confidence means nothing.

    ```python title="wrong"
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
    loss = nn.CrossEntropyLoss()(model(torch.randn(8, 20)), torch.randint(0, 10, (8,)))
    ```

    ```python title="right"
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(20, 10))
    logits = model(torch.randn(8, 20))
    loss = nn.CrossEntropyLoss()(logits, torch.randint(0, 10, (8,)))
    probabilities = logits.softmax(dim=1)
    ```
    """
    q = seen.prediction
    if q is not None and seen.loss.takes is Takes.LOG_PROBABILITIES:
        return _two_softmaxes(q, seen.place)
    if q is None or not seen.loss.exclusive or seen.loss.takes is not Takes.SCORES:
        return None
    if q.made is not Made.SOFTMAX and not (q.made is Made.PROBABILITIES and q.axis is not None):
        return None
    keras = ""
    if seen.loss.flag:
        keras = " (Keras on TensorFlow notices a softmax layer and warns; on JAX and PyTorch not)"
    return Verdict(
        f"{seen.loss.name} takes scores and applies a softmax itself, but got probabilities from "
        f"{origin(q, seen.place)}: {band_in_words(classes(q))}{keras}",
        "drop from_logits=True, or the softmax; the loss takes one of the two"
        if seen.loss.flag
        else "give the loss the scores from before the softmax, and apply the softmax only where "
        "probabilities are wanted",
        q.place,
        evidence(seen),
        Level.WARNING if q.scaled else None,
    )


@rule("PQ001", "softmax-before-scores-loss", Level.ERROR, HandWritten, hides=("PQ021",))
def softmax_twice_by_hand(seen: HandWritten) -> Verdict | None:
    """A hand-written loss that takes the logarithm of the softmax of a softmax."""
    return _two_softmaxes(seen.logs, seen.place)


def _two_softmaxes(logs: Array, place: Place) -> Verdict | None:
    """The logarithm of the softmax of a softmax over the same classes."""
    head = logs.source
    if logs.made not in (Made.LOG_OF_SOFTMAX, Made.LOG_SOFTMAX) or head is None:
        return None
    if head.made not in (Made.SOFTMAX, Made.PROBABILITIES):
        return None
    return Verdict(
        f"this loss applies a softmax before its logarithm, {origin(logs, place)}, to what "
        f"{origin(head, place)} made probabilities already: {band_in_words(classes(head))}",
        "give it the scores from before the first softmax",
        head.place,
        (f"the logarithm comes from {origin(logs, place)}",
         f"what it is of comes from {origin(head, place)}"),
        Level.WARNING if head.scaled else None,
    )  # fmt: skip
