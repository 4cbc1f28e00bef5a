"""The C++ kernels on JAX's arrays, through XLA's foreign function interface, and labels unread.

The kernels are there where plogq was built beside jaxlib, whose headers that takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...algebra.contract import Forward, in_steps
from ...algebra.measure import Measure
from ...algebra.scores import BinaryScores, Scores
from ...algebra.yes_no import BinaryMeasure
from ...native import _cpu
from ...native.described import binary_told, stored_arrays, stored_told
from ...native.processor import chosen, threads
from . import arrays as verbs
from .linear import Blockwise

Array = jax.Array

# As many as a view of the kernels has room for.
_MOST_AXES = 63

_HANDLERS = _cpu.xla_handlers()
for _name, _handler in _HANDLERS.items():
    jax.ffi.register_ffi_target(_name, _handler, platform="cpu")


def refuses(x: Any, role: str) -> str | None:
    """Why the kernels do not take this array, or None."""
    if not _HANDLERS:
        return "plogq was built without XLA's headers: install jax first, and then plogq"
    if x.ndim > _MOST_AXES:
        return f"{role} has {x.ndim} axes; the kernels take at most {_MOST_AXES}"
    if x.dtype.name not in verbs.float_names:
        return f"{role} is {x.dtype.name}; the kernels take {', '.join(verbs.float_names)}"
    return None


def called(
    name: str, results: list[Any], operands: list[Any], in_place: bool = False, **options: Any
) -> list[Array]:
    """A kernel on the operands that there are, the first of them overwritten if asked for."""
    present = sum(1 << i for i, x in enumerate(operands) if x is not None)
    aliases = {0: 0} if in_place else None
    found = jax.ffi.ffi_call(f"plogq_{name}", results, input_output_aliases=aliases)(
        *(x for x in operands if x is not None),
        set=np.int64(chosen()),
        threads=np.int64(threads(prod(operands[0].shape), spawned=True)),
        present=np.int64(present),
        **typed(options),
    )
    return list(found)


def _call(
    name: str,
    results: list[Any],
    arrays: dict[str, Any],
    told: dict[str, Any],
    kept: Iterable[Array] = (),
    in_place: bool = False,
) -> list[Array]:
    """A kernel on named arrays; `kept` is what forward has left for backward."""
    otherwise, read, _ = _cpu.problems[name]
    operands = [*(arrays.get(field) for field in read), *kept]
    return called(name, results, operands, in_place, **{**otherwise, **told})


_TYPES: dict[type, Any] = {int: np.int64, float: np.float64}


def typed(options: dict[str, Any]) -> dict[str, Any]:
    """Options as XLA is told them."""
    return {k: v if isinstance(v, bool) else _TYPES[type(v)](v) for k, v in options.items()}


def each(x: Any, events: tuple[int, ...]) -> Array | None:
    """x as one number per event, or None for None."""
    return None if x is None else jnp.broadcast_to(jnp.asarray(x, verbs.wide()), events)


def _upstream(d_loss: Any, d_log_z: Any, events: tuple[int, ...]) -> dict[str, Any]:
    return {"d_loss": each(d_loss, events), "d_log_z": each(d_log_z, events)}


class Stored:
    """Stored logits, log-probabilities or probabilities over exclusive classes."""

    name = "cpu"

    def __init__(self, flush: bool = False) -> None:
        self.flush = flush

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Scores):
            return "this kernel takes stored scores over exclusive classes"
        if why := measure.beyond_one_background():
            return why
        if measure.dense is not None and (why := refuses(measure.dense, "P")):
            return why
        return refuses(scores.array, "Q")

    def forward(self, measure: Measure, scores: Scores, log_z: bool = False) -> Forward:
        loss = jax.ShapeDtypeStruct(measure.events, verbs.statistics_dtype(scores.array))
        statistic = jax.ShapeDtypeStruct(measure.events, verbs.wide())
        results = [loss, loss, statistic, statistic]
        found = _call("stored", results, self._arrays(measure, scores), self._told(measure, scores))
        return Forward(found[0], found[1], (found[2], found[3]))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        arrays = {**self._arrays(measure, scores), **_upstream(d_loss, d_log_z, measure.events)}
        told = {**self._told(measure, scores), "forward": False}
        gradient = [jax.ShapeDtypeStruct(scores.array.shape, scores.array.dtype)]
        # A block of scores is made to be turned into its gradient.
        return tuple(_call("stored", gradient, arrays, told, residual, in_place=self.flush))

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)

    def _arrays(self, m: Measure, scores: Scores) -> dict[str, Any]:
        found = stored_arrays(m, scores, verbs)
        return {**found, **{name: each(found[name], m.events) for name in ("factor", "mass")}}

    def _told(self, m: Measure, scores: Scores) -> dict[str, Any]:
        axes = scores.array.ndim
        told = stored_told(m, scores, self.flush)
        return {**told, "axis": scores.axis % axes, "dense_axis": m.axis % axes}


class Binary:
    """Stored logits or probabilities of independent yes/no outcomes."""

    name = "cpu"

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, BinaryScores):
            return "this kernel takes stored scores of yes/no outcomes"
        if why := measure.beyond_numbers():
            return why
        if verbs.is_float(measure.target) and (why := refuses(measure.target, "P")):
            return why
        return refuses(scores.array, "Q")

    def forward(self, measure: BinaryMeasure, scores: BinaryScores, log_z: bool = False) -> Forward:
        loss = jax.ShapeDtypeStruct(scores.array.shape, verbs.statistics_dtype(scores.array))
        arrays, told = self._arrays(measure, scores), binary_told(measure, scores)
        return Forward(*_call("binary", [loss, loss], arrays, told))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        x = scores.array
        arrays = {**self._arrays(measure, scores), **_upstream(d_loss, d_log_z, x.shape)}
        gradient = [jax.ShapeDtypeStruct(x.shape, x.dtype)]
        return tuple(_call("binary", gradient, arrays, binary_told(measure, scores)))

    def _arrays(self, m: BinaryMeasure, scores: BinaryScores) -> dict[str, Any]:
        target = m.target if verbs.is_float(m.target) else m.target != 0
        return {"scores": scores.array, "target": target, "weight": m.event}

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)


stored = Stored()
binary = Binary()
linear = Blockwise(Stored(flush=True))
