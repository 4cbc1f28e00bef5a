"""PQ008: sigmoid outputs into a loss over exclusive classes."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import Made, Sighting
from ..findings import Level, Verdict
from ..numbers import band_in_words
from .registry import rule
from .words import classes, evidence, origin


@rule("PQ008", "sigmoid-for-classes", Level.ERROR, Sighting)
def sigmoid_for_classes(seen: Sighting) -> Verdict | None:
    """Sigmoid outputs into a loss over exclusive classes.

    A sigmoid answers each class by itself; a loss over exclusive classes wants one distribution.
    `nn.CrossEntropyLoss` takes the sigmoid's outputs for scores between 0 and 1, with the band of
    PQ001. Keras divides them by their sum, which hides how sure each of them is: all near 0 and
    all near 1 are the same prediction.

    ```python title="wrong"
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(20, 10), nn.Sigmoid())
    loss = nn.CrossEntropyLoss()(model(torch.randn(8, 20)), torch.randint(0, 10, (8,)))
    ```

    ```python title="right"
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(20, 10))
    loss = nn.CrossEntropyLoss()(model(torch.randn(8, 20)), torch.randint(0, 10, (8,)))
    ```
    """
    q = seen.prediction
    if q is None or not seen.loss.exclusive or q.made is not Made.SIGMOID:
        return None
    if seen.loss.peer == "sklearn" or seen.loss.divergence:
        return None
    if seen.loss.takes is Takes.SCORES:
        follows = f"it applies a softmax to them: {band_in_words(classes(q))}"
        mend = "give the loss the scores from before the sigmoid"
    elif seen.loss.takes is Takes.PROBABILITIES:
        follows = (
            "it divides them by their sum, so that all classes near 0 and all near 1 are the same "
            "prediction"
        )
        mend = "write a softmax in the sigmoid's place, or a yes/no loss if several may be true"
    else:
        return None
    return Verdict(
        f"{seen.loss.name} is a loss over exclusive classes, but got the sigmoid of "
        f"{origin(q, seen.place)}, a yes or no for each: {follows}",
        mend, q.place, evidence(seen), Level.WARNING if q.scaled else None,
    )  # fmt: skip
