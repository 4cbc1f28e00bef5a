"""PQ019: a threshold of 0.5 on scores."""

from __future__ import annotations

from ..facts import Cut
from ..findings import Level, Verdict
from ..numbers import sigmoid_of_half
from .registry import rule
from .words import origin


@rule("PQ019", "threshold-on-scores", Level.WARNING, Cut)
def threshold_on_scores(seen: Cut) -> Verdict | None:
    """A threshold of 0.5 on scores: yes begins at 0.

    The loss takes scores, so a score of 0 is a probability of 0.5. A threshold of 0.5 on the scores
    themselves says yes only from a probability of 0.622 on: the accuracy, the precision and the
    recall that are printed are those of another classifier. Keras' metric "accuracy" does so beside
    `BinaryCrossentropy(from_logits=True)`.

    ```python title="wrong"
    import torch
    from torch import nn

    yes = torch.randint(0, 2, (8, 1)).float()
    scores = nn.Linear(20, 1)(torch.randn(8, 20))
    loss = nn.BCEWithLogitsLoss()(scores, yes)
    accuracy = ((scores > 0.5) == yes).float().mean()
    ```

    ```python title="right"
    import torch
    from torch import nn

    yes = torch.randint(0, 2, (8, 1)).float()
    scores = nn.Linear(20, 1)(torch.randn(8, 20))
    loss = nn.BCEWithLogitsLoss()(scores, yes)
    accuracy = ((scores > 0) == yes).float().mean()
    ```
    """
    if seen.threshold != 0.5:
        return None
    return Verdict(
        f"`{seen.by}` puts the threshold 0.5 on scores, from {origin(seen.scores, seen.place)}: "
        f"a score of 0.5 is a probability of {sigmoid_of_half():.3f}, so events between 0.5 and "
        "0.622 are counted as no",
        "compare the scores with 0 (threshold=0.0), or their sigmoid with 0.5",
        seen.scores.place,
        (f"the same scores, from {origin(seen.scores, seen.place)}, go into a loss that takes "
         "scores",),
    )  # fmt: skip
