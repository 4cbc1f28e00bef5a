"""PQ006: log_softmax before a loss that takes scores: harmless."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin


@rule("PQ006", "log-softmax-before-scores-loss", Level.INFO, Sighting)
def log_softmax_before_scores_loss(seen: Sighting) -> Verdict | None:
    """A log_softmax before a loss that takes scores: harmless, and one pass more than needed.

    log_softmax(log_softmax(z)) = log_softmax(z), so the loss and its gradient are what they would
    be without it. A softmax in its place would not be harmless (PQ001).

    ```python title="wrong"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    loss = F.cross_entropy(F.log_softmax(scores, dim=1), torch.randint(0, 10, (8,)))
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F

    scores = torch.nn.Linear(20, 10)(torch.randn(8, 20))
    loss = F.cross_entropy(scores, torch.randint(0, 10, (8,)))
    ```
    """
    q = seen.prediction
    if q is None or not seen.loss.exclusive or seen.loss.takes is not Takes.SCORES:
        return None
    # Log-probabilities that were scaled are scores at another temperature: meant, perhaps.
    if q.made is not Made.LOG_SOFTMAX or q.scaled:
        return None
    return Verdict(
        f"{seen.loss.name} applies a log_softmax itself; that of {origin(q, seen.place)} before "
        "it changes nothing, as log_softmax of log-probabilities gives them back",
        "drop it, or write F.nll_loss" if seen.loss.peer == "torch" else "drop it",
        q.place,
        evidence(seen),
    )
