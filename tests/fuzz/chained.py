"""P and losses that are computed from something: derivatives that chain to 0 · ∞.

p = softmax(z / T) underflows to 0, where the slope of p log p is -∞; a focal loss with γ < 1 has an
infinite slope where the loss is 0. The derivatives by z are finite all the same, and small there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import plogq

from .allowed import ABSOLUTE, missed, unit
from .measures import wide
from .notes import Notes
from .values import Rng, pick

KINDS = {"kl_divergence": 3, "entropy": 2, "cross_entropy": 2, "focal": 3}
SHAPES = ((1, 4), (3, 5), (2, 33))


def check(rng: Rng, notes: Notes, framework: Any) -> None:
    """One derivative by one array that something is computed from, by one way."""
    kind = pick(rng, KINDS)
    way = "transformed" if rng.random() < 0.4 else "plain"
    n, k = SHAPES[int(rng.integers(len(SHAPES)))]
    dtype = np.dtype(np.float64 if rng.random() < 0.4 else np.float32)
    z = (rng.normal(size=(n, k)) * float(rng.choice([1, 5, 30]))).astype(dtype)
    make = _focal if kind == "focal" else _soft
    f, truth, allowed, detail = make(rng, kind, z, framework)
    name = f"chained: {kind} {dtype.name} [{way}]"
    detail = f"{detail}\nz = {z!r}"
    try:
        found = framework.gradient(f, z, way)
    except Exception as error:
        notes.refused(name, error, detail)
        return
    bad, share = missed(found, truth, allowed, dtype)
    notes.share(f"chained to P, {kind}", float(np.max(np.where(np.isfinite(share), share, 0))))
    nature = "NaN " if np.isnan(found).any() else ""
    notes.check(not bad.any(), f"{nature}{name}", f"{found!r}\n{truth!r}\n{detail}")


def _soft(
    rng: Rng, kind: str, z: Any, framework: Any
) -> tuple[Callable[[Any], Any], Any, Any, str]:
    """Σ of KL, H(P) or H(P, Q) for P = softmax(z / T), where ∂/∂z_i = p_i (g_i - Σ p g) / T."""
    temperature = float(rng.choice([1.0, 0.25, 0.0625]))
    t = (rng.normal(size=z.shape) * 2).astype(z.dtype)

    def f(z: Any) -> Any:
        p = plogq.Probs(framework.softmax(z / temperature))
        if kind == "entropy":
            return plogq.entropy(p, reduction="sum")
        return getattr(plogq, kind)(p, plogq.Logits(framework.constant(t)), reduction="sum")

    scaled = wide(z) / np.longdouble(temperature)
    log_p, log_q = (x - _log_sum(x) for x in (scaled, wide(t)))
    p = np.exp(log_p)
    g = {"kl_divergence": log_p - log_q, "entropy": -log_p, "cross_entropy": -log_q}[kind]
    truth = p * (g - (p * g).sum(1, keepdims=True)) / temperature
    # p has the rounding of an exponential of scores of this size, and so has each term.
    size = (abs(p * g).sum(1, keepdims=True) + abs(p * g) + p) * (1 + abs(scaled).max())
    allowed = 4 * ABSOLUTE * unit(z.dtype) * size / temperature + 4 * float(np.finfo(z.dtype).tiny)
    # Where p rounds to 0 in this type its slope is 0 there: at most what p · g would have been.
    least = float(np.finfo(z.dtype).tiny)
    allowed = allowed + least * (2 + abs(g)) / temperature * 4
    return f, truth, allowed, f"temperature {temperature}, scores {t!r}"


def _log_sum(x: Any) -> Any:
    top = x.max(1, keepdims=True)
    return top + np.log(np.exp(x - top).sum(1, keepdims=True))


def _focal(
    rng: Rng, kind: str, z: Any, framework: Any
) -> tuple[Callable[[Any], Any], Any, Any, str]:
    """Σ focal(L) of labels, some ignored, some as certain as numbers are."""
    gamma = float(rng.choice([0.25, 0.5, 1.0, 2.0]))
    n, k = z.shape
    y = rng.integers(0, k, n)
    sure = rng.random(n) < 0.4
    z[sure, y[sure]] += float(rng.choice([20, 200, 2000]))
    y = np.where(rng.random(n) < 0.3, -100, y)

    def f(z: Any) -> Any:
        p = plogq.Labels(framework.constant(y), ignore=-100)
        losses = plogq.cross_entropy(p, plogq.Logits(z), reduction="none")
        return framework.total(plogq.focal(losses, gamma))

    s, kept = wide(z), y >= 0
    first = np.arange(k)[None] == s.argmax(1)[:, None]
    gaps = s.max(1, keepdims=True) - s
    share = np.where(first, 0, np.exp(-gaps))
    rest = share.sum(1, keepdims=True)
    loss = (np.log1p(rest) + gaps)[np.arange(n), np.where(kept, y, 0)]
    wrong = -np.expm1(-loss)
    with np.errstate(all="ignore"):
        slope = wrong**gamma + np.where(
            wrong > 0, gamma * wrong**gamma / wrong * np.exp(-loss) * loss, 0
        )
    slope = np.where(kept & (loss > 0), slope, 0)
    q = np.where(first, 1, share) / (1 + rest)
    not_q = np.where(first, rest, 1 + rest - share) / (1 + rest)
    chosen = np.arange(k)[None] == y[:, None]
    truth = slope[:, None] * np.where(chosen, -not_q, q)
    truth[~kept] = 0
    off = 4 * ABSOLUTE * unit(z.dtype) * (np.minimum(slope, 8)[:, None] + abs(truth))
    return f, truth, off, f"gamma {gamma}, labels {y!r}"
