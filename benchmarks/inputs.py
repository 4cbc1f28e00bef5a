"""Seeded inputs: logits of 4 · N(0, 1), labels drawn evenly, and the exact loss of each."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_SEED = 20240229
_CHUNK = 1 << 22  # elements of the exact loss in float64 at a time


@cache
def scores(shape: tuple[int, ...], dtype: str = "float32") -> Array:
    """Logits 4 · N(0, 1) of any of the four dtypes; do not write to them."""
    made = normal(shape)
    made *= 4
    if dtype == "bfloat16":
        import ml_dtypes

        made = made.astype(ml_dtypes.bfloat16)
    made = made.astype(dtype, copy=False) if dtype != "bfloat16" else made
    made.flags.writeable = False
    return made


def normal(shape: tuple[int, ...], stream: int = 0) -> Array:
    """N(0, 1) in float32; two streams have nothing to do with each other."""
    return np.random.default_rng((_SEED, stream)).standard_normal(shape, dtype=np.float32)


@cache
def labels(count: int, classes: int) -> Array:
    return np.random.default_rng(_SEED + 1).integers(0, classes, count)


@cache
def probs(shape: tuple[int, ...]) -> Array:
    """Rows of probabilities, drawn evenly and normalised."""
    made = np.random.default_rng(_SEED + 2).random(shape, dtype=np.float32)
    made /= made.sum(axis=-1, keepdims=True)
    return made


@cache
def yes(count: int) -> Array:
    """Yes/no targets as float32 zeros and ones."""
    return np.random.default_rng(_SEED + 3).integers(0, 2, count).astype(np.float32)


@cache
def teacher(shape: tuple[int, ...]) -> Array:
    """Another model's logits of the same events, 4 · N(0, 1)."""
    made = normal(shape, stream=9)
    made *= 4
    return made


def forget() -> None:
    """Let go of every input, between cases."""
    for made in (scores, labels, probs, yes, teacher):
        made.cache_clear()


def exact(z: Array, target: Array) -> float:
    """The mean loss in float64 on the exact values: labels [N], or probabilities [N, K]."""
    rows = max(1, _CHUNK // z.shape[-1])
    total = 0.0
    for start in range(0, len(z), rows):
        block = z[start : start + rows].astype(np.float64)
        aim = target[start : start + rows]
        top = block.max(axis=-1, keepdims=True)
        log_z = top[:, 0] + np.log(np.exp(block - top).sum(axis=-1))
        if aim.ndim == 1:
            total += float((log_z - block[np.arange(len(block)), aim]).sum())
        else:
            wide = aim.astype(np.float64)
            total += float((wide.sum(axis=-1) * log_z - (wide * block).sum(axis=-1)).sum())
    return total / len(z)


def exact_divergence(z: Array, target: Array) -> float:
    """The mean of KL(P ‖ Q) in float64, for probabilities [N, K]."""
    rows = max(1, _CHUNK // z.shape[-1])
    entropy = 0.0
    for start in range(0, len(z), rows):
        wide = target[start : start + rows].astype(np.float64)
        entropy -= float((wide * np.log(np.where(wide > 0, wide, 1.0))).sum())
    return exact(z, target) - entropy / len(z)


def exact_between(z: Array, teacher: Array) -> float:
    """The mean of KL(P ‖ Q) in float64, for the logits of both."""
    rows = max(1, _CHUNK // z.shape[-1])
    total = 0.0
    for start in range(0, len(z), rows):
        log = []
        for scores in (teacher, z):
            block = scores[start : start + rows].astype(np.float64)
            block -= block.max(axis=-1, keepdims=True)
            log.append(block - np.log(np.exp(block).sum(axis=-1, keepdims=True)))
        total += float((np.exp(log[0]) * (log[0] - log[1])).sum())
    return total / len(z)


def exact_binary(z: Array, target: Array) -> float:
    total = 0.0
    for start in range(0, len(z), _CHUNK):
        block = z[start : start + _CHUNK].astype(np.float64)
        aim = target[start : start + _CHUNK]
        total += float((np.logaddexp(0.0, block) - aim * block).sum())
    return total / len(z)
