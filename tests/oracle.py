"""-Σ p log q in 60-digit arithmetic, on the exact values of the inputs.

Nothing here comes from the library under test, and nothing here is fast. Every float of up to 64
bits is a rational number that mpmath holds exactly, so the only roundings are those of the 60
digits. The few places where 60 digits would not do (1 + e^-1000) use log1p, and
`plain_cross_entropy` says the definition word for word, in as many digits as it takes, so that a
test can hold the rest of this file against it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any

import numpy as np
import numpy.typing as npt
from mpmath import MPContext

Real = Any  # mpmath's number type is made per context, so it has no importable name
Row = list[Real]

mp = MPContext()
mp.dps = 60

NAN = mp.nan
INF = mp.inf
ZERO = mp.mpf(0)
ONE = mp.mpf(1)


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same answer for the same arrays, so that each kernel in turn asks only once."""
    answers: dict[Any, Any] = {}

    @wraps(function)
    def ask(*arguments: Any) -> Any:
        key = tuple(
            (a.dtype.name, a.shape, a.tobytes()) if isinstance(a, np.ndarray) else a
            for a in arguments
        )
        if key not in answers:
            answers[key] = function(*arguments)
        return answers[key]

    return ask


def real(x: Any) -> Real:
    """One number exactly: float64 holds every narrower float and every label without rounding."""
    return _real(float(x))


@lru_cache(1 << 16)
def _real(x: float) -> Real:
    return mp.mpf(x)


@lru_cache(1 << 16)
def exponential(x: Real) -> Real:
    return mp.exp(x)


def row(x: npt.ArrayLike) -> Row:
    return [real(v) for v in np.asarray(x, dtype=np.float64).reshape(-1)]


def rows(x: npt.ArrayLike) -> list[Row]:
    """A [..., K] array as one row per event, events in C order."""
    wide = np.asarray(x, dtype=np.float64)
    count = int(np.prod(wide.shape[:-1], dtype=int))
    return [row(r) for r in wide.reshape(count, wide.shape[-1])]


class Costs:
    """-log q_j for every class of one event, with q_j and 1 - q_j; stored values as they are."""

    def __init__(self, cost: Row, log_z: Real = ZERO) -> None:
        self.cost, self.log_z = cost, log_z


class Softmax(Costs):
    """The softmax of one row of scores."""

    def __init__(self, scores: Sequence[Real]) -> None:
        self.classes = len(scores)
        greatest = _greatest(scores)
        self.undefined = greatest is NAN
        if self.undefined:
            self.q = self.not_q = [NAN] * self.classes
            super().__init__([NAN] * self.classes, NAN)
            return
        first = list(scores).index(greatest)
        if greatest == INF:
            self.q = [ONE if j == first else ZERO for j in range(self.classes)]
            self.not_q = [ZERO if j == first else ONE for j in range(self.classes)]
            super().__init__([ZERO if j == first else INF for j in range(self.classes)], INF)
            return
        # Equal scores share one exponential: a row of a million classes stays affordable.
        counts = Counter(scores)
        counts[greatest] -= 1
        share = {s: ZERO if s == -INF else exponential(s - greatest) for s in counts}
        others = mp.fsum(share[s] * n for s, n in counts.items() if n)
        total = 1 + others
        offset = mp.log1p(others)
        self.q = [share[s] / total for s in scores]
        self.not_q = [
            (others if j == first else total - share[s]) / total for j, s in enumerate(scores)
        ]
        super().__init__(
            [INF if s == -INF else (greatest - s) + offset for s in scores], greatest + offset
        )


class Tally:
    """The softmax of a long row, through how often each score occurs in it; finite scores."""

    def __init__(self, scores: npt.ArrayLike) -> None:
        self.scores = np.asarray(scores, dtype=np.float64)
        values, counts = np.unique(self.scores, return_counts=True)
        self.greatest = real(values[-1])
        self.others = mp.mpf(int(counts[-1]) - 1) + mp.fsum(
            mp.exp(real(v) - self.greatest) * int(n)
            for v, n in zip(values[:-1], counts[:-1], strict=True)
        )
        self.offset = mp.log1p(self.others)

    def gap(self, label: int) -> Real:
        return self.greatest - real(self.scores[label])

    def cost(self, label: int) -> Real:
        return self.gap(label) + self.offset

    def gradient(self, label: int, at: int) -> Real:
        """∂(-log q_label)/∂s_at."""
        share, total = mp.exp(-self.gap(at)), 1 + self.others
        if at != label:
            return share / total
        return -(self.others if share == 1 else total - share) / total


def probability(p: Costs) -> Row:
    """p_j of every class."""
    return [ZERO if c == INF else mp.exp(-c) for c in p.cost]


def divergence(p: Costs, q: Costs) -> Real:
    """Σ p log(p / q)."""
    return mp.fsum(
        w * (b - a) if w else ZERO for w, a, b in zip(probability(p), p.cost, q.cost, strict=True)
    )


def jensen_shannon(p: Costs, q: Costs, share: Real) -> Real:
    """share · KL(p ‖ m) + (1 - share) · KL(q ‖ m) of the mixture m."""
    total = ZERO
    for a, b in zip(probability(p), probability(q), strict=True):
        m = share * a + (1 - share) * b
        total += share * a * mp.log(a / m) if a else ZERO
        total += (1 - share) * b * mp.log(b / m) if b else ZERO
    return total


def _greatest(scores: Sequence[Real]) -> Real:
    """The greatest score, or NaN where no softmax exists: a NaN, two +∞, or nothing but -∞."""
    if any(mp.isnan(s) for s in scores) or sum(s == INF for s in scores) > 1:
        return NAN
    greatest = max(scores)
    return NAN if greatest == -INF else greatest


def of_logits(scores: Sequence[Real], softcap: float | None = None) -> Softmax:
    return Softmax(scores if softcap is None else [capped(s, softcap) for s in scores])


@lru_cache(1 << 16)
def capped(score: Real, softcap: float) -> Real:
    """c · tanh(s / c), with digits to spare for the distance from the cap."""
    with mp.workdps(250):
        return real(softcap) * mp.tanh(score / real(softcap))


@lru_cache(1 << 16)
def cap_slope(score: Real, softcap: float) -> Real:
    """d(c · tanh(s / c))/ds = 1 - tanh²(s / c)."""
    with mp.workdps(250):
        return 1 - mp.tanh(score / real(softcap)) ** 2


def of_probs(q: Sequence[Real]) -> Costs:
    return Costs([NAN if mp.isnan(x) else INF if x == 0 else -mp.log(x) for x in q])


def of_log_probs(log_q: Sequence[Real]) -> Costs:
    return Costs([-x for x in log_q])


def of_yes(scores: Real) -> Softmax:
    """A yes/no outcome as classes (no, yes) with scores (0, z)."""
    return Softmax([ZERO, scores])


def of_yes_probability(q: Real) -> Costs:
    no = INF if q == 1 else -mp.log1p(-q)
    return Costs([no, INF if q == 0 else -mp.log(q)])


def cross_entropy(p: Sequence[Real], q: Costs) -> Real:
    """-Σ p log q, with 0 · log 0 = 0."""
    return mp.fsum(w * c for w, c in zip(p, q.cost, strict=True) if w != 0)


def entropy(p: Sequence[Real]) -> Real:
    return mp.fsum(-w * mp.log(w) for w in p if w != 0)


def mass(p: Sequence[Real]) -> Real:
    return mp.fsum(p)


def logits_gradient(p: Sequence[Real], q: Softmax) -> Row:
    """mass · q_j - p_j, as (mass - p_j) · q_j - p_j · (1 - q_j), which does not cancel."""
    whole = mass(p)
    if not any(p):
        return [ZERO] * len(p)
    # All the mass on one class leaves exactly nothing elsewhere; short of that 60 digits do.
    return [
        (ZERO if w == whole else (whole - w) * g) - (w * n if w else ZERO)
        for w, g, n in zip(p, q.q, q.not_q, strict=True)
    ]


def difference(loss: Callable[[Row], Real], at: Sequence[Real]) -> Row:
    """The gradient of `loss` at `at` by central differences, good to some 25 digits.

    A step of 1e-15 leaves a truncation error of 1e-30 and, of 60 digits, 45 for the difference.
    """
    step = mp.mpf(10) ** -15
    slopes: Row = []
    for j, x in enumerate(at):
        up, down = list(at), list(at)
        up[j], down[j] = x + step, x - step
        slopes.append((loss(up) - loss(down)) / (2 * step))
    return slopes


@remembered
def label_costs(
    scores: npt.NDArray[Any], labels: npt.NDArray[Any], softcap: float | None = None
) -> Row:
    """-log q at the label of every row of scores."""
    return [
        of_logits(s, softcap).cost[int(j)]
        for s, j in zip(rows(scores), labels.reshape(-1), strict=True)
    ]


@remembered
def soft_costs(p: npt.NDArray[Any], scores: npt.NDArray[Any]) -> Row:
    """-Σ p log q for rows of p and rows of scores."""
    return [cross_entropy(w, of_logits(s)) for w, s in zip(rows(p), rows(scores), strict=True)]


@remembered
def label_gradients(scores: npt.NDArray[Any], labels: npt.NDArray[Any]) -> list[Row]:
    return [
        logits_gradient(one_hot(int(j), len(s)), of_logits(s))
        for s, j in zip(rows(scores), labels.reshape(-1), strict=True)
    ]


@remembered
def soft_gradients(p: npt.NDArray[Any], scores: npt.NDArray[Any]) -> list[Row]:
    return [logits_gradient(w, of_logits(s)) for w, s in zip(rows(p), rows(scores), strict=True)]


def one_hot(label: int, classes: int) -> Row:
    return [ONE if j == label else ZERO for j in range(classes)]


def smooth(p: Sequence[Real], epsilon: float) -> Row:
    """(1 - ε) p + ε · mass / K."""
    share = real(epsilon)
    spread = share * mass(p) / len(p)
    return [(1 - share) * w + spread for w in p]


def weigh(p: Sequence[Real], event: float = 1.0, classes: npt.ArrayLike | None = None) -> Row:
    """p_j times the event's weight and the class's weight."""
    each = [ONE] * len(p) if classes is None else row(classes)
    return [real(event) * c * w for c, w in zip(each, p, strict=True)]


def product(hidden: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None) -> list[Row]:
    """hidden · weightᵀ + bias, exactly, one row of scores per event."""
    w = rows(weight)
    b = [ZERO] * len(w) if bias is None else row(bias)
    return [
        [
            mp.fsum(x * y for x, y in zip(h, wk, strict=True)) + bk
            for wk, bk in zip(w, b, strict=True)
        ]
        for h in rows(hidden)
    ]


def plain_cross_entropy(p: Sequence[Real], scores: Sequence[Real], digits: int) -> Real:
    """-Σ p_j log(exp s_j / Σ exp s), as it is written in every textbook."""
    with mp.workdps(digits):
        weights = [mp.exp(s) for s in scores]
        total = mp.fsum(weights)
        return -mp.fsum(w * mp.log(x / total) for w, x in zip(p, weights, strict=True) if w != 0)
