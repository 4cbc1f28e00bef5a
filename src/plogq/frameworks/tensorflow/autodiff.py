"""TensorFlow's tapes and graphs around a kernel: each derivative is given in closed form.

The losses are a function with a custom gradient with respect to the arrays of Q, and that gradient
is again one, so that it can be differentiated as often as one likes, forwards too. The arrays of P
are tied to the losses by a term that is 0 and has their gradient: where nobody asks for it, it is
not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import tensorflow as tf
from tensorflow.python.eager.record import could_possibly_record

from ...algebra.contract import Forward
from ...algebra.derivatives import Call, of_target, taken_apart
from ...algebra.formula import Formula
from ...algebra.scores import Versus
from . import arrays as xp

Tensor = Any
Arrays = tuple[Any, ...]

formula = Formula(xp)
# The sides of two predictions, in the order of their arrays.
_Q, _P = 0, 1


class _Pair:
    """A kernel and a pair, taken apart into tensors and put together from others."""

    def __init__(self, kernel: Any, measure: Any, scores: Any, log_z: bool) -> None:
        self.call: Call
        self.call, arrays = taken_apart(kernel, measure, scores, log_z)
        self.there = tuple(x is not None for x in arrays)
        self.held = tuple(x for x in arrays if x is not None)
        self.of_p = sum(self.there[: self.call.parts])

    def filled(self, held: Arrays) -> tuple[Any, Any]:
        given = iter(held)
        return self.call.filled(tuple(next(given) if there else None for there in self.there))

    def targets(self, held: Arrays, d_loss: Tensor) -> list[Tensor | None]:
        """The gradients of P's arrays, in TensorFlow's operations."""
        measure, q = self.filled(held)
        needs = [x is not None and xp.is_float(x) for x in measure.arrays()]
        found = of_target(formula, measure, q, needs, d_loss)
        return [g for g, there in zip(found, self.there, strict=False) if there]

    def scores(self, gradients: Arrays) -> list[Tensor | None]:
        """The gradients of Q's arrays, of those that there are."""
        there = self.there[self.call.parts :]
        return [g for g, held in zip(gradients, there, strict=True) if held]

    def of(self, side: int) -> _Pair:
        """The same of two predictions where a gradient is asked for of Q, or of P, alone."""
        found = copy(self)
        bare = self.call.scores
        wanted = (side == _Q, side == _P)
        found.call = replace(self.call, scores=replace(bare, wanted=wanted))
        return found

    def asked(self, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The gradients of the arrays that there are, None of those that nobody asks for here."""
        scores = self.call.scores
        if not isinstance(scores, Versus) or scores.q is None:
            return list(gradients)
        wanted = [w for s, w in zip(scores.sides(), scores.wanted, strict=True) for _ in s.arrays()]
        each = zip(gradients, self.scores(tuple(wanted)), strict=True)
        return [g if asked else None for g, asked in each]


def losses(kernel: Any, measure: Any, scores: Any, log_z: bool) -> tuple[Tensor, Tensor | None]:
    """The loss per event, and log Z per event if it is asked for, differentiable."""
    if xp.forward_mode((*measure.arrays(), *scores.arrays())):
        # An accumulator has no use for a custom gradient in a graph, and runs none that is itself
        # made by a tape: here TensorFlow differentiates the formula, operation by operation.
        result = formula.forward(measure, scores)
        return result.loss, result.log_z
    pair = _Pair(kernel, measure, scores, log_z)
    both = isinstance(scores, Versus) and scores.q is not None
    found = _of_scores(pair.of(_Q) if both else pair)(*pair.held)
    loss, log_z_each = found if log_z else (found, None)
    if both:
        # As P's arrays below: what P's own gradient takes is not done where nobody asks for it.
        loss = loss + _of_scores(pair.of(_P), loss)(*pair.held)
    if any(xp.is_float(x) for x in pair.held[: pair.of_p]):
        loss = loss + _of_targets(pair, loss)(*pair.held[: pair.of_p])
    return loss, log_z_each


def _of_scores(pair: _Pair, loss: Tensor = None) -> Any:
    """The losses as a function of all arrays, with the gradient of Q's.

    With losses that are there already it is 0 each, with the gradient that is asked for.
    """
    began_eager = tf.executing_eagerly()

    @tf.custom_gradient
    def plogq_losses(*held: Tensor) -> Any:
        kernel, log_z = pair.call.kernel, pair.call.log_z and loss is None
        measure, scores = pair.filled(held)
        if loss is None:
            result = kernel.forward(measure, scores, log_z=log_z)
        else:
            result = Forward(tf.zeros(tf.shape(loss), loss.dtype))

        def backward(d_loss: Tensor, d_log_z: Any = None) -> Any:
            d_loss = xp.weights(d_loss)
            d_log_z = xp.weights(d_log_z) if log_z else tf.zeros((), tf.float64)
            # A tape that was recorded eagerly may be played back in a graph, as tape.jacobian does.
            if kernel.name == "formula" or began_eager is not tf.executing_eagerly():
                found = formula.backward(measure, scores, None, d_loss, d_log_z)
            elif began_eager and not could_possibly_record():
                flowing = d_log_z if log_z else 0.0
                found = kernel.backward(measure, scores, result.residual, d_loss, flowing)
            else:
                found = _closed(pair, result.residual, held, d_loss, d_log_z)
            return [None] * pair.of_p + pair.asked(pair.scores(found))

        return (result.loss, result.log_z) if log_z else result.loss, backward

    return plogq_losses


def _closed(
    pair: _Pair, residual: Any, held: Arrays, d_loss: Tensor, d_log_z: Any
) -> tuple[Tensor | None, ...]:
    """The kernel's gradient of Q's arrays; its own gradient is that of the formula's."""
    upstream = (d_loss, d_log_z) if pair.call.log_z else (d_loss,)

    @tf.custom_gradient
    def plogq_gradient(*inputs: Tensor) -> Any:
        held, flowing = inputs[: len(pair.held)], inputs[len(pair.held) :]

        def made(backward: Any, residual: Any, none: Any) -> list[Tensor]:
            d_loss, d_log_z = (*flowing, none)[:2]
            found = pair.scores(backward(*pair.filled(held), residual, d_loss, d_log_z))
            return [g for g in pair.asked(found) if g is not None]

        def again(*along: Tensor) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([x for x in inputs if xp.is_float(x)])
                found = made(formula.backward, None, tf.zeros((), tf.float64))
            return tape.gradient(found, inputs, list(along))

        return tuple(made(pair.call.kernel.backward, residual, 0.0)), again

    found = list(plogq_gradient(*held, *upstream))
    there = pair.there[pair.call.parts :]
    asked = iter(pair.asked([True] * sum(there)))
    return tuple(found.pop(0) if held and next(asked) else None for held in there)


def _of_targets(pair: _Pair, loss: Tensor) -> Any:
    """0 per event, as a function of P's arrays with the gradient that the losses have of them."""

    @tf.custom_gradient
    def plogq_target(*of_p: Tensor) -> Any:
        def backward(d_loss: Tensor) -> Any:
            return pair.targets((*of_p, *pair.held[pair.of_p :]), d_loss)

        return tf.zeros(tf.shape(loss), loss.dtype), backward

    return plogq_target
