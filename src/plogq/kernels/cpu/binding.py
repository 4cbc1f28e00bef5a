"""The C++ kernels on the arrays of any framework: stored scores, and yes/no outcomes.

Arrays go in as they lie in memory, whatever their strides; only blocks of them are ever copied.
"""

from __future__ import annotations

from math import prod
from typing import Any, Protocol

import numpy as np

from ..contract import BinaryMeasure, BinaryScores, Forward, Measure, Scores
from . import _cpu
from .processor import chosen, threads

Array = Any

F64, F32, F16, BF16, U8 = range(5)
_RUN = 1 << 16
KINDS = {"logits": 0, "log_probs": 1, "probs": 2}


class Memory(Protocol):
    """How a framework's arrays lie in memory."""

    verbs: Any

    def code(self, x: Array) -> int | None:
        """The kernels' number for the dtype of x, or None where they have none."""
        ...

    def refuses(self, x: Array, role: str) -> str | None:
        """Why the kernels cannot take x, or None."""
        ...

    def exported(self, x: Array) -> Any:
        """x as the buffer protocol hands it over: bfloat16 as the 16 bits that it is."""
        ...

    def host(self, x: Array) -> Any:
        """x as a NumPy array."""
        ...

    def empty(self, shape: tuple[int, ...], dtype: int) -> Array:
        """A new array of the framework."""
        ...

    def like(self, x: Array) -> Array:
        """A new array for the gradient of x."""
        ...


def _known(memory: Memory, x: Array) -> int:
    """The number of a dtype that `refuses` has let through."""
    found = memory.code(x)
    assert found is not None
    return found


def contiguous(x: Any, dtype: type[np.generic] = np.float64) -> Any:
    """x as the kernels' plain pointers want it: native, aligned and without gaps."""
    plain = np.ascontiguousarray(x, dtype)
    return plain if plain.flags.aligned else plain.copy()


def row_sums(memory: Memory, x: Array, axis: int, weight: Any) -> tuple[Array, Array] | None:
    """Σ over the classes, each times its weight, and the least entry (0 where all are greater).

    None for a dtype that the kernels do not take.
    """
    dtype = memory.code(x)
    if dtype is None or 0 in x.shape:
        return None
    events = (*x.shape[:axis], *x.shape[axis + 1 :])
    sums, least = memory.empty(events, F64), memory.empty(events, F64)
    _cpu.row_sums(
        chosen(),
        threads(prod(x.shape)),
        memory.exported(x),
        axis,
        dtype,
        None if weight is None else contiguous(memory.host(weight)),
        memory.exported(sums),
        memory.exported(least),
    )
    return sums, least


def total(memory: Memory, x: Array) -> float:
    """The sum of a contiguous float32 or float64 array, the same for any number of threads."""
    flat = memory.host(x).reshape(-1)
    rows, dtype = len(flat) // _RUN, _known(memory, x)
    sums, least = np.empty(rows), np.empty(rows)
    if rows:
        runs = flat[: rows * _RUN].reshape(rows, _RUN)
        _cpu.row_sums(chosen(), threads(runs.size), runs, 1, dtype, None, sums, least)
    return float(np.sum(sums) + np.sum(flat[rows * _RUN :], dtype=np.float64))


def value_range(memory: Memory, x: Array) -> tuple[float, float] | None:
    """The least and the greatest element, NaN where one is; None for a dtype not taken."""
    dtype = memory.code(x)
    # float64 goes through float32 inside, which may round a value onto the bound.
    if dtype in (None, F64) or 0 in x.shape:
        return None
    return _cpu.value_range(chosen(), threads(prod(x.shape)), memory.exported(x), dtype)


class _Binding:
    """What the two kernels share: the framework's memory, and arrays as plain pointers."""

    name = "cpu"

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def _export(self, x: Array | None) -> Any:
        return None if x is None else self.memory.exported(x)

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


class Stored(_Binding):
    """Stored logits, log-probabilities or probabilities over exclusive classes.

    With `flush` a gradient below the normal numbers becomes 0, for a matrix product that is to
    follow: BLAS takes many times as long on subnormal numbers.
    """

    def __init__(self, memory: Memory, flush: bool = False) -> None:
        super().__init__(memory)
        self.flush = flush

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Scores):
            return "this kernel takes stored scores over exclusive classes"
        why = measure.beyond_one_background()
        if why is None and measure.dense is not None:
            why = self.memory.refuses(measure.dense, "P")
        return self.memory.refuses(scores.array, "Q") if why is None else why

    def forward(self, measure: Measure, scores: Scores, log_z: bool = False) -> Forward:
        return self._run(measure, scores, self._forward(measure, scores, log_z))

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

    def _forward(self, measure: Measure, scores: Scores, log_z: bool) -> Forward:
        empty, events = self.memory.empty, measure.events
        wide = min(_known(self.memory, scores.array), F32)
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
        *,
        d_loss: Array | None = None,
        d_loss_all: float = 1.0,
        d_log_z: Array | None = None,
        z_loss: float = 0.0,
    ) -> Forward:
        m, x = measure, scores.array
        background = m.background[0] if m.background else None
        with self.memory.verbs.quiet():
            mass = None if m.unit_mass() else self._flat(m.mass(self.memory.verbs))
        index = self._flat(m.index, np.int64)
        _cpu.stored(
            chosen(),
            threads(prod(x.shape)),
            KINDS[scores.kind],
            scores.softcap or 0.0,
            self._export(x),
            scores.axis,
            _known(self.memory, x),
            index,
            0 if index is None else index.shape[-1],
            self._flat(m.value),
            self._export(m.dense),
            m.axis,
            0 if m.dense is None else _known(self.memory, m.dense),
            self._events(m.event, m.events),
            self._flat(m.class_weight),
            None if background is None else self._events(background.factor, m.events),
            None if background is None else self._flat(background.classes),
            mass,
            self._export(forward.residual[0]),
            self._export(forward.residual[1]),
            self._export(forward.loss),
            self._export(forward.log_z),
            self._export(gradient),
            d_loss,
            d_loss_all,
            d_log_z,
            z_loss,
            forward.loss is not None,
            m.total is not None,
            self.flush,
        )
        return forward


class Binary(_Binding):
    """Stored logits or probabilities of independent yes/no outcomes."""

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, BinaryScores):
            return "this kernel takes stored scores of yes/no outcomes"
        why = measure.beyond_numbers()
        if why is not None:
            return why
        if self.memory.verbs.is_float(measure.target):
            why = self.memory.refuses(measure.target, "P")
            if why is not None:
                return why
        return self.memory.refuses(scores.array, "Q")

    def forward(self, measure: BinaryMeasure, scores: BinaryScores, log_z: bool = False) -> Forward:
        return self._run(measure, scores, log_z=log_z)

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

    def _run(
        self,
        measure: BinaryMeasure,
        scores: BinaryScores,
        gradient: Array | None = None,
        *,
        d_loss: Array | None = None,
        d_loss_all: float = 1.0,
        d_log_z: Array | None = None,
        z_loss: float = 0.0,
        log_z: bool = False,
        fused: bool = False,
    ) -> Forward:
        x, y, empty = scores.array, measure.target, self.memory.empty
        dtype = U8
        if self.memory.verbs.is_float(y):
            y, dtype = self._export(y), _known(self.memory, y)
        else:
            y = np.asarray(self.memory.host(y), np.bool_)
        events = tuple(x.shape)
        wide = min(_known(self.memory, x), F32)
        loss = empty(events, wide) if gradient is None or fused else None
        forward = Forward(loss, empty(events, wide) if log_z else None)
        _cpu.binary(
            chosen(),
            threads(prod(events)),
            KINDS[scores.kind],
            self._export(x),
            _known(self.memory, x),
            y,
            dtype,
            *measure.yes,
            *measure.no,
            self._events(measure.event, events),
            self._export(forward.loss),
            self._export(forward.log_z),
            self._export(gradient),
            d_loss,
            d_loss_all,
            d_log_z,
            z_loss,
        )
        return forward
