"""The C++ kernel of two stored predictions: their cross-entropy, or their divergence."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, ClassVar

from ..algebra.contract import Forward, Kernel, in_steps
from ..algebra.scores import Scores, Versus
from . import _cpu
from .processor import chosen, threads
from .stored import Binding
from .sums import F32, F64, Memory, known_code

Array = Any


class Pairs(Binding):
    """Two stored predictions: their cross-entropy or divergence, one reading of both rows each way.

    `formula` does what no row of finite scores has: certainty, NaN, rows of which nothing is left.
    """

    _OF: ClassVar = {"cross_entropy": 0, "kl": 1}
    _KNOWN = 6  # numbers per event that forward keeps for backward

    def __init__(self, memory: Memory, verbs: Any, formula: Kernel) -> None:
        super().__init__(memory, verbs)
        self.formula = formula

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Versus) or scores.of not in self._OF:
            return "this kernel does the cross-entropy and the divergence of two predictions"
        if self.verbs.tracing():
            return "while a program is being recorded the framework's own operations are"
        for side, role in ((scores.p, "P"), (scores.q, "Q")):
            if not isinstance(side, Scores) or side.kind != "logits" or side.softcap is not None:
                return f"{role} is no plain logits, which both are here"
            why = self.memory.refuses(side.array, role)
            if why is not None:
                return why
        return None

    def forward(self, measure: Any, scores: Versus, log_z: bool = False) -> Forward:
        q: Any = scores.q
        empty, events = self.memory.empty, measure.events
        wide = min(known_code(self.memory, q.array), F32)
        loss, known = empty(events, wide), empty((*events, self._KNOWN), F64)
        each = empty(events, wide) if log_z else None
        left = self._run(measure, scores, known, (loss, each), wide=wide == F64)
        if left:
            return self.formula.forward(measure, scores, log_z)
        return Forward(loss, each, (known,))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array | None, ...]:
        if residual is None:
            return self.formula.backward(measure, scores, None, d_loss, d_log_z, out)
        of_q = of_p = None
        if scores.wanted[0]:
            of_q = self.memory.like(scores.q.array) if out is None else out
        if scores.wanted[1]:
            of_p = self.memory.like(scores.p.array)
        upstream = self._upstream(d_loss, d_log_z, measure.events)
        self._run(measure, scores, residual[0], gradients=(of_p, of_q), **upstream)
        return of_q, of_p

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        """Q's gradient alone, which is what is asked for beside a value."""
        return in_steps(
            self, self.verbs, measure, replace(scores, wanted=(True, False)), d_loss, z_loss, out
        )

    def _run(
        self,
        measure: Any,
        scores: Any,
        known: Array,
        results: tuple[Any, Any] = (None, None),
        gradients: tuple[Any, Any] = (None, None),
        *,
        wide: bool = False,
        d_loss: Array | None = None,
        d_loss_all: float = 1.0,
        d_log_z: Array | None = None,
    ) -> int:
        p, q = scores.p, scores.q
        weight = None
        if measure.value is not None:
            weight = self._events(measure.value[..., 0], measure.events)
        return _cpu.versus(
            chosen(),
            threads(prod(q.array.shape)),
            self._OF[scores.of],
            self._export(p.array),
            p.axis,
            known_code(self.memory, p.array),
            self._export(q.array),
            q.axis,
            known_code(self.memory, q.array),
            weight,
            self._export(known),
            self._export(results[0]),
            self._export(results[1]),
            wide,
            self._export(gradients[0]),
            self._export(gradients[1]),
            d_loss,
            d_loss_all,
            d_log_z,
            results[0] is not None,
        )
