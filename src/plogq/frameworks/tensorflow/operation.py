"""P × Logits as operations of TensorFlow: loaded once, with their gradients and those of them.

They are registered through TensorFlow's C API by a library of ours, and call the same C++ kernel as
everything else. A graph that holds them runs wherever plogq is imported. Where they cannot be had,
`missing` says why, and the kernels are nodes that call Python.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...algebra.plain import OF_ROWS, PlainLoss
from ...native import _cpu
from ...native.labelled import loss_told, told

Tensor = Any

_LIBRARY = Path(_cpu.__file__).with_name("plogq_tensorflow.so")
# What an operation is told of a loss; float64 goes by its bits, as TensorFlow has float32 alone.
_NAMES = told(PlainLoss((), 0.0, False, False, 0, None, "mean")).keys()
_BY_BITS = ("epsilon", "tolerance", "softcap")
# What they are called, by the number that says what P is.
_WORDS = (("labels", "Labels"), ("rows", "Rows"), ("yes_no", "YesNo"))


# What goes wrong in loading; a folder called tensorflow, or a version that lacks what is used here,
# has neither of these names.
_ERRORS: Any = getattr(tf, "errors", None)
_FAILED = (OSError, RuntimeError, AttributeError, getattr(_ERRORS, "OpError", OSError))


def _load() -> tuple[Any, Any, str | None]:
    """The operations and their library, or why there are none."""
    if not _LIBRARY.exists():
        return None, None, f"this build of plogq has no {_LIBRARY.name}, which is made on Linux"
    try:
        found: Any = tf.load_op_library(str(_LIBRARY))
        own = ctypes.CDLL(str(_LIBRARY))
    except _FAILED as error:
        return None, None, f"{_LIBRARY.name} does not load: {error}"
    own.plogq_missing.restype = ctypes.c_char_p
    lacks = own.plogq_missing()
    if lacks:
        return None, None, f"TensorFlow {tf.__version__} lacks {lacks.decode()}"
    own.plogq_connect(ctypes.c_void_p(_cpu.program_call))
    return found, own, None


operations, library, missing = _load()


def loss_of(
    loss: PlainLoss, scores: Tensor, of_p: Tensor, *weights: Tensor, keep: bool, strict: bool
) -> Tensor:
    """The loss, reduced or one for each event.

    `keep` says that its gradient is likely to be asked for; a `strict` one fails where a weight is
    no number from 0 on, rows are no distributions, or outcomes no probabilities.
    """
    wide = tf.float64 if scores.dtype == tf.float64 else tf.float32
    tells = attributes(loss, strict)
    each = loss.reduction == "none"
    word = _WORDS[tells["target"]][0]
    run = getattr(operations, f"plogq_{word}_{'losses' if each else 'loss'}")
    found = run(scores, of_p, list(weights), S=wide, keep=keep, **tells)[0]
    if each and loss.target == OF_ROWS:
        lengths = scores.shape.as_list()
        del lengths[loss.axis]
        found.set_shape(lengths)
    return found


def attributes(loss: PlainLoss, strict: bool = False) -> dict[str, Any]:
    """What a loss is told, all of it as integers and bools."""
    tells: dict[str, Any] = told(loss, strict)
    for k in _BY_BITS:
        tells[k] = _bits(tells[k]) if tells[k] else 0
    return tells


def _bits(x: Any) -> int:
    return int(np.float64(x).view(np.int64))


def _told(op: Any) -> dict[str, Any]:
    """What this operation was told."""
    # A tape keeps names and values one after another; get_attr looks for each and copies it.
    held: Any = getattr(op, "attrs", ())
    found: dict[str, Any] = {}
    if isinstance(held, tuple):
        found = dict(zip(held[::2], held[1::2], strict=False))
    if not found.keys() >= _NAMES:
        found = {name: op.get_attr(name) for name in _NAMES}
    return {name: found[name] for name in _NAMES}


def _loss(op: Any) -> PlainLoss:
    return loss_of_attributes(_told(op))


def loss_of_attributes(found: dict[str, Any]) -> PlainLoss:
    """The loss that was told this."""
    return loss_told({**found, **{k: float(np.int64(found[k]).view(np.float64)) for k in _BY_BITS}})


def _anew(loss: PlainLoss, *arrays: Tensor) -> Tensor:
    """This loss in TensorFlow's own operations, which differentiates it as often as asked."""
    from . import arrays as xp
    from .autodiff import formula, losses

    return loss.step_by_step(xp, lambda p, q: losses(formula, p, q, False)[0], *arrays)


def slopes(
    loss: PlainLoss, given: Sequence[Tensor], asked: Sequence[int], d_loss: Tensor
) -> list[Tensor | None]:
    """The gradients of those of the given arrays that are asked for, None of the others."""
    return _slopes(lambda *arrays: _anew(loss, *arrays), given, asked, d_loss)


def slopes_again(
    loss: PlainLoss, given: Sequence[Tensor], d_loss: Tensor, d_gradient: Tensor
) -> tuple[list[Tensor | None], Tensor]:
    """The gradients, by the given arrays and by d_loss, of the gradient that the scores have."""
    inputs = [*given, d_loss]
    *found, of_loss = _slopes(
        lambda *arrays: slopes(loss, arrays[:-1], [0], arrays[-1])[0],
        inputs,
        floating(inputs),
        d_gradient,
    )
    return found, of_loss


def _slopes(
    function: Callable[..., Tensor], given: Sequence[Tensor], asked: Sequence[int], along: Tensor
) -> list[Tensor | None]:
    if tf.executing_eagerly():
        sources = [given[i] for i in asked]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            value = function(*given)
        gradients = tape.gradient(value, sources, along)
    else:
        # No tape records where TensorFlow makes the derivatives of a graph that an accumulator
        # meets. What a graph takes from outside has a name of its own inside.
        own = [tf.identity(x) for x in given]
        gradients = tf.gradients(function(*own), [own[i] for i in asked], along)
    found: list[Tensor | None] = [None] * len(given)
    for i, slope in zip(asked, gradients, strict=True):
        found[i] = slope
    return found


def floating(given: Sequence[Tensor]) -> list[int]:
    """Which of these arrays may have a gradient."""
    return [i for i, x in enumerate(given) if x.dtype.is_floating]


def _gradient(op: Any, d_loss: Tensor, *_: Any) -> list[Tensor | None]:
    given = list(op.inputs)
    unasked = getattr(op, "skip_input_indices", None) or ()
    # A tape that was recorded eagerly may be played back in a graph, as tape.jacobian does.
    replayed = not tf.executing_eagerly() and hasattr(given[0], "numpy")
    asked = [i for i in floating(given) if (replayed if i == 0 else i not in unasked)]
    found = slopes(_loss(op), given, asked, d_loss) if asked else [None] * len(given)
    if not replayed:
        scores, of_p, *weights = given
        tells = _told(op)
        run = getattr(operations, f"plogq_{_WORDS[tells['target']][0]}_gradient")
        found[0] = run(scores, of_p, weights, *op.outputs[1:], d_loss, keep=True, **tells)
    return found


def _gradient_again(op: Any, d_gradient: Tensor) -> list[Tensor | None]:
    *given, _, _, _, d_loss = op.inputs
    found, of_loss = slopes_again(_loss(op), given, d_loss, d_gradient)
    return [*found, None, None, None, of_loss]


if operations is not None:
    for _, _word in _WORDS:
        for _kind, _function in (
            ("Loss", _gradient),
            ("Losses", _gradient),
            ("Gradient", _gradient_again),
        ):
            tf.RegisterGradient(f"Plogq{_word}{_kind}")(_function)
