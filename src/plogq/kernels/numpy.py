"""The C++ kernels on NumPy arrays: stored scores over exclusive classes, and yes/no outcomes.

Arrays go in as they lie in memory, whatever their strides; only blocks of them are ever copied.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import numpy as verbs
from .contract import BinaryMeasure, BinaryScores, Forward, Measure, Scores
from .cpu import _cpu

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

_KINDS = {"logits": 0, "log_probs": 1, "probs": 2}
_CODES = {np.dtype(np.float64): 0, np.dtype(np.float32): 1, np.dtype(np.float16): 2}
_BFLOAT16, _BOOL = 3, 4
_THREADED = 1 << 20

_SETS: tuple[str, ...] = _cpu.instruction_sets()
_set: ContextVar[int] = ContextVar("plogq_instruction_set", default=0)


def instruction_sets() -> tuple[str, ...]:
    """The instruction sets that have kernels here and that this processor runs, fastest first."""
    return _SETS


@contextmanager
def instruction_set(name: str) -> Generator[None]:
    """Inside this block the kernels of this instruction set run.

    Raises:
        ValueError: this processor does not run it.
    """
    if name not in _SETS:
        raise ValueError(f"this processor runs {', '.join(_SETS)}, not {name!r}")
    token = _set.set(_SETS.index(name))
    try:
        yield
    finally:
        _set.reset(token)


def threads(elements: int) -> int:
    """How many threads a call on this many elements uses: one below about a million.

    PLOGQ_NUM_THREADS says how many, else the processors that this process may use.

    Raises:
        ValueError: PLOGQ_NUM_THREADS is no positive integer.
    """
    if elements < _THREADED:
        return 1
    asked = os.environ.get("PLOGQ_NUM_THREADS", "")
    if asked:
        if not asked.isdecimal() or int(asked) < 1:
            raise ValueError(f"PLOGQ_NUM_THREADS must be a positive integer, got {asked!r}")
        return min(int(asked), 1024)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What these kernels run on: the instruction set, those there are, and the threads."""
    return {
        "instruction_set": _SETS[_set.get()],
        "available": list(_SETS),
        "threads": threads(_THREADED),
    }


def read(array: Array) -> float:
    """The sum of a contiguous float32 array: what merely reading it with these threads costs."""
    return _cpu.read(_set.get(), threads(array.size), array)


def code(x: Array) -> int | None:
    """The kernels' number for the dtype of x, or None where they have none."""
    found = _CODES.get(x.dtype)
    if found is None and x.dtype.name == "bfloat16" and x.dtype.isnative:
        # ml_dtypes makes the dtype when it is imported; from then on it is looked up like the rest.
        found = _CODES[x.dtype] = _BFLOAT16
    return found


def _known(x: Array) -> int:
    """The number of a dtype that `refuses` has let through."""
    found = code(x)
    assert found is not None
    return found


def exported(x: Array | None) -> Array | None:
    """x as the buffer protocol can hand it over: bfloat16 travels as the 16 bits that it is."""
    return x.view(np.uint16) if x is not None and _CODES.get(x.dtype) == _BFLOAT16 else x


def row_sums(x: Array, axis: int, weight: Array | None = None) -> tuple[Array, Array] | None:
    """Σ over the classes, each times its weight, and the least entry (0 where all are greater).

    None for a dtype that the kernels do not take.
    """
    dtype = code(x)
    if dtype is None:
        return None
    events = x.shape[:axis] + x.shape[axis + 1 :]
    sums, least = np.zeros(events), np.zeros(events)
    _cpu.row_sums(
        _set.get(), threads(x.size), exported(x), axis, dtype, _contiguous(weight), sums, least
    )
    return sums, least


def value_range(x: Array) -> tuple[float, float] | None:
    """The least and the greatest element, NaN aside; None for a dtype that is not taken."""
    dtype = code(x)
    # float64 goes through float32 inside, which may round a value onto the bound.
    if dtype in (None, 0):
        return None
    return _cpu.value_range(_set.get(), threads(x.size), exported(x), dtype)


def _per_event(x: Any, events: tuple[int, ...]) -> Array | None:
    """x as one float64 per event, or None for None."""
    if x is None:
        return None
    return _contiguous(np.broadcast_to(np.asarray(x, np.float64), events))


def _contiguous(x: Any, dtype: type[np.generic] = np.float64) -> Array | None:
    """x, one number per event or per class, as the kernels' plain pointers want it."""
    if x is None:
        return None
    plain = np.ascontiguousarray(x, dtype)
    return plain if plain.flags.aligned else plain.copy()


def _refuses_dtype(x: Array, role: str) -> str | None:
    if code(x) is not None:
        return None
    order = "" if x.dtype.isnative else ", in a byte order that is not this machine's"
    return (
        f"{role} is {x.dtype.name}{order}; "
        "the kernels take native float64, float32, float16 and bfloat16"
    )


class Stored:
    """Stored logits, log-probabilities or probabilities over exclusive classes.

    With `flush` a gradient below the normal numbers becomes 0, for a matrix product that is to
    follow: BLAS takes many times as long on subnormal numbers.
    """

    name = "cpu"

    def __init__(self, flush: bool = False) -> None:
        self.flush = flush

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Scores):
            return "this kernel takes stored scores over exclusive classes"
        if len(measure.background) > 1:
            return "P is smoothed more than once around class weights; one background is done here"
        if measure.dense is not None:
            why = _refuses_dtype(measure.dense, "P")
            if why is not None:
                return why
        return _refuses_dtype(scores.array, "Q")

    def forward(self, measure: Measure, scores: Scores, log_z: bool = False) -> Forward:
        return self._run(measure, scores, self._forward(measure, scores, log_z))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        gradient = np.empty_like(scores.array) if out is None else out
        self._run(
            measure,
            scores,
            Forward(None, None, residual),
            gradient,
            d_loss=_per_event(d_loss, measure.events),
            d_log_z=_per_event(d_log_z, measure.events),
        )
        return (gradient,)

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        gradient = np.empty_like(scores.array) if out is None else out
        forward = self._forward(measure, scores, z_loss != 0)
        self._run(measure, scores, forward, gradient, d_loss_all=d_loss, z_loss=z_loss)
        return forward, (gradient,)

    def _forward(self, measure: Measure, scores: Scores, log_z: bool) -> Forward:
        wide = np.float64 if scores.array.dtype == np.float64 else np.float32
        events = measure.events
        return Forward(
            np.empty(events, wide),
            np.empty(events, wide) if log_z else None,
            (np.empty(events), np.empty(events)),
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
        m = measure
        background = m.background[0] if m.background else None
        index = _contiguous(m.index, np.int64)
        _cpu.stored(
            _set.get(),
            threads(scores.array.size),
            _KINDS[scores.kind],
            scores.softcap or 0.0,
            exported(scores.array),
            scores.axis,
            _known(scores.array),
            index,
            0 if index is None else index.shape[-1],
            _contiguous(m.value),
            exported(m.dense),
            m.axis,
            0 if m.dense is None else _known(m.dense),
            _per_event(m.event, m.events),
            _contiguous(m.class_weight),
            None if background is None else _per_event(background.factor, m.events),
            None if background is None else _contiguous(background.classes),
            None if m.unit_mass() else _contiguous(m.mass(verbs)),
            forward.residual[0],
            forward.residual[1],
            forward.loss,
            forward.log_z,
            exported(gradient),
            d_loss,
            d_loss_all,
            d_log_z,
            z_loss,
            forward.loss is not None,
            self.flush,
        )
        return forward


class Binary:
    """Stored logits or probabilities of independent yes/no outcomes."""

    name = "cpu"

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, BinaryScores):
            return "this kernel takes stored scores of yes/no outcomes"
        if any(isinstance(c, np.ndarray) for c in (*measure.yes, *measure.no)):
            return "the class weights are arrays; numbers are done here"
        if measure.target.dtype.kind not in "biu":
            why = _refuses_dtype(measure.target, "P")
            if why is not None:
                return why
        return _refuses_dtype(scores.array, "Q")

    def forward(self, measure: BinaryMeasure, scores: BinaryScores, log_z: bool = False) -> Forward:
        return self._run(measure, scores, log_z=log_z)

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        gradient = np.empty_like(scores.array) if out is None else out
        events = scores.array.shape
        self._run(
            measure,
            scores,
            gradient,
            d_loss=_per_event(d_loss, events),
            d_log_z=_per_event(d_log_z, events),
        )
        return (gradient,)

    def fused(
        self, measure: Any, scores: Any, d_loss: float, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        gradient = np.empty_like(scores.array) if out is None else out
        log_z = z_loss != 0
        forward = self._run(
            measure, scores, gradient, d_loss_all=d_loss, z_loss=z_loss, log_z=log_z
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
    ) -> Forward:
        x, y = scores.array, measure.target
        if y.dtype.kind in "iu":
            y = y.astype(np.bool_)
        wide = np.float64 if x.dtype == np.float64 else np.float32
        forward = Forward(np.empty(x.shape, wide), np.empty(x.shape, wide) if log_z else None)
        _cpu.binary(
            _set.get(),
            threads(x.size),
            _KINDS[scores.kind],
            exported(x),
            _known(x),
            exported(y),
            _BOOL if y.dtype.kind == "b" else _known(y),
            *measure.yes,
            *measure.no,
            _per_event(measure.event, x.shape),
            forward.loss,
            forward.log_z,
            exported(gradient),
            d_loss,
            d_loss_all,
            d_log_z,
            z_loss,
        )
        return forward


stored = Stored()
binary = Binary()
