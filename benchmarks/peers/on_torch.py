"""plogq on PyTorch tensors, with backward(): called as in a training loop."""

from __future__ import annotations

from typing import Any

import plogq

from .torch_nn import gradients, same


def labels(z: Any, y: Any) -> Any:
    return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z))


def _probs(z: Any, p: Any) -> Any:
    return plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z))


def _divergence(z: Any, p: Any) -> Any:
    return plogq.kl_divergence(plogq.Probs(p), plogq.Logits(z))


def _between(z: Any, t: Any) -> Any:
    return plogq.kl_divergence(plogq.Logits(t), plogq.Logits(z))


def _distilled(hidden: Any, weight: Any, of_teacher: Any, its_weight: Any) -> Any:
    teacher = plogq.LinearLogits(of_teacher, its_weight)
    return plogq.kl_divergence(teacher, plogq.LinearLogits(hidden, weight))


def _binary(z: Any, y: Any) -> Any:
    return plogq.cross_entropy(plogq.BinaryProbs(y), plogq.BinaryLogits(z))


def linear(hidden: Any, weight: Any, y: Any) -> Any:
    return plogq.cross_entropy(plogq.Labels(y), plogq.LinearLogits(hidden, weight))


def tiles(hidden: Any, weight: Any, y: Any) -> Any:
    scores = plogq.LinearLogits(hidden, weight, workspace=0)
    return plogq.cross_entropy(plogq.Labels(y), scores)


def filtered(hidden: Any, weight: Any, y: Any) -> Any:
    scores = plogq.LinearLogits(hidden, weight, gradient_filter=2**-12)
    return plogq.cross_entropy(plogq.Labels(y), scores)


WORK = {
    "labels_grad": gradients(labels, same),
    "probs_grad": gradients(_probs, same),
    "kl_grad": gradients(_divergence, same),
    "between_grad": gradients(_between, same),
    "distilled_grad": gradients(_distilled, same, count=2),
    "binary_grad": gradients(_binary, same),
    "unbiased_grad": gradients(linear, same, count=2),
}
FILTERED = {"unbiased_grad": gradients(filtered, same, count=2)}
