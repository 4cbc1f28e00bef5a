"""P and Q of two frameworks, or on two devices: refused, and nothing is moved silently."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from plogq import (
    BinaryLogits,
    BinaryProbs,
    DtypeError,
    Labels,
    LinearLogits,
    Logits,
    Probs,
    SparseProbs,
    Weighted,
    cross_entropy,
)

from ..refusals import Refusal, check, refused

Z = torch.zeros(4, 3)
Y = torch.tensor([0, 1, 2, 0])
Q = torch.full((4, 3), 1 / 3)
META = torch.empty(4, 3, device="meta")


def _numpy(x: torch.Tensor) -> Any:
    return x.numpy()


@refused(
    Refusal(
        "tensor labels of NumPy logits",
        lambda: cross_entropy(Labels(Y), Logits(_numpy(Z))),
        DtypeError,
        "P is of torch and Q of numpy",
        "Q would have no gradient",
    ),
    Refusal(
        "a NumPy weight of tensor hidden states",
        lambda: cross_entropy(Labels(Y), LinearLogits(Z, np.zeros((5, 3), np.float32))),
        DtypeError,
        "numpy",
        "torch",
    ),
)
def test_nothing_is_moved_between_frameworks(refusal: Refusal) -> None:
    check(refusal)


@refused(
    Refusal(
        "labels elsewhere",
        lambda: cross_entropy(Labels(Y), Logits(META)),
        ValueError,
        "cpu",
        "meta",
    ),
    Refusal(
        "scores elsewhere",
        lambda: cross_entropy(Labels(Y.to("meta")), Logits(Z)),
        ValueError,
        "cpu",
        "meta",
    ),
    Refusal(
        "probabilities elsewhere",
        lambda: cross_entropy(Probs(META), Logits(Z)),
        ValueError,
        "cpu",
        "meta",
    ),
    Refusal(
        "sample weights elsewhere",
        lambda: cross_entropy(Weighted(Labels(Y), sample_weight=META[:, 0]), Logits(Z)),
        ValueError,
        "cpu",
        "meta",
    ),
    Refusal(
        "class weights elsewhere",
        lambda: cross_entropy(Weighted(Labels(Y), class_weight=META[0]), Logits(Z)),
        ValueError,
        "cpu",
        "meta",
    ),
    Refusal(
        "sparse probabilities elsewhere",
        lambda: cross_entropy(SparseProbs(Y[:, None], META[:, :1]), Logits(Z)),
        ValueError,
        "cpu",
        "meta",
    ),
    Refusal(
        "a binary target elsewhere",
        lambda: cross_entropy(BinaryProbs(META), BinaryLogits(Z)),
        ValueError,
        "cpu",
        "meta",
    ),
    Refusal(
        "a weight of linear logits elsewhere",
        lambda: cross_entropy(Labels(Y), LinearLogits(Z, META)),
        ValueError,
        "cpu",
        "meta",
    ),
)
def test_nothing_is_moved_between_devices(refusal: Refusal) -> None:
    check(refusal)
