"""plogq's loss of every kind, the same in every framework; and the inputs of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import plogq

from .. import inputs
from ..case import Run

IGNORED, EPSILON = -100, 0.1

Loss = Callable[[Any, Any, Any], Any]  # (scores, target, class weights)
Prepare = Callable[[Loss, Any, bool], Run]  # (loss, its inputs, whether the gradient is wanted)
Contender = Callable[[str, Any, bool], Run]  # the same of a kind of loss
Pair = tuple[Contender, Contender]


# What makes P of the target and the class weights.
TARGETS: dict[str, Callable[[Any, Any], Any]] = {
    "labels": lambda y, w: plogq.Labels(y),
    "ignored": lambda y, w: plogq.Labels(y, ignore=IGNORED),
    "smoothed": lambda y, w: plogq.Weighted(
        plogq.Smoothed(plogq.Labels(y), EPSILON), class_weight=w
    ),
    "soft": lambda p, w: plogq.Probs(p),
    "yes/no": lambda y, w: plogq.BinaryProbs(y),
    "none": lambda y, w: plogq.Labels(y),
}


def called(question: Callable[..., Any], kind: str) -> Loss:
    """`question` asked of P and Q of this kind, which are made anew in every call."""
    target, scores = TARGETS[kind], plogq.BinaryLogits if kind == "yes/no" else plogq.Logits
    if kind == "none":
        return lambda z, y, w: question(target(y, w), scores(z), reduction="none")
    return lambda z, y, w: question(target(y, w), scores(z))


def pair(prepare: Prepare, peer: Mapping[str, Loss]) -> Pair:
    """Ours and a peer's losses, both taken by `prepare` from the inputs to what is timed."""

    def ours(kind: str, arrays: Any, gradient: bool) -> Run:
        return prepare(called(plogq.cross_entropy, kind), arrays, gradient)

    return ours, lambda kind, arrays, gradient: prepare(peer[kind], arrays, gradient)


def given(kind: str, shape: tuple[int, int], dtype: str) -> tuple[Any, Any, Any]:
    """Scores, target and class weights of one comparison, as NumPy arrays."""
    z = inputs.scores(shape, dtype)
    weight = np.linspace(0.5, 1.5, shape[1], dtype=np.float32)
    if kind == "soft":
        return z, inputs.probs(shape).astype(z.dtype, copy=False), weight
    if kind == "yes/no":
        return z, inputs.yes(shape[0] * shape[1]).reshape(shape).astype(z.dtype, copy=False), weight
    y = inputs.labels(*shape)
    if kind == "ignored":
        y = np.where(np.arange(len(y)) % 10 == 3, IGNORED, y)
    return z, y, weight
