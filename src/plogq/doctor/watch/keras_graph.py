"""The head of a Keras model from its layers, where they are Keras' own and their order is plain."""

from __future__ import annotations

from typing import Any

from ..facts import Array, Made
from .store import Store

_ACTIVATIONS = {
    "softmax": Made.SOFTMAX,
    "log_softmax": Made.LOG_SOFTMAX,
    "sigmoid": Made.SIGMOID,
    "log_sigmoid": Made.LOG_SIGMOID,
    "linear": Made.SCORES,
    "relu": Made.RELU,
    "tanh": Made.TANH,
    "softplus": Made.RELU,
}
_LINEAR = ("Dense", "Conv1D", "Conv2D", "Conv3D")


def head_of(output: Any, built: Store) -> Array | None:
    """What made a symbolic output; None where the layers do not show it."""
    layer = output._keras_history.operation
    module, name = type(layer).__module__, type(layer).__name__
    if not module.startswith("keras.src.layers"):
        return None
    shape = tuple(output.shape)
    if name == "TimeDistributed":
        layer = layer.layer
        name = type(layer).__name__
    place, text = built.get(layer) or (None, name)
    made, axis = None, len(shape) - 1
    if name in _LINEAR or name == "Activation":
        made = _ACTIVATIONS.get(getattr(layer.activation, "__name__", ""))
        if name == "Activation" and made in (Made.SCORES, None):
            return None
        if getattr(layer, "data_format", "") == "channels_first":
            axis = 1
    elif name == "Softmax" and isinstance(layer.axis, int):
        made, axis = Made.SOFTMAX, layer.axis % len(shape)
    if made is None:
        return None
    return Array(made, text, place, axis, shape[axis], shape=shape, kind="float", batched=True)
