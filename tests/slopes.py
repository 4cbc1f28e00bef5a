"""The gradient that a pair of made representations must give, array by array.

The truth of each component comes from the oracle; `suite/laws.py` holds the same closed forms
against differences of the oracle's loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import bounds, oracle
from .makers import MadePrediction, MadeTarget
from .oracle import Real, Row, mp

NAMES = {
    "logits": ("scores",),
    "capped": ("scores",),
    "log_probs": ("log_probs",),
    "probs": ("probs",),
    "linear": ("hidden", "weight", "bias"),
    "capped linear": ("hidden", "weight", "bias"),
}


def is_linear(q: MadePrediction) -> bool:
    return q.kind in ("linear", "capped linear")


def slack(q: MadePrediction, dtype: Any) -> Real:
    """What a soft cap in the input's own precision costs: a rounding of tanh is u of the cap.

    For float64 there is no wider type to hold the capped scores in, so both ends of a gap carry
    one rounding of c · tanh and one of its result. Narrower types have no such excuse.
    """
    if not q.kind.startswith("capped") or bounds.loss_dtype(dtype) != np.float64:
        return oracle.ZERO
    return 4 * bounds.unit(dtype) * oracle.real(q.prediction.softcap)


def events(
    p: MadeTarget, q: MadePrediction, d_loss: Sequence[float], d_log_z: Sequence[float]
) -> list[Row]:
    """∂/∂stored of d_loss · H + d_log_z · log Z, one row per event (linear: w.r.t. the scores)."""
    stored = oracle.rows(_stored(q)) if not is_linear(q) else _scores(q)
    found: list[Row] = []
    for row, costs, x, a, b in zip(p.truth, q.costs, stored, d_loss, d_log_z, strict=True):
        if isinstance(costs, oracle.Softmax):
            step = [
                oracle.real(a) * g + oracle.real(b) * share
                for g, share in zip(oracle.logits_gradient(row, costs), costs.q, strict=True)
            ]
            if q.kind.startswith("capped"):
                step = [
                    g * oracle.cap_slope(s, q.prediction.softcap)
                    for g, s in zip(step, x, strict=True)
                ]
        elif q.kind == "log_probs":
            step = [-oracle.real(a) * w for w in row]
        else:
            step = [
                oracle.ZERO if w == 0 else -oracle.INF if v == 0 else -oracle.real(a) * w / v
                for w, v in zip(row, x, strict=True)
            ]
        found.append(step)
    return found


class Slopes:
    """The gradient of Σ d_loss · H + d_log_z · log Z, computed once and held against many."""

    def __init__(
        self,
        p: MadeTarget,
        q: MadePrediction,
        dtype: Any,
        d_loss: Sequence[float],
        d_log_z: Sequence[float] | None = None,
    ) -> None:
        d_log_z = [0.0] * len(d_loss) if d_log_z is None else d_log_z
        self.p, self.q, self.dtype, self.d_log_z = p, q, np.dtype(dtype), d_log_z
        self.truth = events(p, q, d_loss, d_log_z)
        self.sizes = [
            abs(oracle.real(x)) * oracle.mass(w) + abs(oracle.real(y))
            for x, y, w in zip(d_loss, d_log_z, p.truth, strict=True)
        ]
        self.expected = _linear(self) if is_linear(q) else {NAMES[q.kind][0]: self._rows()}

    def check(self, gradient: Any) -> None:
        """Hold a gradient in Q's own type against the oracle, within N2."""
        for name in NAMES[self.q.kind]:
            array, of = getattr(gradient, name), getattr(self.q.prediction, name)
            if of is None:
                assert array is None
                continue
            assert array.shape == of.shape
            assert array.dtype == self.dtype
            array = np.moveaxis(array, getattr(self.q.prediction, "axis", -1), -1)
            with bounds.noted(name):
                self.expected[name].check(array)

    def _rows(self) -> bounds.Gradient:
        # A stored probability's gradient is a quotient, which never cancels.
        quotient = self.q.kind in ("log_probs", "probs")
        hard = quotient or (
            self.p.hard and not any(self.d_log_z) and not self.q.kind.startswith("capped")
        )
        classes = len(self.truth[0]) if self.truth else 0
        sizes = np.repeat([float(s) for s in self.sizes], classes)
        off = float(slack(self.q, self.dtype)) * sizes
        return bounds.Gradient([g for r in self.truth for g in r], self.dtype, hard, sizes, off)


def _linear(s: Slopes) -> dict[str, bounds.Gradient]:
    """The scores' gradient carried on to hidden, weight and bias.

    Each component of the scores' gradient is off by 8 u of its event's mass at most, and a sum of n
    products adds n roundings to that.
    """
    pred = s.q.prediction
    hidden, weight = oracle.rows(pred.hidden), oracle.rows(pred.weight)
    off = float(slack(s.q, s.dtype))
    features = range(len(weight[0]))
    columns = [[g[j] for g in s.truth] for j in range(len(weight))]

    def sums(terms: list[tuple[list[Real], list[Real], list[Real]]]) -> bounds.Gradient:
        truth = [mp.fsum(a * b for a, b in zip(g, x, strict=True)) for g, _, x in terms]
        sizes = [float(mp.fsum(a * abs(b) for a, b in zip(n, x, strict=True))) for _, n, x in terms]
        more = off + len(terms[0][0]) * bounds.unit(s.dtype)
        return bounds.Gradient(truth, s.dtype, False, sizes, [more * n for n in sizes])

    each = [[size] * len(weight) for size in s.sizes]
    found = {
        "hidden": sums(
            [
                (g, n, [w[k] for w in weight])
                for g, n in zip(s.truth, each, strict=True)
                for k in features
            ]
        ),
        "weight": sums([(c, s.sizes, [h[k] for h in hidden]) for c in columns for k in features]),
    }
    if pred.bias is not None:
        found["bias"] = sums([(c, s.sizes, [oracle.ONE] * len(hidden)) for c in columns])
    return found


def check_binary(
    gradient: Any, p: MadeTarget, q: MadePrediction, dtype: Any, d_loss: float
) -> None:
    """no · q - yes · (1 - q) for logits; no / (1 - q) - yes / q for probabilities."""
    a = oracle.real(d_loss)
    masses = [a * oracle.mass(row) for row in p.truth]
    if q.kind == "logits":
        truth = [
            a * (row[0] * costs.q[1] - row[1] * costs.q[0])
            for row, costs in zip(p.truth, q.costs, strict=True)
            if isinstance(costs, oracle.Softmax)
        ]
        sizes = [float(m) for m in masses]
        bounds.Gradient(truth, dtype, p.hard, sizes).check(gradient)
        return
    stored = oracle.row(q.prediction.probs)
    no = [a * r[0] / (1 - x) if r[0] else oracle.ZERO for r, x in zip(p.truth, stored, strict=True)]
    yes = [a * r[1] / x if r[1] else oracle.ZERO for r, x in zip(p.truth, stored, strict=True)]
    # Two quotients that may cancel against each other, not within themselves.
    sizes = [float(n + y) for n, y in zip(no, yes, strict=True)]
    truth = [n - y for n, y in zip(no, yes, strict=True)]
    bounds.Gradient(truth, dtype, False, sizes).check(gradient)


def _stored(q: MadePrediction) -> Any:
    (name,) = NAMES[q.kind]
    return getattr(q.prediction, name)


def _scores(q: MadePrediction) -> list[Row]:
    pred = q.prediction
    return oracle.product(pred.hidden, pred.weight, pred.bias)
