"""What the contract owes for a pair that the makers give, asked of the oracle once for all ways."""

from __future__ import annotations

import zlib
from functools import cache
from typing import Any

import numpy as np

from .. import bounds, makers, oracle, slopes
from ..oracle import mp
from .framework import TWO_BACKGROUNDS as TWO_BACKGROUNDS

EVENTS, CLASSES = (4,), 5
# One of each part that a measure can have.
PARTS = ("plain", "smoothed", "both_weights", "class_weight>smoothed")
# Classes of more than a lane and a block of events, on the last axis, the first and a middle one.
SHAPES: dict[str, tuple[tuple[int, ...], int, int]] = {
    "rows": ((1, 2), 150, -1),
    "columns": ((70,), 3, 0),
    "middle": ((2, 37), 3, 1),
}


@cache
def made(p: str, q: str, dtype: np.dtype[Any]) -> tuple[makers.MadeTarget, makers.MadePrediction]:
    """One pair per name and dtype, so that the oracle is asked once for all kernels."""
    rng = np.random.default_rng(zlib.crc32(f"{p} × {q}".encode()))
    targets = makers.BINARY_TARGETS if p.startswith("Binary") else makers.TARGETS
    predictions = makers.BINARY_PREDICTIONS if q.startswith("Binary") else makers.PREDICTIONS
    return (
        targets[p](rng, EVENTS, CLASSES, dtype),
        predictions[q](rng, EVENTS, CLASSES, dtype),
    )


@cache
def true_losses(p: str, q: str, dtype: np.dtype[Any]) -> bounds.Losses:
    return _losses(*made(p, q, dtype), dtype)


def _losses(
    target: makers.MadeTarget, prediction: makers.MadePrediction, dtype: np.dtype[Any]
) -> bounds.Losses:
    truth = [
        oracle.cross_entropy(row, costs)
        for row, costs in zip(target.truth, prediction.costs, strict=True)
    ]
    masses = [oracle.mass(row) for row in target.truth]
    slack = float(slopes.slack(prediction, dtype) * max(masses))
    return bounds.Losses(truth, dtype, masses, slack)


@cache
def true_log_z(p: str, q: str, dtype: np.dtype[Any]) -> tuple[bounds.Truth, list[float]]:
    """log Z = m + log1p(R) may cancel; it is as good as its two terms."""
    costs = made(p, q, dtype)[1].costs
    sizes = [max(abs(c) for c in (x.log_z, *x.cost) if mp.isfinite(c)) for x in costs]
    allowed = [
        float(8 * bounds.unit(dtype) * size) if x.log_z else 0.0
        for x, size in zip(costs, sizes, strict=True)
    ]
    return bounds.Truth(x.log_z for x in costs), allowed


@cache
def true_gradient(
    p: str, q: str, dtype: np.dtype[Any], d_loss: tuple[float, ...], d_log_z: tuple[float, ...]
) -> slopes.Slopes:
    return slopes.Slopes(*made(p, q, dtype), dtype, d_loss, d_log_z)


@cache
def shaped(
    p: str, q: str, shape: str, dtype: np.dtype[Any]
) -> tuple[Any, Any, bounds.Losses, slopes.Slopes]:
    events, classes, axis = SHAPES[shape]
    rng = np.random.default_rng(zlib.crc32(f"{p} × {q} in {shape}".encode()))
    target = makers.TARGETS[p](rng, events, classes, dtype)
    prediction = makers.STORED[q](rng, events, classes, dtype)
    losses = _losses(target, prediction, dtype)
    gradient = slopes.Slopes(target, prediction, dtype, (0.5,) * len(target.truth))
    return (
        makers.turned(target.target, axis),
        makers.turned(prediction.prediction, axis),
        losses,
        gradient,
    )
