"""The C++ kernels on JAX's arrays, through XLA's foreign function interface, and labels unread.

The kernels are there where plogq was built beside jaxlib, whose headers that takes.
"""

# JAX types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

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
from ...native import stored as binding
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
    found = jax.ffi.ffi_call(name, results, input_output_aliases=aliases)(
        *(x for x in operands if x is not None),
        set=np.int64(chosen()),
        threads=np.int64(threads(prod(operands[0].shape), spawned=True)),
        present=np.int64(present),
        **typed(options),
    )
    return list(found)


_TYPES: dict[type, Any] = {int: np.int64, float: np.float64}


def typed(options: dict[str, Any]) -> dict[str, Any]:
    """Options as XLA is told them."""
    return {k: v if isinstance(v, bool) else _TYPES[type(v)](v) for k, v in options.items()}


def each(x: Any, events: tuple[int, ...]) -> Array:
    """x as one number per event."""
    return jnp.broadcast_to(jnp.asarray(x, verbs.wide()), events)


def _forward(
    name: str, scores: Array, events: tuple[int, ...], operands: Any, **options: Any
) -> Any:
    loss = jax.ShapeDtypeStruct(events, verbs.statistics_dtype(scores))
    statistic = jax.ShapeDtypeStruct(events, verbs.wide())
    found = [loss, loss] if name == "plogq_binary" else [loss, loss, statistic, statistic]
    return called(name, found, operands, forward=True, **options)


class Stored:
    """Stored logits, log-probabilities or probabilities over exclusive classes."""

    name = "cpu"

    def __init__(self, flush: bool = False) -> None:
        self.flush = flush

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, Scores):
            return "this kernel takes stored scores over exclusive classes"
        if len(measure.background) > 1:
            return "P is smoothed more than once around class weights; one background is done here"
        if measure.dense is not None and (why := refuses(measure.dense, "P")):
            return why
        return refuses(scores.array, "Q")

    def forward(self, measure: Measure, scores: Scores, log_z: bool = False) -> Forward:
        loss, found_log_z, greatest, rest = _forward(
            "plogq_stored",
            scores.array,
            measure.events,
            self._operands(measure, scores),
            **self._options(measure, scores),
        )
        return Forward(loss, found_log_z, (greatest, rest))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        upstream = (each(x, measure.events) for x in (d_loss, d_log_z))
        operands = [*self._operands(measure, scores), *residual, *upstream]
        gradient = [jax.ShapeDtypeStruct(scores.array.shape, scores.array.dtype)]
        options = self._options(measure, scores)
        # A block of scores is made to be turned into its gradient.
        options["in_place"] = self.flush
        return tuple(called("plogq_stored", gradient, operands, forward=False, **options))

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)

    def _operands(self, m: Measure, scores: Scores) -> list[Any]:
        background = m.background[0] if m.background else None
        return [
            scores.array,
            m.index,
            m.value,
            m.dense,
            m.event,
            m.class_weight,
            None if background is None else each(background.factor, m.events),
            None if background is None else background.classes,
            None if m.unit_mass() else each(m.mass(verbs), m.events),
        ]

    def _options(self, m: Measure, scores: Scores) -> dict[str, Any]:
        return {
            "kind": binding.KINDS[scores.kind],
            "softcap": scores.softcap or 0.0,
            "axis": scores.axis % scores.array.ndim,
            "dense_axis": m.axis % scores.array.ndim,
            "entries": 0 if m.index is None else m.index.shape[-1],
            "shard": m.total is not None,
            "flush": self.flush,
        }


class Binary:
    """Stored logits or probabilities of independent yes/no outcomes."""

    name = "cpu"

    def refuses(self, measure: Any, scores: Any) -> str | None:
        if not isinstance(scores, BinaryScores):
            return "this kernel takes stored scores of yes/no outcomes"
        if any(hasattr(c, "shape") for c in (*measure.yes, *measure.no)):
            return "the class weights are arrays; numbers are done here"
        if verbs.is_float(measure.target) and (why := refuses(measure.target, "P")):
            return why
        return refuses(scores.array, "Q")

    def forward(self, measure: BinaryMeasure, scores: BinaryScores, log_z: bool = False) -> Forward:
        x = scores.array
        operands, options = self._given(measure, scores)
        return Forward(*_forward("plogq_binary", x, x.shape, operands, **options))

    def backward(
        self, measure: Any, scores: Any, residual: Any, d_loss: Any, d_log_z: Any, out: Any = None
    ) -> tuple[Array, ...]:
        x = scores.array
        operands, options = self._given(measure, scores)
        operands += [each(g, x.shape) for g in (d_loss, d_log_z)]
        gradient = [jax.ShapeDtypeStruct(x.shape, x.dtype)]
        return tuple(called("plogq_binary", gradient, operands, forward=False, **options))

    def _given(self, m: BinaryMeasure, scores: BinaryScores) -> tuple[list[Any], dict[str, Any]]:
        y = m.target if verbs.is_float(m.target) else m.target != 0
        sides = {"yes_1": m.yes[0], "yes_0": m.yes[1], "no_1": m.no[0], "no_0": m.no[1]}
        return [scores.array, y, m.event], {"kind": binding.KINDS[scores.kind], **sides}

    def fused(
        self, measure: Any, scores: Any, d_loss: Any, z_loss: float, out: Any = None
    ) -> tuple[Forward, tuple[Array, ...]]:
        return in_steps(self, verbs, measure, scores, d_loss, z_loss)


stored = Stored()
binary = Binary()
linear = Blockwise(Stored(flush=True))
