"""The C++ kernels on the arrays of any framework: stored scores, and yes/no outcomes.

Arrays go in as they lie in memory, whatever their strides; only blocks of them are ever copied.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..algebra.contract import Forward
from ..algebra.measure import Measure
from ..algebra.scores import BinaryScores, Scores
from ..algebra.yes_no import BinaryMeasure
from . import _cpu
from .described import binary_told, stored_arrays, stored_told
from .processor import chosen, threads
from .sums import F32, F64, U8, Memory, contiguous, known_code

Array = Any
# What a kernel is told of P, kept by who asks again for other scores: empty until it is known.
Known = dict[str, Any]


class Binding:
    """What the two kernels share: the framework's memory, and arrays as plain pointers."""

    name = "cpu"

    def __init__(self, memory: Memory, verbs: Any) -> None:
        self.memory, self.verbs = memory, verbs

    def _export(self, x: Array | None) -> Any:
        return None if x is None else self.memory.exported(x)

    def _view(self, x: Array | None) -> Any:
        """What exports x, and the code of its dtype, as bfloat16 is exported as 16 bits."""
        return None if x is None else (self.memory.exported(x), known_code(self.memory, x))

    def _flat(self, x: Array | None, dtype: type[np.generic] = np.float64) -> Any:
        return None if x is None else contiguous(self.memory.host(x), dtype)

    def _events(self, x: Any, events: tuple[int, ...]) -> Any:
        """x as one float64 per event, or None for None."""
        if x is None:
            return None
        each = self.memory.host(x) if hasattr(x, "shape") else x
        return contiguous(np.broadcast_to(np.asarray(each, np.float64), events))

    def _upstream(self, d_loss: Any, d_log_z: Any, events: tuple[int, ...]) -> dict[str, Any]:
        """What flows back to the losses, one number for all of them or one each, and to log Z."""
        zero = isinstance(d_log_z, float) and d_log_z == 0.0
        given = {"d_log_z": None if zero else self._events(d_log_z, events)}
        if isinstance(d_loss, float):
            return {**given, "d_loss_all": d_loss}
        return {**given, "d_loss": self._events(d_loss, events)}


class Stored(Binding):
    """Stored logits, log-probabilities or probabilities over exclusive classes.

    With `flush` a gradient below the normal numbers becomes 0, for a matrix product that is to
    follow: BLAS takes many times as long on subnormal numbers.
    """

    def __init__(self, memory: Memory, verbs: Any, flush: bool = False) -> None:
        super().__init__(memory, verbs)
        self.flush = flush

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Scores):
            return "this kernel takes stored scores over exclusive classes"
        why = measure.beyond_one_background()
        if why is None and measure.dense is not None:
            why = self.memory.refuses(measure.dense, "P")
        return self.memory.refuses(scores.array, "Q") if why is None else why

    def forward(
        self, measure: Measure, scores: Scores, log_z: bool = False, known: Known | None = None
    ) -> Forward:
        return self._run(measure, scores, self._forward(measure, scores, log_z), known=known)

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        gradient = self.memory.like(scores.array) if out is None else out
        self._run(
            measure,
            scores,
            Forward(None, None, residual),
            gradient,
            **self._upstream(d_loss, d_log_z, measure.events),
        )
        return (gradient,)

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        gradient = self.memory.like(scores.array) if out is None else out
        forward = self._forward(measure, scores, z_loss != 0)
        self._run(measure, scores, forward, gradient, d_loss_all=d_loss, z_loss=z_loss)
        return forward, (gradient,)

    def curved(
        self,
        measure: Any,
        scores: Any,
        gradient: Array,
        hessian: Array,
        bound: float,
        residual: Any = None,
        d_loss: Any = 1.0,
        known: Known | None = None,
    ) -> None:
        """The gradient of Σ d_loss · loss, and bound times the diagonal of its Hessian, written.

        Both are arrays of one dtype, shaped as the scores and laid out as they may be. `residual`
        is that of `forward` for the same pair; without it the same pass finds it.
        """
        first = residual is None
        given: dict[str, Any] = {"hessian": hessian, "bound": bound, "forward_too": first}
        given["known"] = known
        if residual is None:
            residual = tuple(self.memory.empty(measure.events, F64) for _ in range(2))
        given |= self._upstream(d_loss, 0.0, measure.events)
        self._run(measure, scores, Forward(None, None, residual), gradient, **given)

    def _forward(self, measure: Measure, scores: Scores, log_z: bool) -> Forward:
        empty, events = self.memory.empty, measure.events
        wide = min(known_code(self.memory, scores.array), F32)
        return Forward(
            empty(events, wide),
            empty(events, wide) if log_z else None,
            (empty(events, F64), empty(events, F64)),
        )

    def _run(
        self,
        measure: Measure,
        scores: Scores,
        forward: Forward,
        gradient: Array | None = None,
        hessian: Array | None = None,
        *,
        forward_too: bool = False,
        known: Known | None = None,
        **told: Any,
    ) -> Forward:
        x, events = scores.array, measure.events
        about: Known = {} if known is None else known
        if not about:
            given = stored_arrays(measure, scores, self.verbs)
            about |= {
                **stored_told(measure, scores, self.flush),
                "index": self._flat(given["index"], np.int64),
                "value": self._flat(given["value"]),
                "dense": self._view(given["dense"]),
                "event": self._events(given["event"], events),
                "class_weight": self._flat(given["class_weight"]),
                "factor": self._events(given["factor"], events),
                "spread": self._flat(given["spread"]),
                "mass": self._flat(given["mass"]),
            }
        _cpu.stored(
            chosen(),
            threads(prod(x.shape)),
            **about,
            scores=self._view(x),
            greatest=self._export(forward.residual[0]),
            rest=self._export(forward.residual[1]),
            loss=self._export(forward.loss),
            log_z=self._export(forward.log_z),
            gradient=self._view(gradient),
            hessian=self._view(hessian),
            forward=forward_too or forward.loss is not None,
            **told,
        )
        return forward


class Binary(Binding):
    """Stored logits or probabilities of independent yes/no outcomes."""

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, BinaryScores):
            return "this kernel takes stored scores of yes/no outcomes"
        why = measure.beyond_numbers()
        if why is not None:
            return why
        if self.verbs.is_float(measure.target):
            why = self.memory.refuses(measure.target, "P")
            if why is not None:
                return why
        return self.memory.refuses(scores.array, "Q")

    def forward(
        self,
        measure: BinaryMeasure,
        scores: BinaryScores,
        log_z: bool = False,
        known: Known | None = None,
    ) -> Forward:
        return self._run(measure, scores, log_z=log_z, known=known)

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        gradient = self.memory.like(scores.array) if out is None else out
        events = tuple(scores.array.shape)
        self._run(measure, scores, gradient, **self._upstream(d_loss, d_log_z, events))
        return (gradient,)

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        gradient = self.memory.like(scores.array) if out is None else out
        log_z = z_loss != 0
        forward = self._run(
            measure, scores, gradient, d_loss_all=d_loss, z_loss=z_loss, log_z=log_z, fused=True
        )
        return forward, (gradient,)

    def curved(
        self,
        measure: Any,
        scores: Any,
        gradient: Array,
        hessian: Array,
        bound: float,
        residual: Any = None,
        d_loss: Any = 1.0,
        known: Known | None = None,
    ) -> None:
        """The same as `Stored.curved`, for yes/no outcomes, which have no residual."""
        given: dict[str, Any] = {"hessian": hessian, "bound": bound, "known": known}
        given |= self._upstream(d_loss, 0.0, tuple(scores.array.shape))
        self._run(measure, scores, gradient, **given)

    def _run(
        self,
        measure: BinaryMeasure,
        scores: BinaryScores,
        gradient: Array | None = None,
        hessian: Array | None = None,
        *,
        log_z: bool = False,
        fused: bool = False,
        known: Known | None = None,
        **told: Any,
    ) -> Forward:
        x, y, empty = scores.array, measure.target, self.memory.empty
        events = tuple(x.shape)
        wide = min(known_code(self.memory, x), F32)
        loss = empty(events, wide) if gradient is None or fused else None
        forward = Forward(loss, empty(events, wide) if log_z else None)
        about: Known = {} if known is None else known
        if not about:
            about |= {
                **binary_told(measure, scores),
                "target": self._view(y)
                if self.verbs.is_float(y)
                else (np.asarray(self.memory.host(y), np.bool_), U8),
                "weight": self._events(measure.event, events),
            }
        _cpu.binary(
            chosen(),
            threads(prod(events)),
            **about,
            scores=self._view(x),
            loss=self._export(forward.loss),
            log_z=self._export(forward.log_z),
            gradient=self._view(gradient),
            hessian=self._view(hessian),
            **told,
        )
        return forward
