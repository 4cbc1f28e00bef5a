"""Pairs that laws are about, drawn by their names, and when two results are the same."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import bounds, makers, oracle
from ..bounds import NARROW
from ..oracle import Real
from ..rebuilt import HELD, rebuilt

Array = npt.NDArray[Any]
Names = tuple[str, str]


def seeded(*names: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(names).encode()))


def truths(p: makers.MadeTarget, q: makers.MadePrediction) -> list[Real]:
    return [oracle.cross_entropy(w, c) for w, c in zip(p.truth, q.costs, strict=True)]


def is_binary(name: str) -> bool:
    return name.startswith("Binary")


def is_linear(name: str) -> bool:
    return name.startswith("LinearLogits")


def made(
    names: Names, rng: np.random.Generator, events: tuple[int, ...], classes: int, dtype: Any
) -> tuple[makers.MadeTarget, makers.MadePrediction]:
    p, q = names
    targets = makers.BINARY_TARGETS if is_binary(p) else makers.TARGETS
    predictions = makers.BINARY_PREDICTIONS if is_binary(q) else makers.PREDICTIONS
    return targets[p](rng, events, classes, dtype), predictions[q](rng, events, classes, dtype)


def close(got: npt.ArrayLike, want: npt.ArrayLike, dtype: Any) -> None:
    """The same up to a few roundings of the statistics, and one of the dtype."""
    got = np.asarray(got)
    off = 64 * bounds.unit(dtype) + (4 * bounds.rounding(got.dtype) if got.dtype in NARROW else 0)
    np.testing.assert_allclose(
        got.astype(float), np.asarray(want).astype(float), rtol=off, atol=off
    )


def alike(got: Any, want: Any, dtype: Any, change: Callable[[Array], Array] = lambda x: x) -> None:
    """Two results are close: the losses, and every array of the gradients."""
    close(got[0], want[0], dtype)
    for name in HELD:
        if getattr(want[1], name, None) is not None:
            close(change(getattr(got[1], name)), getattr(want[1], name), dtype)


def of_events(q: Any, change: Callable[[Array], Array]) -> Any:
    """A prediction with its array of events changed."""
    shared = (getattr(q, "weight", None), getattr(q, "bias", None))
    return rebuilt(q, lambda x: x if any(x is s for s in shared) else change(x))


DERIVED = {
    "Logits": oracle.of_logits,
    "Logits(softcap)": lambda s: oracle.of_logits(s, 4.0),
    "LogProbs": oracle.of_log_probs,
    "Probs": oracle.of_probs,
}


def differences(
    p: makers.MadeTarget, q: makers.MadePrediction, name: str, gradient: Any, dtype: Any
) -> None:
    """Hold a gradient of the sum of the losses against differences of the oracle's loss."""
    off = 64 * bounds.unit(dtype)
    if is_linear(name):
        pred = q.prediction
        shapes = [x.shape for x in (pred.hidden, pred.weight, pred.bias) if x is not None]
        ends = np.cumsum([int(np.prod(s)) for s in shapes])

        def loss(at: Any) -> Real:
            parts = [at[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
            n, d = len(p.truth), shapes[0][-1]
            scores = [
                [
                    sum((parts[0][d * i + k] * parts[1][d * j + k] for k in range(d)),
                        parts[2][j] if len(parts) > 2 else oracle.ZERO)
                    for j in range(shapes[1][0])
                ]
                for i in range(n)
            ]  # fmt: skip
            costs = [oracle.of_logits(s, pred.softcap) for s in scores]
            return sum((oracle.cross_entropy(w, c) for w, c in zip(p.truth, costs, strict=True)),
                       oracle.ZERO)  # fmt: skip

        flat = [x for x in (pred.hidden, pred.weight, pred.bias) if x is not None]
        slope = oracle.difference(loss, [v for x in flat for v in oracle.row(x)])
        found = [getattr(gradient, n) for n in ("hidden", "weight", "bias")]
        got = np.concatenate([x.ravel() for x in found if x is not None])
        np.testing.assert_allclose(got, [float(g) for g in slope], rtol=off, atol=16 * off)
        return
    (array,) = (x for x in vars(gradient).values() if x is not None)
    (held,) = (getattr(q.prediction, n) for n in HELD if hasattr(q.prediction, n))
    costs: Any = DERIVED.get(name)
    if is_binary(name):
        of = oracle.of_yes if name == "BinaryLogits" else oracle.of_yes_probability
        costs, held = (lambda s: of(s[0])), held.reshape(-1, 1)
    array = array.reshape(-1, held.shape[-1])
    for i, row in enumerate(oracle.rows(held)):

        def of_row(at: Any, masses: Any = p.truth[i]) -> Real:
            return oracle.cross_entropy(masses, costs(at))

        slope = [float(g) for g in oracle.difference(of_row, row)]
        np.testing.assert_allclose(array[i], slope, rtol=off, atol=off)
