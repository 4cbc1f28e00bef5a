"""PQ017: kl_div with reduction "mean"."""

from __future__ import annotations

from ..facts import Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import classes, evidence


@rule("PQ017", "kl-div-mean", Level.WARNING, Sighting)
def kl_div_mean(seen: Sighting) -> Verdict | None:
    """`kl_div` with the reduction "mean", which divides by the number of elements.

    A Kullback-Leibler divergence is a sum over the classes. `F.kl_div` gives its terms, and its
    default reduction divides them by N · K where the mean over the events divides by N: the loss
    is K times too small, 32,000 times over a vocabulary. `reduction="batchmean"` is the mean over
    the events.

    ```python title="wrong"
    import torch
    import torch.nn.functional as F

    log_q = F.log_softmax(torch.randn(8, 10), dim=1)
    p = F.softmax(torch.randn(8, 10), dim=1)
    loss = F.kl_div(log_q, p)
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F

    log_q = F.log_softmax(torch.randn(8, 10), dim=1)
    p = F.softmax(torch.randn(8, 10), dim=1)
    loss = F.kl_div(log_q, p, reduction="batchmean")
    ```
    """
    if not seen.loss.divergence or seen.loss.peer != "torch":
        return None
    if seen.options.get("reduction", "mean") != "mean":
        return None
    q = seen.prediction
    k = classes(q) or classes(seen.target)
    less = f"{k:,} times smaller" if k is not None and k > 1 else "K times smaller"
    return Verdict(
        f'{seen.loss.name} with reduction="mean" divides by the number of elements, N · K, and '
        f"not by the number of events: the divergence comes out {less} than it is",
        'write reduction="batchmean"',
        q.place if q is not None and q.made in (Made.LOG_SOFTMAX, Made.SOFTMAX) else None,
        evidence(seen),
        option=("reduction", "batchmean"),
    )
