"""torch.func.vmap over events: each is one without an axis, and there may be none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.testing import assert_close as close

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, Logits, Probs, SparseProbs, Weighted

from ..together import for_each

GENERATOR = torch.Generator().manual_seed(2)
PAIRS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "labels": lambda t: (Labels(t["y"]), Logits(t["z"])),
    "ignored": lambda t: (Labels(t["y"], ignore=1), Logits(t["z"])),
    "smoothed": lambda t: (plogq.Smoothed(Labels(t["y"]), 0.1), Logits(t["z"])),
    "weighted": lambda t: (Weighted(Labels(t["y"]), sample_weight=t["w"]), Logits(t["z"])),
    "soft": lambda t: (Probs(t["p"]), Logits(t["z"])),
    "sparse": lambda t: (SparseProbs(t["y"][..., None], t["w"][..., None]), Logits(t["z"])),
    "yes/no": lambda t: (BinaryProbs(t["w"]), BinaryLogits(t["s"])),
}


def given(events: int) -> dict[str, Any]:
    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=GENERATOR, dtype=torch.float64)

    return {
        "y": torch.arange(events) % 3,
        "z": normal(events, 3),
        "p": torch.softmax(normal(events, 3), -1),
        "w": torch.sigmoid(normal(events)),
        "s": normal(events),
    }


@for_each("events", [0, 4])
@for_each("pair", PAIRS)
def test_a_map_over_events_gives_the_losses_of_the_batch(pair: str, events: int) -> None:
    def loss(t: dict[str, Any]) -> Any:
        return plogq.cross_entropy(*PAIRS[pair](t), reduction="none")

    batch = given(events)
    want = loss(batch)
    if events:
        close(torch.func.vmap(loss)(batch), want)
        close(torch.stack([loss({k: x[i] for k, x in batch.items()}) for i in range(events)]), want)
        slopes = torch.func.vmap(torch.func.grad(lambda z, t: loss({**t, "z": z, "s": t["s"]})))
        if pair != "yes/no":
            z = batch["z"].clone().requires_grad_()
            loss({**batch, "z": z}).sum().backward()
            close(slopes(batch["z"], batch), z.grad)
    assert tuple(want.shape) == (events,)
