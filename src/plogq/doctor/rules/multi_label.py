"""PQ010: a loss over exclusive classes for targets that are not distributions."""

from __future__ import annotations

from ..contracts import Holds
from ..facts import Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin


@rule("PQ010", "classes-loss-for-several-labels", Level.ERROR, Sighting)
def classes_loss_for_several_labels(seen: Sighting) -> Verdict | None:
    """A loss over exclusive classes for targets with several ones, or with none.

    A softmax shares out one yes among K classes. A row with m ones asks for m of them: the best
    that the model can say is 1/m for each, a loss of m ln m, and an event without a label has loss
    0 whatever is predicted. The same goes for raw scores as soft targets: they are no
    distribution.

    ```python title="wrong"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    tags = torch.randint(0, 2, (8, 10)).float()
    loss = F.cross_entropy(scores, tags)
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    tags = torch.randint(0, 2, (8, 10)).float()
    loss = F.binary_cross_entropy_with_logits(scores, tags)
    ```
    """
    p, q = seen.target, seen.prediction
    if p is None or not seen.loss.exclusive or seen.loss.holds is Holds.INDEX:
        return None
    if p.made is Made.MULTI_HOT and not p.scaled:
        if q is not None and q.classes == 1:
            return None
        return Verdict(
            f"{seen.loss.name} is a loss over exclusive classes, but its targets are rows of "
            f"independent zeros and ones, from {origin(p, seen.place)}: of a row with m ones the "
            "least loss is m ln m, at 1/m for each, and a row of zeros has loss 0 whatever is "
            "predicted",
            "write a yes/no loss: nn.BCEWithLogitsLoss, keras.losses.BinaryCrossentropy, "
            "optax.sigmoid_binary_cross_entropy; and a sigmoid in place of a softmax",
            q.place if q is not None else None,
            evidence(seen),
        )
    if p.made is Made.SCORES and seen.loss.peer != "sklearn":
        return Verdict(
            f"{seen.loss.name} takes a distribution as its target, but got raw scores from "
            f"{origin(p, seen.place)}: they may be negative and do not sum to 1, so the loss has "
            "no lower bound",
            "give it softmax(scores) as the target",
            p.place,
            evidence(seen),
        )
    return None
