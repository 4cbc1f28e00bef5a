"""Pairs of P and Q as functions of all of their floating-point arrays, for what transforms.

`PAIRS` has one of each part that P and Q can have; a textbook says what each must give.
"""

from __future__ import annotations

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import plogq

from .. import makers
from .arrays import Call, on_jax

Array = Any

_WRAPPERS = ("both_weights", "class_weight>smoothed")
PAIRS = [
    *((f"{p}-{w}", "Logits") for p in makers.BASES for w in _WRAPPERS),
    *((f"{p}-plain", "Logits") for p in ("Probs", "SparseProbs")),
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
FEW = [
    ("Labels-plain", "Logits"),
    ("Labels-smoothed>both_weights>smoothed", "Logits(softcap)"),
    ("Probs-both_weights", "Logits"),
    ("SparseProbs-smoothed", "Probs"),
    ("BinaryProbs(soft)-both_weights", "BinaryLogits"),
    ("Labels-plain", "LinearLogits(bias)"),
]


class Pair(Call):
    """A pair of float64, and its textbook."""

    def __init__(self, p: str, q: str, events: tuple[int, ...] = (3,), classes: int = 3) -> None:
        rng = np.random.default_rng(zlib.crc32(f"{p} × {q}".encode()))
        targets = makers.BINARY_TARGETS if p.startswith("Binary") else makers.TARGETS
        predictions = makers.BINARY_PREDICTIONS if q.startswith("Binary") else makers.PREDICTIONS
        dtype = np.dtype(np.float64)
        prediction = predictions[q](rng, events, classes, dtype).prediction
        if q in ("Logits", "Logits(softcap)", "BinaryLogits"):
            # Scores this near to one another leave every derivative far from 0.
            prediction = on_jax(prediction, lambda x: 0.3 * x)
        super().__init__(targets[p](rng, events, classes, dtype).target, prediction)

    def tangents(self, seed: int = 1) -> list[Array]:
        """A direction for each of the floating-point arrays."""
        rng = np.random.default_rng(seed)
        return [jnp.asarray(rng.normal(size=self.inputs[i].shape)) for i in self.floats]

    def moving(self, **options: Any) -> Any:
        """The loss of the floating-point arrays alone."""
        return lambda *x: self(*self.given(x), **options)

    def plainly(self, reduction: str = "mean") -> Any:
        """The same loss as a textbook has it, for JAX to differentiate step by step."""
        return lambda *x: textbook(*self.pair(self.given(x)), reduction)

    def given(self, floats: Any) -> list[Array]:
        inputs = list(self.inputs)
        for i, x in zip(self.floats, floats, strict=True):
            inputs[i] = x
        return inputs

    @property
    def at(self) -> list[Array]:
        return [self.inputs[i] for i in self.floats]


def textbook(p: Any, q: Any, reduction: str) -> Array:
    costs = costs_of(q)
    masses = dense(p, costs)
    each = (masses * costs).sum(-1)
    return each if reduction == "none" else each.sum() / masses.sum()


def costs_of(q: Any) -> Array:
    """-log q for every class; for yes/no outcomes (no, yes)."""
    if isinstance(q, plogq.BinaryLogits):
        return jnp.stack([jax.nn.softplus(q.scores), jax.nn.softplus(-q.scores)], -1)
    if isinstance(q, plogq.BinaryProbs):
        return jnp.stack([-jnp.log1p(-q.probs), -jnp.log(q.probs)], -1)
    if isinstance(q, plogq.LogProbs):
        return -q.log_probs
    if isinstance(q, plogq.Probs):
        return -jnp.log(q.probs)
    scores = q.hidden @ q.weight.T if isinstance(q, plogq.LinearLogits) else q.scores
    scores = scores if getattr(q, "bias", None) is None else scores + q.bias
    capped = scores if q.softcap is None else q.softcap * jnp.tanh(scores / q.softcap)
    return -jax.nn.log_softmax(capped, -1)


def dense(p: Any, like: Array) -> Array:
    """P as a row of masses per event, whatever wraps it."""
    if isinstance(p, plogq.Labels):
        # A label that is no class, as an ignored one is, has no 1 in its row.
        return jax.nn.one_hot(p.index, like.shape[-1], dtype=like.dtype)
    if isinstance(p, plogq.SparseProbs):
        return (jax.nn.one_hot(p.index, like.shape[-1]) * p.probs[..., None]).sum(-2)
    if isinstance(p, plogq.Probs):
        return p.probs
    if isinstance(p, plogq.BinaryProbs):
        y = p.probs.astype(like.dtype)
        return jnp.stack([1 - y, y], -1)
    inner = dense(p.target, like)
    if hasattr(p, "epsilon"):
        return (1 - p.epsilon) * inner + p.epsilon / like.shape[-1] * inner.sum(-1, keepdims=True)
    by_class = p.class_weight
    if isinstance(by_class, tuple):
        by_class = jnp.asarray(by_class, like.dtype)
    inner = inner if by_class is None else inner * by_class
    return inner if p.sample_weight is None else inner * p.sample_weight[..., None]
