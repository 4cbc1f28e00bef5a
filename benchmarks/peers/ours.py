"""plogq, called as a user calls it: the representations are made anew in every call."""

from __future__ import annotations

from typing import Any

import plogq

from ..case import Run


def labels_loss(z: Any, y: Any) -> Run:
    return lambda: plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))


def labels_grad(z: Any, y: Any) -> Run:
    return lambda: plogq.value_and_grad(plogq.Labels(y), plogq.Logits(z))


def probs_grad(z: Any, p: Any) -> Run:
    return lambda: plogq.value_and_grad(plogq.Probs(p), plogq.Logits(z))


def binary_grad(z: Any, y: Any) -> Run:
    return lambda: plogq.value_and_grad(plogq.BinaryProbs(y), plogq.BinaryLogits(z))


def linear_grad(hidden: Any, weight: Any, bias: Any, y: Any) -> Run:
    return lambda: plogq.value_and_grad(plogq.Labels(y), plogq.LinearLogits(hidden, weight, bias))


WORK = {
    "labels_loss": labels_loss,
    "labels_grad": labels_grad,
    "probs_grad": probs_grad,
    "binary_grad": binary_grad,
    "linear_grad": linear_grad,
}
