"""The C++ kernel of two stored predictions: their cross-entropy, or their divergence."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, ClassVar

from ..algebra.contract import Forward, in_steps
from ..algebra.scores import Scores, Versus
from ..algebra.versus import room
from . import _cpu
from .processor import chosen, threads
from .stored import Binding
from .sums import F32, F64, Memory, known_code

Array = Any

FUNCTIONS = {"cross_entropy": 0, "kl": 1}


def no_pair(measure: Any, scores: Any) -> str | None:
    """Why a kernel of two stored predictions does not take these, whatever their arrays are."""
    if not isinstance(scores, Versus) or scores.of not in FUNCTIONS:
        return "this kernel does the cross-entropy and the divergence of two predictions"
    for side, role in ((scores.p, "P"), (scores.q, "Q")):
        if not isinstance(side, Scores) or side.kind != "logits" or side.softcap is not None:
            return f"{role} is no plain logits, which both are here"
    return None


class Pairs(Binding):
    """Two stored predictions: their cross-entropy or divergence, one reading of both rows each way.

    With `flush` gradients below the normal numbers become 0, as in `Stored`. `out` takes Q's
    gradient, or with a pair of arrays Q's and P's; it may be the scores.
    """

    at_once: ClassVar = True
    kept: ClassVar = 6  # numbers per event that forward keeps for backward

    def __init__(self, memory: Memory, verbs: Any, flush: bool = False) -> None:
        super().__init__(memory, verbs)
        self.flush = flush

    def refuses(self, measure: Any, scores: Any) -> str | None:
        why = no_pair(measure, scores)
        if why is not None:
            return why
        return self.memory.refuses(scores.p.array, "P") or self.memory.refuses(scores.q.array, "Q")

    def forward(self, measure: Any, scores: Versus, log_z: bool = False) -> Forward:
        known = self.memory.empty((*measure.events, self.kept), F64)
        found = self._forward(measure, scores, log_z)
        self._run(measure, scores, known, found)
        found.residual = (known,)
        return found

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array | None, ...]:
        gradients = room(scores, out, self.memory.like)
        upstream = self._upstream(d_loss, d_log_z, measure.events)
        if residual is None:
            # What forward kept is found again by the way.
            found = self._forward(measure, scores, False)
            self._run(measure, scores, None, found, gradients, **upstream)
        else:
            self._run(measure, scores, residual[0], None, gradients, **upstream)
        return gradients

    def fused(
        self,
        measure: Any,
        scores: Any,
        d_loss: Any,
        z_loss: float,
        out: Any = None,
        needs: tuple[bool, ...] = (True, False),
    ) -> tuple[Forward, tuple[Array | None, ...]]:
        """Both at once; without `needs` Q's gradient alone, which is what goes with a value."""
        scores = replace(scores, wanted=needs)
        if z_loss:
            return in_steps(self, self.verbs, measure, scores, d_loss, z_loss, out)
        found, gradients = (
            self._forward(measure, scores, False),
            room(scores, out, self.memory.like),
        )
        upstream = self._upstream(d_loss, 0.0, measure.events)
        self._run(measure, scores, None, found, gradients, **upstream)
        return found, gradients

    def _forward(self, measure: Any, scores: Any, log_z: bool) -> Forward:
        """Room for what forward finds."""
        wide = min(known_code(self.memory, scores.q.array), F32)
        loss = self.memory.empty(measure.events, wide)
        return Forward(loss, self.memory.empty(measure.events, wide) if log_z else None)

    def _run(
        self,
        measure: Any,
        scores: Any,
        known: Array | None,
        found: Forward | None,
        gradients: tuple[Any, Any] = (None, None),
        *,
        d_loss: Array | None = None,
        d_loss_all: float = 1.0,
        d_log_z: Array | None = None,
    ) -> None:
        p, q = scores.p, scores.q
        weight = None
        if measure.value is not None:
            weight = self._events(measure.value[..., 0], measure.events)
        loss, log_z = (None, None) if found is None else (found.loss, found.log_z)
        _cpu.versus(
            chosen(),
            threads(prod(q.array.shape)),
            FUNCTIONS[scores.of],
            self._export(p.array),
            p.axis,
            known_code(self.memory, p.array),
            self._export(q.array),
            q.axis,
            known_code(self.memory, q.array),
            weight,
            self._export(known),
            self._export(loss),
            self._export(log_z),
            known_code(self.memory, q.array) == F64,
            self._export(gradients[1]),
            self._export(gradients[0]),
            d_loss,
            d_loss_all,
            d_log_z,
            found is not None,
            self.flush,
        )
