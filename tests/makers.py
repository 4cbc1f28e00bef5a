"""Every way to write down P and Q, each with what it means.

A target maker gives a representation and, per event, the exact row of masses that it stands for; a
prediction maker gives a representation and, per event, the exact costs -log q. A test that takes
its cases from `TARGETS` and `PREDICTIONS` holds for whatever is added to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import plogq

from . import oracle
from .oracle import Row

Array = npt.NDArray[Any]
Rng = np.random.Generator
Events = tuple[int, ...]


@dataclass
class MadeTarget:
    """A target, and the row of masses of every event in C order."""

    target: Any
    truth: list[Row]
    hard: bool = False


@dataclass
class MadePrediction:
    """A prediction, and what a test needs to say what it should give."""

    prediction: Any
    costs: list[oracle.Costs]
    kind: str


TargetMaker = Callable[[Rng, Events, int, Any], MadeTarget]
PredictionMaker = Callable[[Rng, Events, int, Any], MadePrediction]


def dyadic(
    rng: Rng, shape: Sequence[int], dtype: Any, most: int = 40, step: float = 0.125
) -> Array:
    """Multiples of `step` up to most · step: exact in every dtype, and so are their differences."""
    return (rng.integers(-most, most + 1, size=tuple(shape)) * step).astype(dtype)


def distribution(rng: Rng, shape: Sequence[int], dtype: Any) -> Array:
    """Rows of probabilities over the last axis, as near to 1 as the dtype lets them come."""
    p = rng.dirichlet(np.ones(shape[-1]), size=tuple(shape[:-1]))
    return p.astype(dtype)


def labels(rng: Rng, events: Events, classes: int, dtype: Any) -> MadeTarget:
    y = rng.integers(0, classes, size=events)
    truth = [oracle.one_hot(int(v), classes) for v in y.reshape(-1)]
    return MadeTarget(plogq.Labels(y), truth, hard=True)


def ignored(rng: Rng, events: Events, classes: int, dtype: Any) -> MadeTarget:
    """Labels of which about a third are marked -100, the first always."""
    y = rng.integers(0, classes, size=events)
    y = np.where(rng.random(events) < 0.35, -100, y)
    y.reshape(-1)[:1] = -100
    truth = [oracle.one_hot(int(v), classes) for v in y.reshape(-1)]
    return MadeTarget(plogq.Labels(y, ignore=-100), truth, hard=True)


def probs(rng: Rng, events: Events, classes: int, dtype: Any) -> MadeTarget:
    p = distribution(rng, (*events, classes), dtype)
    return MadeTarget(plogq.Probs(p), oracle.rows(p))


def sparse(rng: Rng, events: Events, classes: int, dtype: Any) -> MadeTarget:
    """The two or three likeliest classes; their probabilities sum to less than 1."""
    count = min(3, classes - 1) or 1
    index = np.argsort(rng.random((*events, classes)), axis=-1)[..., :count]
    p = (distribution(rng, (*events, count + 1), dtype))[..., :count]
    truth = []
    for where, what in zip(index.reshape(-1, count), oracle.rows(p), strict=True):
        dense = [oracle.ZERO] * classes
        for j, w in zip(where, what, strict=True):
            dense[j] = dense[j] + w
        truth.append(dense)
    return MadeTarget(plogq.SparseProbs(index, p), truth)


BASES: dict[str, TargetMaker] = {
    "Labels": labels,
    "Labels(ignore)": ignored,
    "Probs": probs,
    "SparseProbs": sparse,
}


@dataclass(frozen=True)
class Smooth:
    epsilon: float = 0.1

    def __call__(self, rng: Rng, made: MadeTarget, events: Events, classes: int) -> MadeTarget:
        truth = [oracle.smooth(p, self.epsilon) for p in made.truth]
        return MadeTarget(plogq.Smoothed(made.target, self.epsilon), truth)


@dataclass(frozen=True)
class Weigh:
    sample: bool = False
    by_class: bool = False

    def __call__(self, rng: Rng, made: MadeTarget, events: Events, classes: int) -> MadeTarget:
        sample = rng.integers(0, 9, size=events) / 4.0 if self.sample else None
        by_class = rng.integers(1, 9, size=classes) / 4.0 if self.by_class else None
        each = np.ones(events) if sample is None else sample
        truth = [
            oracle.weigh(p, float(w), by_class)
            for p, w in zip(made.truth, each.reshape(-1), strict=True)
        ]
        target = plogq.Weighted(made.target, sample_weight=sample, class_weight=by_class)
        return MadeTarget(target, truth, made.hard)


SMOOTH, SAMPLE, CLASS, BOTH = Smooth(), Weigh(sample=True), Weigh(by_class=True), Weigh(True, True)

# From the inside out; both orders of every two, and what three layers can add to that.
WRAPPERS: dict[str, tuple[Smooth | Weigh, ...]] = {
    "plain": (),
    "smoothed": (SMOOTH,),
    "sample_weight": (SAMPLE,),
    "class_weight": (CLASS,),
    "both_weights": (BOTH,),
    "smoothed>class_weight": (SMOOTH, CLASS),
    "class_weight>smoothed": (CLASS, SMOOTH),
    "smoothed>sample_weight": (SMOOTH, SAMPLE),
    "sample_weight>smoothed": (SAMPLE, SMOOTH),
    "smoothed>smoothed": (SMOOTH, Smooth(0.25)),
    "class_weight>sample_weight": (CLASS, SAMPLE),
    "sample_weight>class_weight": (SAMPLE, CLASS),
    "class_weight>class_weight": (CLASS, CLASS),
    "smoothed>both_weights>smoothed": (SMOOTH, BOTH, Smooth(0.25)),
    "both_weights>smoothed>both_weights": (BOTH, SMOOTH, BOTH),
    "all_smoothed": (Smooth(1.0),),
    "not_smoothed": (Smooth(0.0),),
}


def wrapped(base: TargetMaker, layers: tuple[Smooth | Weigh, ...]) -> TargetMaker:
    def make(rng: Rng, events: Events, classes: int, dtype: Any) -> MadeTarget:
        made = base(rng, events, classes, dtype)
        for layer in layers:
            made = layer(rng, made, events, classes)
        return made

    return make


TARGETS: dict[str, TargetMaker] = {
    f"{base}-{layers}": wrapped(BASES[base], WRAPPERS[layers])
    for base in BASES
    for layers in WRAPPERS
}


def logits(rng: Rng, events: Events, classes: int, dtype: Any) -> MadePrediction:
    z = dyadic(rng, (*events, classes), dtype)
    return MadePrediction(plogq.Logits(z), [oracle.of_logits(s) for s in oracle.rows(z)], "logits")


def capped_logits(rng: Rng, events: Events, classes: int, dtype: Any) -> MadePrediction:
    z = dyadic(rng, (*events, classes), dtype)
    costs: list[oracle.Costs] = [oracle.of_logits(s, 4.0) for s in oracle.rows(z)]
    return MadePrediction(plogq.Logits(z, softcap=4.0), costs, "capped")


def log_probs(rng: Rng, events: Events, classes: int, dtype: Any) -> MadePrediction:
    x = np.log(rng.dirichlet(np.ones(classes), size=events)).astype(dtype)
    costs = [oracle.of_log_probs(r) for r in oracle.rows(x)]
    return MadePrediction(plogq.LogProbs(x), costs, "log_probs")


def stored_probs(rng: Rng, events: Events, classes: int, dtype: Any) -> MadePrediction:
    q = distribution(rng, (*events, classes), dtype)
    return MadePrediction(plogq.Probs(q), [oracle.of_probs(r) for r in oracle.rows(q)], "probs")


def linear(bias: bool, softcap: float | None = None) -> PredictionMaker:
    """hidden and weight whose products are exact in float32, so that N1 holds as it stands."""

    def make(rng: Rng, events: Events, classes: int, dtype: Any) -> MadePrediction:
        hidden = dyadic(rng, (*events, 3), dtype, most=8)
        weight = dyadic(rng, (classes, 3), dtype, most=12, step=0.25)
        b = dyadic(rng, (classes,), dtype, most=16) if bias else None
        scores = oracle.product(hidden, weight, b)
        costs: list[oracle.Costs] = [oracle.of_logits(s, softcap) for s in scores]
        q = plogq.LinearLogits(hidden, weight, b, softcap=softcap)
        return MadePrediction(q, costs, "linear" if softcap is None else "capped linear")

    return make


STORED: dict[str, PredictionMaker] = {
    "Logits": logits,
    "Logits(softcap)": capped_logits,
    "LogProbs": log_probs,
    "Probs": stored_probs,
}
PREDICTIONS: dict[str, PredictionMaker] = {
    **STORED,
    "LinearLogits": linear(bias=False),
    "LinearLogits(bias)": linear(bias=True),
    "LinearLogits(softcap)": linear(bias=True, softcap=4.0),
}


def turned(x: Any, axis: int) -> Any:
    """The same target or stored prediction with its classes on `axis`, contiguous in memory."""

    def turn(array: Array) -> Array:
        return np.ascontiguousarray(np.moveaxis(array, -1, axis))

    if isinstance(x, plogq.Probs):
        return plogq.Probs(turn(x.probs), axis=axis)
    if isinstance(x, plogq.Logits):
        return plogq.Logits(turn(x.scores), axis=axis, softcap=x.softcap)
    if isinstance(x, plogq.LogProbs):
        return plogq.LogProbs(turn(x.log_probs), axis=axis)
    if isinstance(x, plogq.Smoothed):
        return plogq.Smoothed(turned(x.target, axis), x.epsilon)
    if isinstance(x, plogq.Weighted):
        return plogq.Weighted(
            turned(x.target, axis), sample_weight=x.sample_weight, class_weight=x.class_weight
        )
    return x


# Yes/no outcomes: the truth is a row (mass on no, mass on yes) per element.


def yes_no(kind: str) -> TargetMaker:
    def make(rng: Rng, events: Events, classes: int, dtype: Any) -> MadeTarget:
        hard = rng.integers(0, 2, size=events)
        y: Array = {
            "soft": (rng.integers(0, 65, size=events) / 64.0).astype(dtype),
            "float": hard.astype(dtype),
            "bool": hard.astype(bool),
            "integer": hard.astype(np.int8),
        }[kind]
        truth = [[1 - oracle.real(v), oracle.real(v)] for v in np.asarray(y, float).reshape(-1)]
        return MadeTarget(plogq.BinaryProbs(y), truth, hard=kind != "soft")

    return make


@dataclass(frozen=True)
class WeighBinary:
    sample: bool = False
    by_class: bool = False

    def __call__(self, rng: Rng, made: MadeTarget, events: Events, classes: int) -> MadeTarget:
        sample = rng.integers(0, 9, size=events) / 4.0 if self.sample else None
        pair = (0.5, 3.0) if self.by_class else None
        each = np.ones(events) if sample is None else sample
        truth = [
            oracle.weigh(p, float(w), pair)
            for p, w in zip(made.truth, each.reshape(-1), strict=True)
        ]
        target = plogq.Weighted(made.target, sample_weight=sample, class_weight=pair)
        return MadeTarget(target, truth, made.hard)


def _binary_wrapped(base: TargetMaker, layers: tuple[Smooth | Weigh, ...]) -> TargetMaker:
    binary = tuple(
        WeighBinary(layer.sample, layer.by_class) if isinstance(layer, Weigh) else layer
        for layer in layers
    )

    def make(rng: Rng, events: Events, classes: int, dtype: Any) -> MadeTarget:
        made = base(rng, events, classes, dtype)
        for layer in binary:
            made = layer(rng, made, events, classes)
        return made

    return make


BINARY_TARGETS: dict[str, TargetMaker] = {
    f"BinaryProbs({kind})-{layers}": _binary_wrapped(yes_no(kind), WRAPPERS[layers])
    for kind in ("soft", "float", "bool", "integer")
    for layers in WRAPPERS
}


def binary_logits(rng: Rng, events: Events, classes: int, dtype: Any) -> MadePrediction:
    z = dyadic(rng, events, dtype, most=80)
    costs: list[oracle.Costs] = [oracle.of_yes(s) for s in oracle.row(z)]
    return MadePrediction(plogq.BinaryLogits(z), costs, "logits")


def binary_probs(rng: Rng, events: Events, classes: int, dtype: Any) -> MadePrediction:
    q = rng.random(events).astype(dtype)
    costs = [oracle.of_yes_probability(s) for s in oracle.row(q)]
    return MadePrediction(plogq.BinaryProbs(q), costs, "probs")


BINARY_PREDICTIONS: dict[str, PredictionMaker] = {
    "BinaryLogits": binary_logits,
    "BinaryProbs": binary_probs,
}
