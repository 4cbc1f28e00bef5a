"""PQ018: class weights that grow with the frequency of their class."""

from __future__ import annotations

from ..facts import Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin


@rule("PQ018", "class-weights-inverted", Level.WARNING, Sighting)
def class_weights_inverted(seen: Sighting) -> Verdict | None:
    """Class weights that grow with the frequency of their class.

    Weights are there to make rare classes count more: w_k = N / (K n_k). Weights n_k / N do the
    opposite: a class with 1% of the events then has 0.01% of the loss's weight.

    ```python title="wrong"
    import torch
    from torch import nn

    labels = torch.randint(0, 3, (100,))
    counts = torch.bincount(labels, minlength=3).float()
    criterion = nn.CrossEntropyLoss(weight=counts / counts.sum())
    loss = criterion(nn.Linear(20, 3)(torch.randn(100, 20)), labels)
    ```

    ```python title="right"
    import torch
    from torch import nn

    labels = torch.randint(0, 3, (100,))
    counts = torch.bincount(labels, minlength=3).float()
    criterion = nn.CrossEntropyLoss(weight=counts.sum() / (3 * counts))
    loss = criterion(nn.Linear(20, 3)(torch.randn(100, 20)), labels)
    ```
    """
    w = seen.weight
    if w is None or not w.rising:
        return None
    return Verdict(
        f"the class weights of {seen.loss.name} come from {origin(w, seen.place)} and grow with "
        "it: a frequent class weighs more, and a rare one, with a hundredth of the events, has a "
        "ten-thousandth of the weight",
        "weigh by the inverse: counts.sum() / (K * counts)",
        w.place,
        evidence(seen),
    )
