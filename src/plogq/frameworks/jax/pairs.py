"""Two predictions in JAX: the C++ kernel where both are stored, and a scan where scores are made.

The scan takes some events at a time (`algebra/by_events.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from ...algebra.by_events import ByEvents, Step
from ...algebra.contract import Forward, in_steps
from ...algebra.formula import Formula
from ...algebra.measure import Measure
from ...algebra.scores import Versus
from ...native.versus import FUNCTIONS, no_pair
from . import arrays as verbs
from .kernels import called, refuses
from .kernels import each as per_event
from .linear import product

Array = jax.Array


class Pairs:
    """Two stored predictions, by the C++ kernel."""

    name = "cpu"

    def __init__(self, flush: bool = False) -> None:
        self.flush = flush

    def refuses(self, measure: Any, scores: Any) -> str | None:
        why = no_pair(measure, scores)
        return why or refuses(scores.p.array, "P") or refuses(scores.q.array, "Q")

    def forward(self, measure: Measure, scores: Versus, log_z: bool = False) -> Forward:
        q: Any = scores.q
        loss = jax.ShapeDtypeStruct(measure.events, verbs.statistics_dtype(q.array))
        return Forward(*self._call([loss, loss], measure, scores, [], forward=True))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array | None, ...]:
        upstream: list[Any] = [per_event(x, measure.events) for x in (d_loss, d_log_z)]
        wanted = [
            jax.ShapeDtypeStruct(side.array.shape, side.array.dtype)
            for side, asked in zip(scores.sides(), scores.wanted, strict=True)
            if asked
        ]
        found = iter(self._call(wanted, measure, scores, upstream, forward=False))
        return tuple(next(found) if asked else None for asked in scores.wanted)

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array | None, ...]]:
        scores = replace(scores, wanted=(True, False))
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)

    def _call(
        self, results: Any, m: Measure, scores: Any, upstream: list[Array], forward: bool
    ) -> list[Array]:
        p, q = scores.p, scores.q
        weight = None if m.value is None else per_event(m.value[..., 0], m.events)
        of_q, of_p = (False, False) if forward else scores.wanted
        return called(
            "versus",
            results,
            [q.array, p.array, weight, *upstream],
            # A block of scores is made to be turned into its gradient.
            in_place=self.flush and of_q,
            forward=forward,
            of=FUNCTIONS[scores.of],
            axis_q=q.axis % q.array.ndim,
            axis_p=p.axis % p.array.ndim,
            of_q=of_q,
            of_p=of_p,
            flush=self.flush,
        )


class _Loop:
    """What is done block by block in a program of JAX: a scan."""

    xp = verbs

    def product(self, a: Array, b: Array) -> Array:
        return product(a, b)

    def transposed(self, x: Array) -> Array:
        return x.T

    def reshaped(self, x: Array, shape: Any) -> Array:
        return x.reshape(shape)

    def zeros(self, x: Array) -> Array:
        return jnp.zeros(x.shape, verbs.statistics_dtype(x))

    def itemsize(self, x: Array) -> int:
        return verbs.statistics_dtype(x).itemsize

    def each(self, x: Any, events: Any) -> Any:
        return per_event(x, events)

    def no_pair(self, measure: Any, pair: Any) -> str | None:
        return no_pair(measure, pair)

    def scan(self, step: Step, sums: Any, blocks: int, rows: Any) -> Any:
        return jax.lax.scan(step, sums, rows)


pairs = Pairs()
by_events = ByEvents(_Loop(), Formula(verbs), Pairs(flush=True), 42, 168)
