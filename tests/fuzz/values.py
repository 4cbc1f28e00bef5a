"""Scores, probabilities, labels and weights to try, among them those that break formulas."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from .program import Array

Rng = np.random.Generator
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.float16), BFLOAT16)
INTEGERS = tuple(map(np.dtype, ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")))

SCORES = {
    "ordinary": 6,
    "wide": 3,
    "confident": 3,
    "ties": 2,
    "equal": 1,
    "shifted": 2,
    "far": 1,
    "subnormal": 1,
    "extreme": 1,
    "infinite": 2,
    "undefined": 1,
}


def pick(rng: Rng, weights: dict[str, int]) -> str:
    """One of the names, as often as its weight says."""
    names, shares = list(weights), np.array(list(weights.values()), float)
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def float_dtype(rng: Rng) -> np.dtype[Any]:
    return FLOATS[int(rng.choice(4, p=[0.35, 0.4, 0.125, 0.125]))]


def scores(rng: Rng, n: int, k: int, dtype: Any, kind: str) -> Array:
    """[n, k] scores of a kind."""
    info = ml_dtypes.finfo(dtype)
    z = rng.normal(size=(n, k)) * 2
    if kind == "wide":
        z = z * 20
    elif kind == "confident":
        at = rng.integers(k, size=n)
        z[np.arange(n), at] += rng.uniform(1, 100, n)
    elif kind == "ties":
        z = rng.integers(-2, 2, (n, k)).astype(float)
    elif kind == "equal":
        z = np.full((n, k), rng.normal() * 10)
    elif kind == "shifted":
        z = z + rng.choice([-1e4, 1e4])
    elif kind == "far":
        top = min(1e30, float(info.max) / 4)
        z = np.clip(z + rng.choice([-top, top]), -top, top)
    elif kind == "subnormal":
        z = rng.integers(-9, 10, (n, k)) * float(info.smallest_subnormal)
    elif kind == "extreme":
        z = rng.choice([-1.0, 0.0, 1.0], (n, k)) * float(info.max) / 4 + z
    elif kind in ("infinite", "undefined"):
        z = np.where(rng.random((n, k)) < 0.2, -np.inf, z)
        if n and kind == "infinite" and rng.random() < 0.4:
            z[rng.integers(n), rng.integers(k)] = np.inf
        if n and kind == "undefined":
            z[rng.integers(n), rng.integers(k)] = np.nan
            if rng.random() < 0.3:
                z[rng.integers(n)] = -np.inf
    with np.errstate(over="ignore"):
        return z.astype(dtype)


def distributions(rng: Rng, n: int, k: int, dtype: Any) -> Array:
    """[n, k] rows that sum to 1 as nearly as numbers of this type do."""
    kind = pick(rng, {"soft": 5, "sharp": 3, "one-hot": 2, "zeros": 2, "even": 1, "single": 2})
    if kind == "one-hot":
        p = certain(rng, n, k)
    elif kind == "even":
        p = np.full((n, k), 1 / k)
    else:
        z = rng.normal(size=(n, k)) * {"sharp": 15.0}.get(kind, 1.5)
        if kind == "zeros":
            z = np.where(rng.random((n, k)) < 0.3, -np.inf, z)
            z[:, rng.integers(k)] = 0.0
        p = np.exp(z - z.max(1, initial=-np.inf, keepdims=True))
        p = p / p.sum(1, keepdims=True)
        if kind == "single" and dtype == np.float64:
            # Probabilities that were float32 before they were float64.
            p = p.astype(np.float32).astype(np.float64)
    p = p.astype(dtype)
    # Rounding to 16 bits may take a row of many classes too far from 1: those are one-hot.
    off = abs(p.astype(float).sum(1) - 1) > 0.3 * float(ml_dtypes.finfo(dtype).eps) ** 0.5
    if dtype == np.float64:
        off &= False
    p[off] = certain(rng, int(off.sum()), k).astype(dtype)
    return p


def certain(rng: Rng, n: int, k: int) -> Array:
    """[n, k] rows of one 1."""
    p = np.zeros((n, k))
    p[np.arange(n), rng.integers(k, size=n)] = 1.0
    return p


def log_probabilities(rng: Rng, n: int, k: int, dtype: Any) -> Array:
    """[n, k] log-probabilities, -∞ here and there."""
    z = rng.normal(size=(n, k)) * rng.choice([1.0, 3.0, 30.0])
    z = np.where(rng.random((n, k)) < rng.choice([0, 0.1]), -np.inf, z)
    z[:, rng.integers(k)] = 0.0
    top = z.max(1, initial=-np.inf, keepdims=True)
    log_q = (z - top) - np.log(np.exp(z - top).sum(1, keepdims=True))
    return np.minimum(log_q, 0.0).astype(dtype)


def unit_interval(rng: Rng, shape: tuple[int, ...], dtype: Any) -> Array:
    """Probabilities of yes: ordinary ones, 0, 1, and those nearest to 0 and 1."""
    info = ml_dtypes.finfo(dtype)
    q = rng.random(shape)
    kind = pick(rng, {"inside": 5, "ends": 2, "near": 2, "hard": 1})
    if kind == "ends":
        q = np.where(rng.random(shape) < 0.3, rng.integers(0, 2, shape), q)
    elif kind == "near":
        small = 2.0 ** -rng.integers(1, 12 if dtype.itemsize == 2 else 100, shape)
        q = np.where(rng.random(shape) < 0.5, small, 1 - np.maximum(small, float(info.eps) / 2))
    elif kind == "hard":
        q = rng.integers(0, 2, shape).astype(float)
    return np.clip(q, 0, 1).astype(dtype)


def labels(
    rng: Rng, shape: tuple[int, ...], k: int, integers: tuple[np.dtype[Any], ...] = INTEGERS
) -> tuple[Array, int | None]:
    """Labels of an integer type that has all classes, and the one that is ignored."""
    fits = [d for d in integers if np.iinfo(d).max >= k - 1]
    dtype = fits[int(rng.integers(len(fits)))]
    y = rng.integers(0, k, shape)
    if rng.random() < 0.6:
        return y.astype(dtype), None
    info = np.iinfo(dtype)
    choices = [x for x in (-100, -1, 255, k, k - 1, 0, info.max) if info.min <= x <= info.max]
    ignore = choices[int(rng.integers(len(choices)))]
    share = rng.choice([0.2, 0.6, 1.0], p=[0.6, 0.3, 0.1])
    y = np.asarray(y).astype(dtype)
    y[rng.random(shape) < share] = ignore
    return y, int(ignore)


def weights(rng: Rng, shape: tuple[int, ...], narrow: bool = False) -> Array:
    """Weights: ordinary ones, zeros, counts, tiny and huge ones; `narrow` for those of 32 bits."""
    kind = pick(rng, {"ordinary": 4, "zeros": 4, "counts": 2, "tiny": 1, "huge": 1, "mixed": 1})
    w = rng.uniform(0.1, 3, shape)
    low, high = (-12, 12) if narrow else (-46, 40)
    if kind == "zeros":
        w = np.where(rng.random(shape) < 0.4, 0.0, w)
    elif kind == "counts":
        return rng.integers(0, 4, shape).astype(rng.choice(["i4", "i8", "f4", "f8"]))
    elif kind == "tiny":
        w = w * 10.0 ** rng.integers(low, 0)
    elif kind == "huge":
        w = w * 10.0 ** rng.integers(0, high)
    elif kind == "mixed":
        w = w * 10.0 ** rng.integers(low // 2, high // 2, shape)
    dtype = np.float64
    if rng.random() < 0.4:
        dtype = np.float32
        w = np.minimum(w, 3e38)
    return np.asarray(w).astype(dtype)
