"""Pairs of P and Q as functions of all of their floating-point tensors, for what differentiates.

`PAIRS` has one of each part that P and Q can have. A pair is rebuilt from the tensors that it is
given, so that gradients with respect to any of them can be asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import plogq

from .. import makers
from .tensors import Change, on_torch, tensor, tensors

Tensor = torch.Tensor

_WRAPPERS = ("plain", "smoothed", "both_weights", "class_weight>smoothed")
PAIRS = [
    *((f"{p}-{w}", "Logits") for p in makers.BASES for w in _WRAPPERS),
    ("Labels-smoothed>both_weights>smoothed", "Logits(softcap)"),
    ("Probs-both_weights>smoothed>both_weights", "Logits"),
    *((p, q) for p in ("Labels-both_weights", "Probs-plain") for q in list(makers.STORED)[1:]),
    ("SparseProbs-smoothed", "Probs"),
    *((f"BinaryProbs(soft)-{w}", "BinaryLogits") for w in _WRAPPERS),
    ("BinaryProbs(bool)-both_weights", "BinaryLogits"),
    ("BinaryProbs(soft)-both_weights", "BinaryProbs"),
    *((p, "LinearLogits(bias)") for p in ("Labels-plain", "Probs-class_weight>smoothed")),
    ("SparseProbs-both_weights", "LinearLogits(softcap)"),
]


class Call:
    """The loss of a pair as a function of its floating-point tensors, P's first."""

    def __init__(
        self,
        p: str,
        q: str,
        dtype: Any = np.float64,
        events: tuple[int, ...] = (3,),
        classes: int = 3,
        put: Change = tensor,
    ) -> None:
        rng = np.random.default_rng(zlib.crc32(f"{p} × {q}".encode()))
        targets = makers.BINARY_TARGETS if p.startswith("Binary") else makers.TARGETS
        predictions = makers.BINARY_PREDICTIONS if q.startswith("Binary") else makers.PREDICTIONS
        dtype = np.dtype(dtype)
        # Scores this near to one another leave every derivative far from 0.
        self.p: Any = on_torch(targets[p](rng, events, classes, dtype).target, put)
        self.q: Any = on_torch(predictions[q](rng, events, classes, dtype).prediction, put)
        if q in ("Logits", "Logits(softcap)", "BinaryLogits"):
            self.q = on_torch(self.q, lambda x: 0.3 * x)
        self.of_p = [x for x in tensors(self.p) if x.is_floating_point()]
        self.of_q = tensors(self.q)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return (*self.of_p, *self.of_q)

    def leaves(self) -> tuple[Tensor, ...]:
        """Fresh leaves of the same values, all of which require gradients."""
        return tuple(x.detach().clone().requires_grad_() for x in self.inputs)

    def pair(self, *inputs: Tensor) -> tuple[Any, Any]:
        """P and Q with `inputs` in place of their floating-point tensors."""
        given = {id(old): new for old, new in zip(self.inputs, inputs, strict=True)}

        def swap(x: Tensor) -> Tensor:
            return given.get(id(x), x)

        return on_torch(self.p, swap), on_torch(self.q, swap)

    def __call__(self, *inputs: Tensor, **options: Any) -> Tensor:
        # A step away from a distribution is still to be differentiated.
        with plogq.validation("off"):
            return plogq.cross_entropy(*self.pair(*inputs), **options)

    def by_option(self, **options: Any) -> Callable[..., Tensor]:
        return lambda *inputs: self(*inputs, **options)

    def plainly(self, *inputs: Tensor, reduction: str = "mean") -> Tensor:
        """The same loss as a textbook has it, for autograd to differentiate step by step."""
        p, q = self.pair(*inputs)
        masses, costs = dense(p, costs_of(q)), costs_of(q)
        each = (masses * costs).sum(-1)
        if reduction == "none":
            return each
        return each.sum() / masses.sum() if masses.sum() else each.sum() * 0.0


def costs_of(q: Any) -> Tensor:
    """-log q for every class; for yes/no outcomes (no, yes)."""
    if isinstance(q, plogq.BinaryLogits):
        softplus = torch.nn.functional.softplus
        return torch.stack([softplus(q.scores), softplus(-q.scores)], -1)
    if isinstance(q, plogq.BinaryProbs):
        return torch.stack([-torch.log1p(-q.probs), -q.probs.log()], -1)
    if isinstance(q, plogq.LogProbs):
        return -q.log_probs
    if isinstance(q, plogq.Probs):
        return -q.probs.log()
    scores = q.hidden @ q.weight.T if isinstance(q, plogq.LinearLogits) else q.scores
    scores = scores if getattr(q, "bias", None) is None else scores + q.bias
    return -torch.log_softmax(
        scores if q.softcap is None else q.softcap * torch.tanh(scores / q.softcap), -1
    )


def dense(p: Any, like: Tensor) -> Tensor:
    """P as a row of masses per event, whatever wraps it."""
    if isinstance(p, plogq.Labels):
        kept = torch.ones_like(p.index) if p.ignore is None else (p.index != p.ignore).long()
        one_hot = torch.nn.functional.one_hot(p.index * kept, like.shape[-1])
        return (one_hot * kept[..., None]).to(like.dtype)
    if isinstance(p, plogq.SparseProbs):
        return torch.zeros_like(like).scatter_add(-1, p.index, p.probs)
    if isinstance(p, plogq.Probs):
        return p.probs
    if isinstance(p, plogq.BinaryProbs):
        y = p.probs.to(like.dtype)
        return torch.stack([1 - y, y], -1)
    inner = dense(p.target, like)
    if hasattr(p, "epsilon"):
        return (1 - p.epsilon) * inner + p.epsilon / like.shape[-1] * inner.sum(-1, keepdim=True)
    by_class = p.class_weight
    if isinstance(by_class, tuple):
        by_class = torch.tensor(by_class, dtype=like.dtype)
    inner = inner if by_class is None else inner * by_class
    return inner if p.sample_weight is None else inner * p.sample_weight[..., None]
