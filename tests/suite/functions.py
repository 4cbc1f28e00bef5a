"""Functions of the loss, of entropy and of divergence: no slope chains to 0 · ∞."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq
from plogq.frameworks import verbs

from .. import bounds, oracle
from .framework import Suite, needs

Array = npt.NDArray[Any]
Row = list[Any]
INF, NAN = float("inf"), float("nan")
mp = oracle.mp

# Certain, ruled out, plain, left out, certain as all else is ruled out, nearly impossible.
SCORES = np.array(
    [[200.0, 0, 0], [0, -INF, 1], [1, 2, 3], [NAN, NAN, NAN], [-INF, -INF, 4], [3, -80, 1]]
)
LABELS = np.array([0, 2, 1, -1, 2, 1])
OUT = LABELS == -1
SOFT = np.array([[1, 0, 0], [0.5, 0, 0.5], [0.25, 0.25, 0.5], [NAN] * 3, [0, 0, 1], [0, 0.5, 0.5]])
TARGETS: dict[str, Callable[[Any], Any]] = {
    "Labels": lambda d: plogq.Labels(LABELS, ignore=-1),
    "Probs": lambda d: plogq.Weighted(plogq.Probs(SOFT.astype(d)), sample_weight=~OUT),
    "Smoothed": lambda d: plogq.Smoothed(plogq.Labels(LABELS, ignore=-1), 0.25, to="possible"),
}
# What is made of a loss: its name here, and its number.
FUNCTIONS: dict[str, tuple[str, float]] = {
    "focal 0": ("focal", 0.0),
    "focal 1/2": ("focal", 0.5),
    "focal 2": ("focal", 2.0),
    "poly": ("poly", 1.5),
    "z-loss": ("z_loss", 0.125),
}


def of_loss(p: Any, q: Any, *, function: str, number: float) -> Any:
    """A function of every loss."""
    if function == "z_loss":
        return plogq.cross_entropy(p, q, reduction="none", z_loss=number)
    losses = plogq.cross_entropy(p, q, reduction="none")
    return (plogq.focal if function == "focal" else plogq.poly)(losses, number)


def softmax(z: Any) -> Any:
    xp = verbs(z)
    e = xp.exp(z)
    return e / xp.expand(xp.sum_classes(e))


def entropy_of(p: Any, q: Any, *, reduction: str = "none") -> Any:
    """The entropy of what came from a softmax."""
    return plogq.entropy(plogq.Probs(softmax(q.scores)), reduction=reduction)


def divergence_of(p: Any, q: Any, *, reduction: str = "none") -> Any:
    """That of Q from its softmax at twice the temperature: both sides have slopes."""
    softer = plogq.Probs(softmax(0.5 * q.scores))
    return plogq.kl_divergence(softer, q, reduction=reduction)


def summed(p: Any, q: Any, *, of: str, **options: Any) -> Any:
    """The sum of a function over the events."""
    if of == "loss":
        found = of_loss(p, q, **options)
        return verbs(found).total(found)
    return (entropy_of if of == "entropy" else divergence_of)(p, q, reduction="sum")


def true_of_loss(name: str, target: Row) -> Callable[[Row], Any]:
    function, number = FUNCTIONS[name]

    def of(row: Row) -> Any:
        cost = oracle.of_logits(row)
        loss = oracle.cross_entropy(target, cost)
        if function == "z_loss":
            return loss + oracle.real(number) * oracle.mass(target) * cost.log_z**2
        rest = -mp.expm1(-loss)
        if function == "poly":
            return loss + oracle.real(number) * rest
        return loss * rest ** oracle.real(number)

    return of


def true_entropy(row: Row) -> Any:
    return oracle.entropy(oracle.of_logits(row).q)


def true_divergence(row: Row) -> Any:
    p = oracle.of_logits([x / 2 for x in row]).q
    return oracle.cross_entropy(p, oracle.of_logits(row)) - oracle.entropy(p)


def slopes(of: Callable[[Row], Any], row: Row) -> Row:
    """The gradient of `of`; 0 for a class that is ruled out."""
    there = [i for i, x in enumerate(row) if x != -oracle.INF]

    def of_these(at: Any) -> Any:
        whole = list(row)
        for i, x in zip(there, at, strict=True):
            whole[i] = x
        return of(whole)

    found = [oracle.ZERO] * len(row)
    for i, g in zip(there, oracle.difference(of_these, [row[i] for i in there]), strict=True):
        found[i] = g
    return found


def again(of: Callable[[Row], Any], row: Row) -> Row:
    """The gradient of the sum of the squares of the gradient."""
    return slopes(lambda at: mp.fsum(g * g for g in slopes(of, at)), row)


def truths(target: str, scores: Array, dtype: Any) -> list[Row]:
    """The rows of masses; none for what is left out."""
    rows = [oracle.one_hot(int(y), 3) for y in LABELS]
    if target == "Probs":
        rows = oracle.rows(np.where(OUT[:, None], 0.0, SOFT).astype(dtype))
    if target == "Smoothed":
        for row, z in zip(rows, scores, strict=True):
            there, mass = z > -INF, oracle.mass(row)
            for j in range(3):
                share = mass * int(there[j]) / max(int(there.sum()), 1)
                row[j] = (3 * row[j] + share) / 4
    return rows


class Functions(Suite):
    def every_function(self) -> list[str]:
        return list(FUNCTIONS)

    def every_target(self) -> list[str]:
        return list(self.framework.some(tuple(TARGETS), 2))

    def every_twice(self) -> list[tuple[str, str]]:
        """Functions and targets; few where each is a program."""
        every = [(f, t) for f in FUNCTIONS for t in TARGETS]
        return every[3::7] if self.framework.programs else every

    def options(self, function: str) -> dict[str, Any]:
        name, number = FUNCTIONS[function]
        return {"function": name, "number": number}

    def unit(self) -> float:
        return bounds.unit(self.framework.widest)

    def near(self, got: Any, want: list[Any], off: float) -> None:
        exact = np.array([[float(x) for x in row] for row in want])
        np.testing.assert_allclose(got, exact, rtol=off, atol=off)

    def of_loss(self, target: str, function: str) -> tuple[Any, Any, Any, list[Any]]:
        dtype = self.framework.widest
        p, q = TARGETS[target](dtype), plogq.Logits(SCORES.astype(dtype))
        rows = truths(target, SCORES, dtype)
        each = [true_of_loss(function, r) if any(r) else None for r in rows]
        return p, q, oracle.rows(SCORES.astype(dtype)), each

    def test_functions_of_the_loss(self, target: str, function: str, quick_way: str) -> None:
        p, q, rows, each = self.of_loss(target, function)
        options = self.options(function)
        want = [[oracle.ZERO if f is None else f(r)] for f, r in zip(each, rows, strict=True)]
        if "gradients of any function" in self.framework.cannot:
            found = self.framework.call(quick_way, of_loss, p, q, **options)
            self.near(found[:, None], want, 512 * self.unit())
            return
        found, (gradient,) = self.framework.pull(quick_way, of_loss, p, q, of=(1,), **options)
        self.near(found[:, None], want, 512 * self.unit())
        none = [oracle.ZERO] * 3
        exact = [none if f is None else slopes(f, r) for f, r in zip(each, rows, strict=True)]
        self.near(gradient[0], exact, 512 * self.unit())

    def test_reductions(self, target: str, quick_way: str) -> None:
        """What the sum of the losses is divided by, and their slopes with it."""
        p, q, rows, each = self.of_loss(target, "z-loss")
        losses = [oracle.ZERO if f is None else f(r) for f, r in zip(each, rows, strict=True)]
        none = [oracle.ZERO] * 3
        exact = [none if f is None else slopes(f, r) for f, r in zip(each, rows, strict=True)]
        counted, z_loss = int((~OUT).sum()), FUNCTIONS["z-loss"][1]
        for options, divisor in (
            ({}, counted),
            ({"reduction": "sum"}, 1),
            ({"reduction": "sum_over_batch_size"}, len(OUT)),
            ({"normalizer": 7}, 7),
        ):
            chosen: Any = {"reduction": "mean", **options}
            loss, gradient = self.framework.results(quick_way, p, q, z_loss=z_loss, **chosen)
            assert np.shape(loss) == ()
            self.near(loss, [[mp.fsum(losses) / divisor]], 512 * self.unit())
            want = [[g / divisor for g in row] for row in exact]
            self.near(gradient.scores, want, 512 * self.unit())

    @needs("second derivatives", "gradients of any function")
    def test_they_are_differentiated_again(self, twice: tuple[str, str], quick_way: str) -> None:
        function, target = twice
        p, q, rows, each = self.of_loss(target, function)
        found = self.framework.twice(quick_way, p, q, summed, of="loss", **self.options(function))
        none = [oracle.ZERO] * 3
        exact = [none if f is None else again(f, r) for f, r in zip(each, rows, strict=True)]
        self.near(found.scores, exact, 1e-8)

    @needs("gradients of any function", "stored probabilities")
    def test_what_came_from_a_softmax(self, quick_way: str) -> None:
        z = SCORES[~OUT].astype(self.framework.widest)
        p, q, rows = plogq.Labels(np.zeros(len(z), int)), plogq.Logits(z), oracle.rows(z)
        for f, of in ((entropy_of, true_entropy), (divergence_of, true_divergence)):
            found, (gradient,) = self.framework.pull(quick_way, f, p, q, of=(1,))
            self.near(found[:, None], [[of(r)] for r in rows], 1e-12)
            self.near(gradient[0], [slopes(of, r) for r in rows], 1e-11)

    @needs("gradients of any function", "stored probabilities", "second derivatives")
    def test_it_is_differentiated_again(self, quick_way: str) -> None:
        # Of two classes at most: where nearly nothing is left of p, p · log²p is no float64.
        z = SCORES[[1, 2]].astype(self.framework.widest)
        p, q, rows = plogq.Labels(np.zeros(len(z), int)), plogq.Logits(z), oracle.rows(z)
        for name, of in (("entropy", true_entropy), ("divergence", true_divergence)):
            found = self.framework.twice(quick_way, p, q, summed, of=name)
            self.near(found.scores, [again(of, r) for r in rows], 1e-8)

    @needs("gradients of any function")
    def test_whatever_the_scores_are(self, function: str, quick_way: str) -> None:
        """Wherever the value is a number, so are its slopes, and they are those of the oracle."""
        framework, options = self.framework, self.options(function)
        score = st.sampled_from([-INF, -700.0, -30.0, -1e-3, 0.0, 0.5, 3.0, 40.0, 800.0])

        @settings(max_examples=min(framework.examples, 12))
        @given(st.lists(st.lists(score, min_size=3, max_size=3), min_size=2, max_size=2),
               st.lists(st.sampled_from([-1, 0, 1, 2]), min_size=2, max_size=2))  # fmt: skip
        def held(scores: list[list[float]], labels: list[int]) -> None:
            z = np.array(scores, framework.widest)
            p, q = plogq.Labels(np.array(labels), ignore=-1), plogq.Logits(z)
            found, (gradient,) = framework.pull(quick_way, of_loss, p, q, of=(1,), **options)
            for i, (y, row) in enumerate(zip(labels, oracle.rows(z), strict=True)):
                if y == -1:
                    assert found[i] == 0
                    assert not gradient[0][i].any()
                    continue
                if z[i, y] == -INF:
                    assert not np.isfinite(found[i])
                    continue
                of = true_of_loss(function, oracle.one_hot(y, 3))
                off = 2048 * self.unit()
                np.testing.assert_allclose(found[i], float(of(row)), rtol=off, atol=off)
                exact = [float(g) for g in slopes(of, row)]
                np.testing.assert_allclose(gradient[0][i], exact, rtol=off, atol=off)

        held()
