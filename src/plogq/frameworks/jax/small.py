"""P × Logits in JAX: from the arrays to the reduced loss by one primitive, and back by one.

In a program of XLA the C++ kernel is given labels, rows of probabilities or yes/no outcomes,
weights and scores as they are: which class, which mass, what is left out, and the sum. `program`
gives the loss; `along` is its change along a change of the scores, linear in that, and transposes
to `gradient`. Where it is certain to be transposed, `program` makes the gradient for a cotangent of
1 in the same pass, and `gradient` makes of it the one that is asked for. Whatever else is asked, by
a P that changes, in a batch, differentiated further, on another platform, is the same loss made
step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.interpreters.partial_eval import JaxprTracer
from jax.sharding import AxisType

from ...algebra.labels import label_range
from ...algebra.plain import (
    OF_YES_NO,
    AnyPlain,
    Plain,
    PlainLoss,
    PlainRows,
    PlainYesNo,
    plain_loss,
)
from ...errors import LabelError
from ...native.labelled import told
from . import arrays as xp
from . import autodiff, kernels

Array = Any
Arrays = Any


# What a loss keeps for its gradient: nothing; greatest and rest per event; or the gradient for a
# cotangent of 1, which may turn out to be the one asked for. All but nothing with what the sum was
# divided by.
NOTHING, STATISTICS, GRADIENT, ASKED_FOR = range(4)
_KEPT = (0, 3, 2, 2)


def _results(loss: PlainLoss, scores: Any, keeps: int) -> list[Any]:
    """The loss, and what it keeps."""
    like = xp.statistics_dtype(scores)
    shape, yes_no = scores.shape, loss.target == OF_YES_NO
    events = shape if yes_no else (*shape[: loss.axis], *shape[loss.axis + 1 :])
    of_loss = (events if loss.reduction == "none" else (), like)
    statistic = ((0,) if yes_no else events, like)
    kept = ([], [statistic, statistic], [(shape, scores.dtype)])[keeps]
    return [of_loss, *kept, *([((3,), like)] if kept else [])]


def _step_by_step(loss: PlainLoss, *arrays: Array) -> Array:
    """The loss as JAX takes it further: differentiated, mapped, divided over devices."""
    kernel = kernels.binary if loss.target == OF_YES_NO else kernels.stored
    return loss.step_by_step(xp, lambda p, q: autodiff.losses(kernel, p, q, False)[0], *arrays)


tracing = xp.tracing


def short(p: AnyPlain, x: Array, axis: int, softcap: float | None, reduction: str) -> Array | None:
    """H(P, Logits(x)) reduced, or None for what is not plain."""
    weights: list[Array] = []
    if isinstance(p, Plain):
        if len(p.ignore) > 1:
            return None
        weights = [w for w in (p.sample_weight, p.class_weight) if w is not None]
    for a in (x, p[0], *weights):
        if not isinstance(a, jax.Array):
            return None
        if AxisType.Explicit in jax.typeof(a).sharding.mesh.axis_types:
            return None
    if kernels.refuses(x, "Q") or not jax.sharding.get_abstract_mesh().empty:
        return None
    # A length that an exported program leaves open is no number.
    for n in x.shape:
        if not isinstance(n, int):
            return None
    if isinstance(p, PlainYesNo):
        fits = _outcomes(p, x)
    else:
        axis %= x.ndim
        fits = x.shape[axis] > 1 and (
            _within(p, x, axis, weights) if isinstance(p, Plain) else _rows(p, x, axis)
        )
    if not fits:
        return None
    loss = plain_loss(p, axis, softcap, reduction)
    return program_p.bind(x, p[0], *map(_carried, weights), loss=loss, keeps=NOTHING)[0]


def _carried(weight: Array) -> Array:
    """Weights in a type that the kernel reads."""
    return weight if weight.dtype.name in ("float32", "float64") else xp.weights(weight)


def _within(p: Plain, x: Array, axis: int, weights: list[Array]) -> bool:
    """Whether nothing is wrong with labels, as far as their values are known."""
    shape: Any = x.shape
    events, classes = (*shape[:axis], *shape[axis + 1 :]), shape[axis]
    if p.index.shape != events:
        return False
    if p.sample_weight is not None and p.sample_weight.shape != events:
        return False
    if p.class_weight is not None and p.class_weight.shape != (classes,):
        return False
    for w in weights:
        if xp.readable(w) and not np.isfinite(np.asarray(w)).all():
            return False
    if not xp.readable(p.index) or not (p.sample_weight is None or xp.readable(p.sample_weight)):
        return True
    try:
        label_range(xp.host, p.index, classes, p.ignore, p.sample_weight)
    except LabelError:
        # What is wrong is said where the label is as it came.
        return False
    return True


def _rows(p: PlainRows, x: Array, axis: int) -> bool:
    """The same of rows of probabilities."""
    rows = p.probs
    if rows.shape != x.shape or p.axis % rows.ndim != axis or not xp.is_float(rows):
        return False
    if not xp.readable(rows):
        return True
    sums, least = xp.row_sums(rows, axis)
    return bool(((abs(sums - 1.0) <= p.tolerance) & (least >= 0)).all())


def _outcomes(p: PlainYesNo, x: Array) -> bool:
    """The same of yes/no outcomes."""
    y = p.probs
    if y.shape != x.shape or not (xp.is_float(y) or xp.is_bool(y)):
        return False
    if xp.is_bool(y) or not xp.readable(y):
        return True
    low, high = xp.value_range(y) if y.size else (0.0, 1.0)
    return low >= 0 and high <= 1


program_p = Primitive("plogq_program")
along_p = Primitive("plogq_program_along")
gradient_p = Primitive("plogq_program_gradient")


# What the primitives compute: by the kernel, and step by step.


def _called(
    results: Any, arrays: Arrays, loss: PlainLoss, forward: bool, keeps: int
) -> list[Array]:
    types = [jax.ShapeDtypeStruct(*s) for s in results]
    # The gradient that is there becomes the one that is asked for.
    in_place = {len(arrays) - 3: 0} if keeps == GRADIENT and not forward else None
    call = jax.ffi.ffi_call("plogq_program", types, input_output_aliases=in_place)
    options = {**told(loss), "keeps": keeps}
    return list(call(*arrays, forward=forward, **kernels.typed(options)))


def _loss(scores: Array, *arrays: Array, loss: PlainLoss, keeps: int) -> list[Array]:
    results = _results(loss, scores, keeps)
    return _called(results, (scores, *arrays), loss, True, keeps)


def _loss_in_steps(scores: Array, *arrays: Array, loss: PlainLoss, keeps: int) -> Any:
    kept = [jnp.zeros(*s) for s in _results(loss, scores, keeps)[1:]]
    return [_step_by_step(loss, scores, *arrays), *kept]


def _gradient(scores: Array, *arrays: Array, loss: PlainLoss, keeps: int) -> list[Array]:
    if keeps == ASKED_FOR:
        return [arrays[-3]]
    results = [(scores.shape, scores.dtype)]
    return _called(results, (scores, *arrays), loss, False, keeps)


def _gradient_in_steps(scores: Array, *arrays: Array, loss: PlainLoss, keeps: int) -> list[Array]:
    """The gradient anew, without what was kept of the loss, which changes as the scores do."""
    given, d_loss = arrays[: -_KEPT[keeps] - 1], arrays[-1]
    return list(jax.vjp(lambda x: _step_by_step(loss, x, *given), scores)[1](d_loss))


def _along(
    change: Array, scores: Array, *arrays: Array, loss: PlainLoss, keeps: int
) -> list[Array]:
    given = arrays[: -_KEPT[keeps]]
    return [jax.jvp(lambda x: _step_by_step(loss, x, *given), (scores,), (change,))[1]]


for _p, _steps in (
    (program_p, _loss_in_steps),
    (along_p, _along),
    (gradient_p, _gradient_in_steps),
):
    _p.multiple_results = True
    _p.def_impl(autodiff.eagerly(_p, _steps, ("loss", "keeps")))


@program_p.def_abstract_eval
def _(scores: Any, *_: Any, loss: PlainLoss, keeps: int) -> list[Any]:
    return [ShapedArray(*s) for s in _results(loss, scores, keeps)]


@along_p.def_abstract_eval
def _(_: Any, scores: Any, *__: Any, loss: PlainLoss, keeps: int) -> list[Any]:
    return [ShapedArray(*s) for s in _results(loss, scores, NOTHING)]


@gradient_p.def_abstract_eval
def _(scores: Any, *_: Any, loss: PlainLoss, keeps: int) -> list[Any]:
    return [ShapedArray(scores.shape, scores.dtype)]


def _lowered(kernel: Callable[..., Any], steps: Callable[..., Any]) -> Callable[..., Any]:
    def rule(ctx: Any, *operands: Any, **params: Any) -> Any:
        function = partial(kernel if autodiff.alone(ctx) else steps, **params)
        return autodiff.written(ctx, function, operands)

    return rule


mlir.register_lowering(program_p, _lowered(_loss, _loss_in_steps))
mlir.register_lowering(gradient_p, _lowered(_gradient, _gradient_in_steps))
mlir.register_lowering(along_p, _lowered(_along, _along))


def _program_jvp(primals: Arrays, tangents: Arrays, *, loss: PlainLoss, keeps: int) -> Any:
    if any(type(t) is not ad.Zero for t in tangents[1:]):
        found = program_p.bind(*primals, loss=loss, keeps=keeps)
        moved = autodiff.along(partial(_step_by_step, loss), primals, tangents)
    else:
        # A tangent that is not known while the loss is stands for one that comes back.
        keeping = keeps or (GRADIENT if isinstance(tangents[0], JaxprTracer) else STATISTICS)
        found = program_p.bind(*primals, loss=loss, keeps=keeping)
        moved = along_p.bind(tangents[0], *primals, *found[1:], loss=loss, keeps=keeping)[0]
        found = found if keeps else found[:1]
    return found, [moved, *map(autodiff.still, found[1:])]


def _along_jvp(primals: Arrays, tangents: Arrays, *, loss: PlainLoss, keeps: int) -> Any:
    found = along_p.bind(*primals, loss=loss, keeps=keeps)
    kept = len(primals) - _KEPT[keeps]
    total: Any = autodiff.still(found[0])
    if type(tangents[0]) is not ad.Zero:
        total = along_p.bind(tangents[0], *primals[1:], loss=loss, keeps=keeps)[0]
    if any(type(t) is not ad.Zero for t in tangents[1:kept]):
        moved = autodiff.along(
            lambda *given: _along(primals[0], *given, *primals[kept:], loss=loss, keeps=keeps)[0],
            primals[1:kept],
            tangents[1:kept],
        )
        total = ad.add_tangents(total, moved)
    return found, [total]


def _gradient_jvp(primals: Arrays, tangents: Arrays, *, loss: PlainLoss, keeps: int) -> Any:
    found = gradient_p.bind(*primals, loss=loss, keeps=keeps)
    steps = partial(_gradient_in_steps, loss=loss, keeps=keeps)
    return found, autodiff.along(steps, primals, tangents)


def _along_transpose(
    cotangents: Any, change: Any, *arrays: Any, loss: PlainLoss, keeps: int
) -> list[Any]:
    d_loss = ad.instantiate_zeros(cotangents[0])
    if keeps == GRADIENT and not xp.traced(d_loss) and d_loss.ndim == 0 and d_loss == 1.0:
        keeps = ASKED_FOR
    gradient = gradient_p.bind(*arrays, d_loss, loss=loss, keeps=keeps)
    return [gradient[0], *(None for _ in arrays)]


ad.primitive_jvps[program_p] = _program_jvp
ad.primitive_jvps[along_p] = _along_jvp
ad.primitive_jvps[gradient_p] = _gradient_jvp
ad.primitive_transposes[along_p] = _along_transpose


def _batched(steps: Callable[..., Any]) -> Callable[..., Any]:
    def rule(arrays: Arrays, axes: Any, **params: Any) -> Any:
        found = jax.vmap(partial(steps, **params), tuple(axes))(*arrays)
        return found, [0] * len(found)

    return rule


batching.primitive_batchers[program_p] = _batched(_loss_in_steps)
batching.primitive_batchers[along_p] = _batched(_along)
batching.primitive_batchers[gradient_p] = _batched(_gradient_in_steps)
