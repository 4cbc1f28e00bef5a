"""PQ005: no log-probabilities where NLL or KL takes them."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import HandWritten, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin

_WRONG = {
    Made.SOFTMAX: "probabilities",
    Made.SIGMOID: "probabilities",
    Made.PROBABILITIES: "probabilities",
    Made.SCORES: "scores, any numbers",
    Made.RELU: "the output of a relu, any numbers from 0",
    Made.TANH: "numbers between -1 and 1",
}
_LOGS = {Made.LOG_SOFTMAX, Made.LOG_SIGMOID, Made.LOG_OF_SOFTMAX}


@rule("PQ005", "no-log-probabilities", Level.ERROR, Sighting)
def no_log_probabilities(seen: Sighting) -> Verdict | None:
    """No log-probabilities where a loss takes them: NLL and KL do not take a logarithm.

    `nn.NLLLoss` picks the value of the labelled class and turns its sign. Of a softmax that gives
    a loss between -1 and 0, whose gradient does not grow with the error; of raw scores one that
    has no lower bound and runs to -∞. `nn.KLDivLoss`, `nn.CTCLoss` and `optax.kl_divergence` take
    log-probabilities as the prediction too. And a loss by hand, minus the mean probability of the
    label, has forgotten its logarithm.

    ```python title="wrong"
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
    loss = nn.NLLLoss()(model(torch.randn(8, 20)), torch.randint(0, 10, (8,)))
    ```

    ```python title="right"
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(dim=1))
    loss = nn.NLLLoss()(model(torch.randn(8, 20)), torch.randint(0, 10, (8,)))
    ```
    """
    if seen.loss.takes is not Takes.LOG_PROBABILITIES:
        return None
    q, p = seen.prediction, seen.target
    got = _WRONG.get(q.made) if q is not None and q.made is not None else None
    if q is not None and got is not None and not any(s.verb == "clip" for s in q.path):
        if seen.loss.divergence:
            follows = (
                "Σ p (log p - q) is no divergence: it is not 0 where the two agree, and has no "
                "lower bound"
                if q.made in (Made.SCORES, Made.RELU)
                else "Σ p (log p - q) is not 0 where the two agree, and hardly punishes a q near 0"
            )
        elif seen.loss.unaligned:
            follows = (
                "it multiplies the frames' probabilities by adding their logarithms, and what it "
                "adds here are none: the loss is no likelihood, and falls below 0"
            )
        elif q.made in (Made.SCORES, Made.RELU):
            follows = "the loss is minus the score of the class, and runs to -∞"
        else:
            follows = (
                "the loss lies between -1 and 0, and its gradient is the same however wrong the "
                "prediction is"
            )
        mend = (
            "give it log_softmax(scores)"
            if seen.loss.divergence or seen.loss.unaligned
            else "write log_softmax in place of the softmax, or F.cross_entropy on the scores"
            if got == "probabilities"
            else "put a log_softmax before it, or write F.cross_entropy, which takes scores"
        )
        return Verdict(
            f"{seen.loss.name} takes log-probabilities, but got {got} from "
            f"{origin(q, seen.place)}: {follows}",
            mend, q.place, evidence(seen),
            Level.WARNING if q.scaled and q.made not in (Made.SCORES, Made.RELU) else None,
        )  # fmt: skip
    takes_logs = seen.options.get("log_target", False) is not False or "log_targets" in (
        seen.loss.target
    )
    if seen.loss.divergence and p is not None and p.made in _LOGS and not takes_logs:
        return Verdict(
            f"{seen.loss.name} takes probabilities as its target, but got log-probabilities from "
            f"{origin(p, seen.place)}: p log p of a negative p is NaN or taken as 0",
            "write log_target=True, or give it a softmax",
            p.place,
            evidence(seen),
            option=("log_target", True) if seen.loss.peer == "torch" else None,
        )
    return None


@rule("PQ005", "no-log-probabilities", Level.WARNING, HandWritten)
def no_logarithm(seen: HandWritten) -> Verdict | None:
    """A hand-written loss that picks the probability of the label and takes no logarithm."""
    q = seen.logs
    if q.made is not Made.SOFTMAX:
        return None
    return Verdict(
        "this loss is minus the mean probability of the label, from "
        f"{origin(q, seen.place)}: no logarithm is taken, so it lies between -1 and 0, and its "
        "gradient vanishes where the prediction is most wrong",
        "write log_softmax in place of the softmax, or the framework's softmax cross-entropy",
        q.place,
        (f"the probabilities come from {origin(q, seen.place)}",),
    )
