"""PQ012: an argmax, a rounding or a threshold before the loss."""

from __future__ import annotations

from ..facts import DECIDED, OUTPUTS, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin


@rule(
    "PQ012", "decision-before-loss", Level.ERROR, Sighting,
    hides=("PQ001", "PQ002", "PQ003", "PQ004", "PQ005", "PQ013", "PQ016", "PQ020"),
)  # fmt: skip
def decision_before_loss(seen: Sighting) -> Verdict | None:
    """An argmax, a rounding or a threshold before the loss: no gradient reaches the model.

    Their derivative is 0 or does not exist, so the loss is a number that no training can lower.
    In scikit-learn's `log_loss` hard predictions cost nothing where they are right and
    -ln(2.2e-16) = 36.04 where they are wrong: 36.04 times the error rate.

    ```python title="wrong"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 1)(torch.randn(8, 20))
    said = (torch.sigmoid(scores) > 0.5).float()
    loss = F.binary_cross_entropy(said, torch.randint(0, 2, (8, 1)).float())
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 1)(torch.randn(8, 20))
    loss = F.binary_cross_entropy(torch.sigmoid(scores), torch.randint(0, 2, (8, 1)).float())
    ```
    """
    q = seen.prediction
    if q is not None and q.made is Made.ONE_HOT and q.source is not None:
        of = q.source
        q = of if of.source is not None and of.source.made in OUTPUTS else q
    if q is None or q.made not in DECIDED:
        return None
    if seen.loss.peer == "sklearn" and seen.prediction is not None and seen.prediction.scaled:
        return None  # smoothed, it is a probability after all
    if seen.loss.peer == "sklearn":
        follows = "each wrong decision costs 36.04 and each right one 0, whatever the model thought"
        mend = "give it predict_proba(X)"
    else:
        follows = "no gradient reaches the model through it"
        mend = "give the loss what was there before the decision; decide only to count hits"
    if q.made is Made.HARD:
        what = f"the classes that {origin(q, seen.place)} decided for"
    else:
        what = f"the result of {origin(q, seen.place)}, {_article(q.made)}"
    return Verdict(
        f"{seen.loss.name} got {what}: {follows}", mend, q.place, evidence(seen)
    )  # fmt: skip


def _article(made: Made | None) -> str:
    return {
        Made.ARGMAX: "an argmax", Made.ROUND: "a rounding", Made.THRESHOLD: "a threshold"
    }.get(made or Made.ARGMAX, "a decision")  # fmt: skip
