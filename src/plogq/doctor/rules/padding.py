"""PQ015: padding that is counted, or a real class that is ignored."""

from __future__ import annotations

from ..contracts import Holds
from ..facts import Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin


@rule("PQ015", "padding-counted", Level.WARNING, Sighting)
def padding_counted(seen: Sighting) -> Verdict | None:
    """Padding that is counted as labels, or a real class that is ignored.

    Sequences padded to one length end in labels that mean nothing. Counted, they teach the model
    to predict padding, and the mean is divided by their number too. And an `ignore_index` that is
    also a class removes that class from training.

    ```python title="wrong"
    import torch
    import torch.nn.functional as F
    from torch.nn.utils.rnn import pad_sequence

    labels = pad_sequence([torch.tensor([3, 1]), torch.tensor([2, 2, 4])], batch_first=True)
    scores = torch.nn.Linear(16, 5)(torch.randn(2, 3, 16))
    loss = F.cross_entropy(scores.transpose(1, 2), labels)
    ```

    ```python title="right"
    import torch
    import torch.nn.functional as F
    from torch.nn.utils.rnn import pad_sequence

    labels = pad_sequence(
        [torch.tensor([3, 1]), torch.tensor([2, 2, 4])], batch_first=True, padding_value=-100
    )
    scores = torch.nn.Linear(16, 5)(torch.randn(2, 3, 16))
    loss = F.cross_entropy(scores.transpose(1, 2), labels, ignore_index=-100)
    ```
    """
    p, q = seen.target, seen.prediction
    if p is None or seen.loss.holds not in (Holds.INDEX, Holds.EITHER):
        return None
    head = q.place if q is not None else None
    given = seen.options.get("ignore_index", seen.options.get("ignore_class"))
    if "ignore_index" in seen.options or "ignore_class" in seen.options:
        if (
            isinstance(given, int)
            and given >= 0
            and p.made is Made.LABELS
            and p.low is not None
            and p.high is not None
            and p.low <= given <= p.high
            and p.kind == "int"
            and not any(step.verb == "marked" for step in p.path)
        ):
            return Verdict(
                f"{seen.loss.name} ignores label {given}, but the labels from "
                f"{origin(p, seen.place)} run from {p.low:g} to {p.high:g}: a class of theirs is "
                "left out of the loss",
                "ignore a label that no event has, such as -100",
                head,
                evidence(seen),
            )
        return None
    if (
        p.made is Made.PADDED
        and p.low is not None
        and seen.options.get("reduction") not in ("none", "?")
    ):
        ignored = -100 if seen.loss.peer == "torch" else None
        if p.low != ignored and (seen.loss.peer != "torch" or p.low >= 0):
            return Verdict(
                f"{seen.loss.name} counts the padding of {origin(p, seen.place)}, label "
                f"{p.low:g}, as if it were a class: the model learns to predict it, and the mean "
                "is over padding too",
                f"write ignore_index={p.low:g}, or pad labels with -100"
                if seen.loss.peer == "torch"
                else "mask the losses where the label is padding (ignore_class, where=)",
                head,
                evidence(seen),
            )
    return None
