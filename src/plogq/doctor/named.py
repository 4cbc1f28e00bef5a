"""What stands in plogq for a loss that is asked for by its name in another library."""

from __future__ import annotations

from .contracts import CONTRACTS, LIBRARIES, YES_NO, Contract, Holds, Takes

_TARGETS = {
    Holds.INDEX: "Labels(y)",
    Holds.EITHER: "Labels(y)",
    Holds.DISTRIBUTION: "Probs(p)",
    Holds.YES_NO: "BinaryProbs(y)",
}
_PREDICTIONS = {
    (Takes.SCORES, False): "Logits(z)",
    (Takes.SCORES, True): "BinaryLogits(z)",
    (Takes.PROBABILITIES, False): "Probs(q)",
    (Takes.PROBABILITIES, True): "BinaryProbs(q)",
    (Takes.LOG_PROBABILITIES, False): "LogProbs(x)",
}
# What is more than a cross-entropy or a divergence: how it is written stands in the docs.
_MORE = ("focal", "poly", "weighted", "log_targets")


def named(name: str) -> str:
    """The rest of a sentence on `name`; empty where no library has a loss of it."""
    found = {c.peer: c for path, c in CONTRACTS.items() if path.rpartition(".")[2] == name}
    return "".join(f"; {_written(c, name)}" for c in found.values() if c.helper)


def _written(contract: Contract, name: str) -> str:
    peer, helper = LIBRARIES[contract.peer], f"plogq.compat.{contract.peer}.{contract.helper}"
    prediction = _PREDICTIONS.get((contract.takes, contract.outcomes == YES_NO))
    if prediction is None or any(more in name.lower() for more in _MORE):
        return f"{helper} has the arguments and numbers of {peer}'s"
    function = "kl_divergence" if contract.divergence else "cross_entropy"
    call = f"{function}({_TARGETS[contract.holds]}, {prediction})"
    return f"write {call}, or {helper}, which has the arguments and numbers of {peer}'s"
