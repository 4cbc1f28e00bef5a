"""P × Logits on tensors in main memory: from the tensors to the reduced loss at once.

What runs is an operation of TensorFlow's, in graphs too, and a custom call in what XLA compiles.
Where there is no operation it is, for labels, the short way of NumPy on the memory of eager
tensors. Whatever is not plain goes the long way, and says what is wrong with it there.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.python.eager.record import could_possibly_record

from ...algebra.formula import Formula
from ...algebra.plain import AnyPlain, Plain, PlainRows, plain_loss
from ...algebra.scores import Scores
from ..numpy import small as on_numpy
from . import arrays as xp
from . import in_xla, operation
from .kernels import aligned, no_kernel, not_here, tensor

Tensor = Any

_formula = Formula(xp)


def tracing() -> bool:
    """Whether this way is closed: an operation goes into a graph as it runs eagerly."""
    return False


def short(
    p: AnyPlain, x: Tensor, axis: int, softcap: float | None, reduction: str
) -> Tensor | None:
    """H(P, Logits(x)) reduced, or None for what is not plain."""
    weights: list[Tensor] = []
    if isinstance(p, Plain):
        if len(p.ignore) > 1:
            return None
        weights = [w for w in (p.sample_weight, p.class_weight) if w is not None]
    for a in (x, p[0], *weights):
        if not isinstance(a, tf.Tensor):
            return None
    recording = could_possibly_record()
    if recording and xp.forward_mode((x, p[0], *weights)):
        return None
    if operation.missing:
        found = None
        if isinstance(p, Plain) and tf.executing_eagerly() and not (recording and weights):
            found = _on_memory(p, x, axis, softcap, reduction, recording)
        return found
    eager = tf.executing_eagerly()
    compiled = not eager and xp.compiled()
    if (not_here(x, "Q") if compiled else no_kernel(x, "Q")) or not _fits(p, x.shape, axis):
        return None
    loss = plain_loss(p, axis % (x.shape.rank or 1), softcap, reduction)
    given = (x, p[0], *map(_carried, weights))
    if compiled:
        if in_xla.refuses(given):
            return None
        return in_xla.loss_of(loss, *given, keep=recording)
    try:
        return operation.loss_of(loss, *given, keep=recording, strict=eager)
    except tf.errors.InvalidArgumentError:
        if eager:
            return None
        raise


def _fits(p: AnyPlain, shape: Any, axis: int) -> bool:
    """Whether the lengths that are known fit one another; the others are compared later."""
    lengths = shape.as_list()
    if isinstance(p, Plain):
        classes = lengths.pop(axis)
        by_event = (p.index, lengths), (p.sample_weight, lengths)
        pairs = (*by_event, (p.class_weight, [classes]))
    elif isinstance(p, PlainRows):
        classes = lengths[axis]
        pairs = ((p.probs, lengths),)
        if p.axis % len(lengths) != axis % len(lengths) or not xp.is_float(p.probs):
            return False
    else:
        classes = None
        pairs = ((p.probs, lengths),)
        if not (xp.is_float(p.probs) or xp.is_bool(p.probs)):
            return False
    if classes is not None and classes < 2:
        return False
    for x, known in pairs:
        if x is None:
            continue
        own = x.shape.as_list()
        if len(own) != len(known):
            return False
        for m, n in zip(own, known, strict=True):
            if m != n and m is not None and n is not None:
                return False
    return True


def _carried(weight: Tensor) -> Tensor:
    """Weights in a type that the operations read."""
    return weight if weight.dtype in (tf.float32, tf.float64) else xp.weights(weight)


def _on_memory(
    p: Plain, x: Tensor, axis: int, softcap: float | None, reduction: str, recording: bool
) -> Tensor | None:
    """The same of eager tensors, where there is no operation."""
    weights = [w for w in (p.sample_weight, p.class_weight) if w is not None]
    if not all(map(xp.readable, (x, p.index, *weights))):
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
