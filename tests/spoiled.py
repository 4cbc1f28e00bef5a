"""Pairs of which some events have no mass, with whatever may stand there instead of numbers.

`pairs` gives each pair twice: with the events that have no mass spoilt, and without them. A loss, a
mean and a gradient must not tell the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import plogq

Array = npt.NDArray[Any]

NAN, INF = float("nan"), float("inf")
CLASSES, EVENTS = 5, 9
# Every second event or so has no mass.
OUT = np.array([False, True, False, True, True, False, True, False, True])
COUNT = int(OUT.sum())


@dataclass(frozen=True)
class Spoilt:
    """A pair with spoilt events of no mass, and the same pair without those events."""

    name: str
    p: Any
    q: Any
    kept_p: Any
    kept_q: Any
    out: Array

    def __str__(self) -> str:
        return self.name


def _filled(rng: np.random.Generator, x: Array, junk: list[Any]) -> Array:
    """x with rows of junk where there is no mass."""
    x = x.copy()
    for i, event in enumerate(np.flatnonzero(OUT)):
        row = junk[i % len(junk)]
        x[event] = row if np.ndim(row) == 0 else np.resize(row, x.shape[1:])
    return x


def _rows(rng: np.random.Generator) -> Array:
    return rng.dirichlet(np.ones(CLASSES), EVENTS)


_SCORES = [NAN, [INF, NAN, 1.0], -INF, INF, 1e30]
_PROBS = [0.0, NAN, 7.0, [-1.0, 2.0], INF]
_LOGS = [NAN, 5.0, INF, -INF, [0.0, 3.0]]
_YES = [NAN, 255.0, -1.0, INF, 7.0]


def targets(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[str, Any, Any]]:
    """Targets over exclusive classes: as they are, and spoilt."""
    y = rng.integers(0, CLASSES, EVENTS)
    junk = _filled(rng, y, [7, -1, 255, 10**6, -(10**6)])
    yield "Labels", plogq.Labels(y), plogq.Labels(junk)
    p = _rows(rng).astype(dtype)
    yield "Probs", plogq.Probs(p), plogq.Probs(_filled(rng, p, _PROBS))
    index = np.argsort(rng.random((EVENTS, CLASSES)), axis=-1)[:, :3]
    some = (_rows(rng)[:, :3]).astype(dtype)
    yield (
        "SparseProbs",
        plogq.SparseProbs(index, some),
        plogq.SparseProbs(_filled(rng, index, [-3, 99, 5]), _filled(rng, some, [NAN, -1.0, INF])),
    )


def predictions(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[str, Any, Any]]:
    """Predictions over exclusive classes: as they are, and spoilt."""
    z = rng.normal(size=(EVENTS, CLASSES)).astype(dtype)
    junk = _filled(rng, z, _SCORES)
    yield "Logits", plogq.Logits(z), plogq.Logits(junk)
    yield "Logits(softcap)", plogq.Logits(z, softcap=3.0), plogq.Logits(junk, softcap=3.0)
    q = _rows(rng).astype(dtype)
    yield "Probs", plogq.Probs(q), plogq.Probs(_filled(rng, q, _PROBS))
    logs = np.log(q)
    yield "LogProbs", plogq.LogProbs(logs), plogq.LogProbs(_filled(rng, logs, _LOGS))
    h, w, b = (rng.normal(size=n).astype(dtype) for n in ((EVENTS, 4), (CLASSES, 4), (CLASSES,)))
    bad = _filled(rng, h, [NAN, INF, [1.0, -INF], 1e30])
    yield "LinearLogits", plogq.LinearLogits(h, w, b), plogq.LinearLogits(bad, w, b)


def yes_no_targets(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[str, Any, Any]]:
    """Targets of yes/no outcomes: as they are, and spoilt."""
    y = rng.random(EVENTS).astype(dtype)
    yield "BinaryProbs", plogq.BinaryProbs(y), plogq.BinaryProbs(_filled(rng, y, _YES))
    hard = rng.integers(0, 2, EVENTS).astype(np.uint8)
    junk = _filled(rng, hard, [255, 7])
    yield "BinaryProbs(uint8)", plogq.BinaryProbs(hard), plogq.BinaryProbs(junk)


def yes_no_predictions(rng: np.random.Generator, dtype: Any) -> Iterator[tuple[str, Any, Any]]:
    """Predictions of yes/no outcomes: as they are, and spoilt."""
    z = rng.normal(size=EVENTS).astype(dtype)
    yield "BinaryLogits", plogq.BinaryLogits(z), plogq.BinaryLogits(_filled(rng, z, _SCORES[::2]))
    q = rng.uniform(0.1, 0.9, EVENTS).astype(dtype)
    yield "BinaryProbs", plogq.BinaryProbs(q), plogq.BinaryProbs(_filled(rng, q, _YES))


def _only_kept(r: Any) -> Any:
    """A representation without the events that have no mass."""
    if isinstance(r, plogq.Labels):
        return plogq.Labels(r.index[~OUT], ignore=r.ignore)
    if isinstance(r, plogq.SparseProbs):
        return plogq.SparseProbs(r.index[~OUT], r.probs[~OUT])
    if isinstance(r, plogq.LinearLogits):
        return plogq.LinearLogits(r.hidden[~OUT], r.weight, r.bias)
    if isinstance(r, plogq.Logits):
        return plogq.Logits(r.scores[~OUT], softcap=r.softcap)
    name = "log_probs" if isinstance(r, plogq.LogProbs) else "probs"
    name = "scores" if isinstance(r, plogq.BinaryLogits) else name
    return type(r)(getattr(r, name)[~OUT])


def pairs(dtype: Any) -> list[Spoilt]:
    """Every target with every prediction, under weights of 0 in each place that they can have."""
    rng = np.random.default_rng(7)
    weight = np.where(OUT, 0.0, rng.uniform(0.5, 2.0, EVENTS))
    by_class = rng.uniform(0.5, 2.0, CLASSES)
    found: list[Spoilt] = []

    def add(name: str, p: Any, junk_p: Any, q: Any, junk_q: Any) -> None:
        found.append(Spoilt(name, junk_p, junk_q, p, _only_kept(q), OUT))

    def weighed(p: Any, junk: Any, more: Any) -> Iterator[tuple[str, Any, Any]]:
        kept, w = _only_kept(p), weight[~OUT]
        if isinstance(more, tuple):
            sides = tuple(np.array(x) for x in more)
            yield (
                "weighted by arrays",
                plogq.Weighted(kept, sample_weight=w, class_weight=sides),
                plogq.Weighted(junk, sample_weight=weight, class_weight=sides),
            )
        yield (
            "weighted",
            plogq.Weighted(kept, sample_weight=w),
            plogq.Weighted(junk, sample_weight=weight),
        )
        yield (
            "weighted(smoothed)",
            plogq.Weighted(plogq.Smoothed(kept, 0.1), sample_weight=w, class_weight=more),
            plogq.Weighted(plogq.Smoothed(junk, 0.1), sample_weight=weight, class_weight=more),
        )
        yield (
            "smoothed(weighted)",
            plogq.Smoothed(plogq.Weighted(kept, sample_weight=w, class_weight=more), 0.2),
            plogq.Smoothed(plogq.Weighted(junk, sample_weight=weight, class_weight=more), 0.2),
        )

    sides = (
        (list(targets(rng, dtype)), list(predictions(rng, dtype)), by_class),
        (list(yes_no_targets(rng, dtype)), list(yes_no_predictions(rng, dtype)), (0.5, 2.0)),
    )
    for of_p, of_q, more in sides:
        for p_name, p, junk_p in of_p:
            for q_name, q, junk_q in of_q:
                for how, kept, junk in weighed(p, junk_p, more):
                    add(f"{how}-{p_name}-{q_name}", kept, junk, q, junk_q)
    for q_name, q, junk_q in sides[1][1]:
        y = rng.random(EVENTS).astype(dtype)
        ignored = plogq.BinaryProbs(_filled(rng, y, [NAN, -1.0, 255.0]), ignore=(-1, NAN, 255))
        add(f"ignored-BinaryProbs-{q_name}", plogq.BinaryProbs(y[~OUT]), ignored, q, junk_q)
        smooth = (plogq.Smoothed(p, 0.1) for p in (plogq.BinaryProbs(y[~OUT]), ignored))
        add(f"ignored and smoothed-BinaryProbs-{q_name}", *smooth, q, junk_q)
    y = rng.choice([0, 1, 2, 4], EVENTS)
    for q_name, q, junk_q in sides[0][1]:
        ignored = plogq.Labels(_filled(rng, y, [-100, 255, 3]), ignore=(-100, 255, 3))
        add(f"ignored-{q_name}", plogq.Labels(y[~OUT]), ignored, q, junk_q)
        # A class that weighs nothing takes its events out as well.
        nothing = np.where(np.arange(CLASSES) == 2, 0.0, by_class)
        hot = np.eye(CLASSES)[np.where(OUT, 2, y % 2)].astype(dtype)
        for name, p in (("one-hot", plogq.Probs(hot)), ("label", plogq.Labels(hot.argmax(1)))):
            add(
                f"class of weight 0-{name}-{q_name}",
                plogq.Weighted(_only_kept(p), class_weight=nothing),
                plogq.Weighted(p, class_weight=nothing),
                q,
                junk_q,
            )
    return found
