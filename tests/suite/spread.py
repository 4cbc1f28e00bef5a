"""Mass that is spread: what is left over beside listed classes, and where a smoothed share goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import plogq

from .. import bounds, oracle
from ..rebuilt import rebuilt
from .apart import arrays_of
from .framework import Suite, needs
from .made import is_linear

Array = npt.NDArray[Any]
INF = float("inf")
CLASSES = 6
# Two of one class, and a probability of 0, are listed as well.
INDEX = np.array([[4, 1, 0], [2, 2, 5], [0, 5, 3]])
LISTED = np.array([[0.5, 0.25, 0.125], [0.25, 0.125, 0.5], [0.75, 0.25, 0.0]])
Y = np.array([1, 2, 0])
SOFT = np.array(
    [[0.5, 0.25, 0.25, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0.125, 0.125, 0.25, 0, 0.25, 0.25]]
)
PRIOR = np.array([0.25, 0.25, 0.125, 0.0, 0.125, 0.25])
EACH = np.array([PRIOR, PRIOR[::-1], np.roll(PRIOR, 2)])
SCORES = np.array(
    [[0.5, 2.0, -3.0, 4.0, 1.0, 0.25], [9.0, 1.0, 30.0, 0.5, 0.0, 2.0], [1.5, 0, 3, 1, 2, -8]]
)
TAME = SCORES / 8
# Classes that are ruled out where P has nothing; of the last event all that the bucket has.
RULED_OUT = SCORES.copy()
RULED_OUT[0, 5] = RULED_OUT[1, 4] = -INF
RULED_OUT[2, 1:5] = -INF
HIDDEN, WEIGHT = np.array([[0.5, 1.0], [-1.0, 2.0], [3.0, 0.25]]), np.arange(12.0).reshape(6, 2) / 4


@dataclass(frozen=True)
class Case:
    """A pair, and what it is: rows of masses, or a loss of costs."""

    p: Callable[[Any], Any]  # from a dtype
    q: Callable[[Any], Any]
    rows: Array | None  # None for a bucket, which is no row of masses


def _probs(scores: Array) -> Array:
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _logits(scores: Array = SCORES, **options: Any) -> Callable[[Any], Any]:
    return lambda dtype: plogq.Logits(scores.astype(dtype), **options)


def _even() -> Array:
    rows = np.zeros((3, CLASSES))
    for row, index, p in zip(rows, INDEX, LISTED, strict=True):
        np.add.at(row, index, p)
        others = np.setdiff1d(np.arange(CLASSES), index)
        row[others] = (1 - p.sum()) / len(others)
    return rows


def _smooth(rows: Array, to: Array) -> Array:
    return 0.75 * rows + 0.25 * to


def _possible(scores: Array) -> Array:
    there = scores > -INF
    return there / there.sum(axis=-1, keepdims=True)


def _linear(dtype: Any) -> Any:
    bias = np.where(np.arange(CLASSES) == 4, -INF, 0.5)
    return plogq.LinearLogits(HIDDEN.astype(dtype), WEIGHT.astype(dtype), bias.astype(dtype))


def _listed(tail: str) -> Callable[[Any], Any]:
    return lambda dtype: plogq.SparseProbs(INDEX.copy(), LISTED.astype(dtype), tail=tail)


HOT = np.eye(CLASSES)[Y]
CASES: dict[str, Case] = {
    "even-Logits": Case(_listed("even"), _logits(), _even()),
    "even-LinearLogits": Case(
        _listed("even"),
        lambda d: plogq.LinearLogits(HIDDEN.astype(d), WEIGHT.astype(d)),
        _even(),
    ),
    "bucket-Logits(-inf)": Case(_listed("bucket"), _logits(RULED_OUT), None),
    "bucket-Logits(softcap)": Case(_listed("bucket"), _logits(softcap=4.0), None),
    "bucket-Probs": Case(_listed("bucket"), lambda d: plogq.Probs(_probs(TAME).astype(d)), None),
    "bucket-LogProbs": Case(
        _listed("bucket"), lambda d: plogq.LogProbs(np.log(_probs(TAME)).astype(d)), None
    ),
    "to a prior-Logits": Case(
        lambda d: plogq.Smoothed(plogq.Labels(Y), 0.25, to=PRIOR.astype(d)),
        _logits(),
        _smooth(HOT, PRIOR),
    ),
    "to one for each event-Logits": Case(
        lambda d: plogq.Smoothed(plogq.Probs(SOFT.astype(d)), 0.25, to=EACH.astype(d)),
        _logits(),
        _smooth(SOFT, EACH),
    ),
    "to what is possible-Logits(-inf)": Case(
        lambda d: plogq.Smoothed(plogq.Labels(Y), 0.25, to="possible"),
        _logits(RULED_OUT),
        _smooth(HOT, _possible(RULED_OUT)),
    ),
    "to what is possible-LinearLogits(-inf)": Case(
        lambda d: plogq.Smoothed(plogq.Labels(Y), 0.25, to="possible"),
        _linear,
        _smooth(HOT, _possible(np.where(np.arange(CLASSES) == 4, -INF, np.zeros((3, 6))))),
    ),
}


def costs(q: Any) -> list[Any]:
    if isinstance(q, plogq.LinearLogits):
        return [oracle.of_logits(s) for s in oracle.product(q.hidden, q.weight, q.bias)]
    if isinstance(q, plogq.Logits):
        return [oracle.of_logits(s, q.softcap) for s in oracle.rows(q.scores)]
    if isinstance(q, plogq.LogProbs):
        return [oracle.of_log_probs(s) for s in oracle.rows(q.log_probs)]
    return [oracle.of_probs(s) for s in oracle.rows(q.probs)]


def bucket(event: int, cost: Any) -> Any:
    """-Σ p log q over what is listed, and that of all else as one outcome."""
    mp, index = oracle.mp, INDEX[event]
    p = [oracle.real(x) for x in LISTED[event]]
    loss = sum((w * cost.cost[j] for w, j in zip(p, index, strict=True) if w), oracle.ZERO)
    rest = 1 - sum(p, oracle.ZERO)
    others = [mp.exp(-c) for j, c in enumerate(cost.cost) if j not in index]
    return loss - rest * mp.log(mp.fsum(others)) if rest else loss


def slope(event: int, row: Any, q: Any) -> list[float]:
    """The gradient of the loss of a bucket; 0 for what is ruled out, whatever happens there."""
    there = [i for i, x in enumerate(row) if x != -oracle.INF]

    def loss(at: Any) -> Any:
        scores = [-oracle.INF] * len(row)
        for i, x in zip(there, at, strict=True):
            scores[i] = x
        if isinstance(q, plogq.Logits):
            return bucket(event, oracle.of_logits(scores, q.softcap))
        log = isinstance(q, plogq.LogProbs)
        return bucket(event, (oracle.of_log_probs if log else oracle.of_probs)(scores))

    found = [0.0] * len(row)
    for i, g in zip(there, oracle.difference(loss, [row[i] for i in there]), strict=True):
        found[i] = float(g)
    return found


class Spread(Suite):
    def every_spread(self) -> list[str]:
        dtype = self.framework.widest
        return [n for n, c in CASES.items() if self.framework.takes(c.p(dtype), c.q(dtype))]

    def every_second_spread(self) -> list[str]:
        """Where each is a program, every second of them."""
        return self.every_spread()[:: 2 if self.framework.programs else 1]

    def pair(self, name: str) -> tuple[Any, Any, float]:
        dtype = self.framework.widest
        case = CASES[name]
        return case.p(dtype), case.q(dtype), 64 * bounds.unit(dtype)

    def test_losses_are_exact_and_so_are_gradients(self, spread: str, quick_way: str) -> None:
        p, q, off = self.pair(spread)
        losses, gradient = self.framework.results(quick_way, p, q)
        rows = CASES[spread].rows
        found = costs(q)
        exact = [
            bucket(i, c) if rows is None else oracle.cross_entropy(oracle.row(rows[i]), c)
            for i, c in enumerate(found)
        ]
        np.testing.assert_allclose(losses, [float(x) for x in exact], rtol=off)
        if rows is None:
            (slopes,) = vars(gradient).values()
            (array,) = arrays_of(q)
            for i, row in enumerate(oracle.rows(array)):
                np.testing.assert_allclose(slopes[i], slope(i, row, q), rtol=off, atol=16 * off)
            return
        _, right = plogq.value_and_grad(
            plogq.Probs(rows), rebuilt(q, lambda x: x.astype(np.float64)), reduction="sum"
        )
        for g, want in zip(vars(gradient).values(), arrays_of(right), strict=True):
            np.testing.assert_allclose(g, want, rtol=off, atol=16 * off)

    def test_events_without_mass_change_nothing(self, spread: str, quick_way: str) -> None:
        p, q, off = self.pair(spread)
        if is_linear(spread.split("-")[1]):
            return
        name = next(n for n in ("scores", "probs", "log_probs") if hasattr(q, n))
        weight = np.array([1.5, 0.0, 0.5])
        _, right = self.framework.results(
            quick_way, plogq.Weighted(p, sample_weight=weight), q, reduction="mean"
        )
        getattr(q, name)[1] = np.nan
        if hasattr(p, "index"):
            p.index[1], p.probs[1] = 99, np.nan
        junk = plogq.Weighted(p, sample_weight=weight)
        loss, found = self.framework.results(quick_way, junk, q, reduction="mean")
        assert np.isfinite(loss)
        np.testing.assert_allclose(getattr(found, name), getattr(right, name), rtol=off, atol=off)

    @needs("second derivatives")
    def test_they_are_differentiated_again(self, second_spread: str, quick_way: str) -> None:
        p, q, _ = self.pair(second_spread)
        found = self.framework.twice(quick_way, p, q)
        rows = CASES[second_spread].rows
        if rows is not None:
            right = self.framework.twice(quick_way, plogq.Probs(rows), q)
            for g, want in zip(vars(found).values(), vars(right).values(), strict=True):
                np.testing.assert_allclose(g, want, rtol=1e-11, atol=1e-13)
            return
        (name,) = vars(found)

        def squares(x: Array) -> float:
            _, g = plogq.value_and_grad(p, rebuilt(q, lambda _: x))
            return float(np.square(getattr(g, name)).sum())

        with plogq.validation("off"):
            np.testing.assert_allclose(
                getattr(found, name), _differences(squares, getattr(q, name)), rtol=1e-5, atol=1e-8
            )

    @needs("stored probabilities")
    def test_divergences_have_gradients_on_both_sides(
        self, second_spread: str, quick_way: str
    ) -> None:
        p, q, _ = self.pair(second_spread)
        rows = CASES[second_spread].rows
        with plogq.validation("off"):
            found = self.framework.call(quick_way, plogq.kl_divergence, p, q, reduction="none")
            assert np.isfinite(found).all()
            assert (found > -1e-14).all()
            if rows is not None:
                right = plogq.kl_divergence(plogq.Probs(rows), q, reduction="none")
                np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-14)
            if "gradients of any function" in self.framework.cannot:
                return
            _, both = self.framework.pull(
                quick_way, plogq.kl_divergence, p, q, of=(0, 1), reduction="sum"
            )
        assert all(np.isfinite(g).all() for side in both for g in side if g is not None)


def _differences(f: Callable[[Array], float], at: Array) -> Array:
    """Central differences; 0 where a class is ruled out."""
    found = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        if np.isfinite(at[i]):
            step = 1e-5 * (1.0 if at[i] < 0 or at.max() > 1 else at[i])
            up, down = at.copy(), at.copy()
            up[i] += step
            down[i] -= step
            found[i] = (f(up) - f(down)) / (2 * step)
    return found
