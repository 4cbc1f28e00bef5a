"""Labels × Logits as operations of TensorFlow: loaded once, with their gradients and those of them.

They are registered through TensorFlow's C API by a library of ours, and call the same C++ kernel as
everything else. A graph that holds them runs wherever plogq is imported. Where they cannot be had,
`missing` says why, and the kernels are nodes that call Python.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ...algebra.plain import PlainLoss
from ...native import _cpu
from ...native.labelled import loss_told, told

Tensor = Any

_LIBRARY = Path(_cpu.__file__).with_name("plogq_tensorflow.so")
# What an operation is told of a loss; float64 goes by its bits, as TensorFlow has float32 alone.
_NAMES = tuple(told(PlainLoss((), 0.0, False, False, 0, None, "mean")))
_BY_BITS = ("epsilon", "softcap")


# What goes wrong in loading; a folder called tensorflow, or a version that lacks what is used here,
# has neither of these names.
_ERRORS: Any = getattr(tf, "errors", None)
_FAILED = (OSError, RuntimeError, AttributeError, getattr(_ERRORS, "OpError", OSError))


def _load() -> tuple[Any, str | None]:
    """The operations, or why there are none."""
    if not _LIBRARY.exists():
        return None, f"this build of plogq has no {_LIBRARY.name}, which is made on Linux"
    try:
        found: Any = tf.load_op_library(str(_LIBRARY))
        library = ctypes.CDLL(str(_LIBRARY))
    except _FAILED as error:
        return None, f"{_LIBRARY.name} does not load: {error}"
    library.plogq_missing.restype = ctypes.c_char_p
    lacks = library.plogq_missing()
    if lacks:
        return None, f"TensorFlow {tf.__version__} lacks {lacks.decode()}"
    library.plogq_connect(ctypes.c_void_p(_cpu.labelled_call))
    return found, None


operations, missing = _load()


def loss_of(
    loss: PlainLoss, scores: Tensor, index: Tensor, *weights: Tensor, keep: bool, strict: bool
) -> Tensor:
    """The loss, reduced or one for each event.

    `keep` says that its gradient is likely to be asked for; a `strict` one fails where a weight is
    no number from 0 on.
    """
    name = "plogq_labels_losses" if loss.reduction == "none" else "plogq_labels_loss"
    wide = tf.float64 if scores.dtype == tf.float64 else tf.float32
    tells: dict[str, Any] = told(loss, strict)
    for k in _BY_BITS:
        tells[k] = _bits(tells[k]) if tells[k] else 0
    return getattr(operations, name)(scores, index, list(weights), S=wide, keep=keep, **tells)[0]


def _bits(x: Any) -> int:
    return int(np.float64(x).view(np.int64))


def _told(op: Any) -> dict[str, Any]:
    """What this operation was told."""
    return {name: op.get_attr(name) for name in _NAMES}


def _loss(op: Any) -> PlainLoss:
    found = _told(op)
    return loss_told({**found, **{k: float(np.int64(found[k]).view(np.float64)) for k in _BY_BITS}})


def _anew(op: Any, *arrays: Tensor) -> Tensor:
    """The loss of this operation in TensorFlow's own, which differentiates it as often as asked."""
    from . import arrays as xp
    from .autodiff import formula, losses

    return _loss(op).step_by_step(xp, lambda p, q: losses(formula, p, q, False)[0], *arrays)


def _gradient(op: Any, d_loss: Tensor, *_: Any) -> list[Tensor | None]:
    scores, index, *weights = op.inputs
    unasked = getattr(op, "skip_input_indices", None) or ()
    asked = [i for i in range(len(weights)) if i + 2 not in unasked]
    # A tape that was recorded eagerly may be played back in a graph, as tape.jacobian does.
    replayed = not tf.executing_eagerly() and hasattr(scores, "numpy")
    found: list[Tensor | None] = [None] * len(weights)
    sources = [*([scores] if replayed else []), *(weights[i] for i in asked)]
    gradients: list[Tensor] = []
    if sources:
        with tf.GradientTape() as tape:
            tape.watch(sources)
            loss = _anew(op, scores, index, *weights)
        gradients = tape.gradient(loss, sources, d_loss)
    if replayed:
        own = gradients.pop(0)
    else:
        own = operations.plogq_labels_gradient(
            scores, index, weights, *op.outputs[1:], d_loss, keep=True, **_told(op)
        )
    for i, gradient in zip(asked, gradients, strict=True):
        found[i] = gradient
    return [own, None, *found]


def _gradient_again(op: Any, d_gradient: Tensor) -> list[Tensor | None]:
    scores, index, *weights, _, _, _, d_loss = op.inputs
    sources = [scores, *weights, d_loss]
    with tf.GradientTape() as outer:
        outer.watch(sources)
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = _anew(op, scores, index, *weights)
        gradient = tape.gradient(loss, scores, d_loss)
    of_scores, *of_weights, of_loss = outer.gradient(gradient, sources, d_gradient)
    return [of_scores, None, *of_weights, None, None, None, of_loss]


if operations is not None:
    for _name, _function in (
        ("PlogqLabelsLoss", _gradient),
        ("PlogqLabelsLosses", _gradient),
        ("PlogqLabelsGradient", _gradient_again),
    ):
        tf.RegisterGradient(_name)(_function)
