"""Labels × Logits on eager tensors in main memory: from the tensors to the reduced loss at once.

What runs is the short way of NumPy on the tensors' own memory. Whatever is not plain goes the long
way, and says what is wrong with it there.
"""

# What is known of TensorFlow's types is little, and in part wrong.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.eager.record import could_possibly_record

from ...algebra.formula import Formula
from ...algebra.plain import Plain
from ...algebra.scores import Scores
from ..numpy import small as on_numpy
from . import arrays as xp
from .arrays import tracing as tracing
from .kernels import aligned, tensor

Tensor = Any

_formula = Formula(xp)


def short(p: Plain, x: Tensor, axis: int, softcap: float | None, reduction: str) -> Tensor | None:
    """H(P, Logits(x)) reduced, or None for what is not plain."""
    if p.__class__ is not Plain:
        return None
    recording = could_possibly_record()
    weights = [w for w in (p.sample_weight, p.class_weight) if w is not None]
    # A tape, or an accumulator, may ask for what the weights add.
    if not all(map(_plain, (x, p.index, *weights))) or (recording and weights):
        return None
    if recording and xp.forward_mode((x,)):
        return None
    scores = xp.seen(x)
    seen = (None if w is None else xp.seen(w) for w in (p.sample_weight, p.class_weight))
    job = on_numpy.job_of(
        Plain(xp.seen(p.index), p.ignore, p.epsilon, *seen), scores, axis, softcap
    )
    found = None if job is None else on_numpy.loss_of(job, scores, reduction, p.index.shape)
    if found is None:
        return None
    divisor, loss = found
    loss = tf.constant(loss, xp.statistics_dtype(x))
    return (
        _differentiable(loss, job, divisor, p, axis, softcap, reduction)(x) if recording else loss
    )


def _plain(x: Any) -> bool:
    return isinstance(x, tf.Tensor) and xp.readable(x)


def _differentiable(
    loss: Tensor, job: Any, divisor: float, p: Plain, axis: int, softcap: float | None,
    reduction: str,
) -> Any:  # fmt: skip
    """The loss that is there already, as a function of the scores with its gradient."""

    @tf.custom_gradient
    def plogq_loss(held: Tensor) -> Any:
        def backward(d_loss: Tensor) -> Tensor:
            each = xp.ratio(xp.weights(d_loss), divisor)
            # A tape that was recorded eagerly may be played back in a graph, as tape.jacobian does.
            if not tf.executing_eagerly() or could_possibly_record():
                q = Scores("logits", held, axis % held.shape.rank, softcap)
                measure = p.measure(xp, held.shape[axis])
                return _formula.backward(measure, q, None, each, 0.0)[0]
            scores = xp.seen(held)
            gradient = aligned(scores.shape, scores.dtype)
            flowing = xp.seen(each) if reduction == "none" else float(each)
            on_numpy.gradient_of(job, scores, flowing, gradient)
            return tensor(gradient)

        return loss, backward

    return plogq_loss
