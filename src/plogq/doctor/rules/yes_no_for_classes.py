"""PQ009: a yes/no loss for exclusive classes."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import OUTPUTS, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin


@rule("PQ009", "yes-no-loss-for-classes", Level.WARNING, Sighting)
def yes_no_loss_for_classes(seen: Sighting) -> Verdict | None:
    """A yes/no loss for exclusive classes: it may be meant, and often is not.

    With one-hot rows of K classes a yes/no loss counts K outcomes for each event, K - 1 of them
    "no": a model that says 1/K for everything has the loss (ln K + (K - 1) ln(K / (K - 1))) / K,
    0.325 for K = 10, and an accuracy of 1 - 1/K, 90%, by the yes/no measure, without having learnt
    anything. Some recipes train so on purpose (one against all); then silence this rule.

    ```python title="wrong"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    labels = torch.randint(0, 10, (8,))
    loss = F.binary_cross_entropy_with_logits(scores, F.one_hot(labels, 10).float())
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    labels = torch.randint(0, 10, (8,))
    loss = F.cross_entropy(scores, labels)
    ```
    """
    if seen.loss.exclusive:
        return None
    q, p = seen.prediction, seen.target
    if (
        q is not None
        and q.made is Made.SOFTMAX
        and seen.loss.takes is Takes.PROBABILITIES
        and q.axis is not None
        and q.width != 2
        and not q.scaled
    ):
        many = f"{q.width} " if isinstance(q.width, int) else ""
        return Verdict(
            f"{seen.loss.name} takes a yes or no for each outcome, but "
            f"{origin(q, seen.place)} gives {many}exclusive classes one distribution: each event "
            "counts as many outcomes, nearly all of them an easy no",
            "write the loss over classes: categorical_crossentropy for one-hot rows, "
            "sparse_categorical_crossentropy for indices, nn.CrossEntropyLoss on scores",
            q.place,
            evidence(seen),
        )
    if p is not None and p.made is Made.ONE_HOT and p.axis is not None and p.classes != 2:
        # A loss that is written for others may be a part of something, such as a focal loss: so
        # may one loss per element.
        if seen.options.get("reduction") == "none":
            return None
        if q is None or q.made not in OUTPUTS or q.made in (Made.SOFTMAX, Made.LOG_SOFTMAX):
            return None
        return Verdict(
            f"{seen.loss.name} takes a yes or no for each outcome, but its targets are one-hot "
            f"rows, from {origin(p, seen.place)}: exclusive classes, of which each event counts "
            "as many outcomes, nearly all of them an easy no",
            "write a loss over classes on the scores (nn.CrossEntropyLoss, "
            "softmax_cross_entropy); if one against all is meant, # plogq: ignore[PQ009]",
            q.place,
            evidence(seen),
        )
    return None
