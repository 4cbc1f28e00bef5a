"""Activations: softmax and sigmoid, those that end the trail, and Keras' by name."""

from __future__ import annotations

from typing import Any

from ....facts import Array, Made
from ...machine import Machine
from ...values import (
    Args,
    Const,
    Unknown,
    Value,
)
from ...verbs import head, implicit
from .registry import LAYERS, Layer, is_batched, layer, made, shape_of


def activated(on: Machine, x: Value, activation: Value | None, node: Any, by: str) -> Value:
    """x behind an activation that was given by name or as a function."""
    if activation is None or (isinstance(activation, Const) and activation.value is None):
        return x
    if isinstance(activation, Const) and isinstance(activation.value, str):
        name = activation.value
        if name == "linear":
            return x
        kinds = {"softmax": Made.SOFTMAX, "log_softmax": Made.LOG_SOFTMAX, "sigmoid": Made.SIGMOID,
                 "log_sigmoid": Made.LOG_SIGMOID, "relu": Made.RELU, "relu6": Made.RELU,
                 "softplus": Made.RELU, "tanh": Made.TANH}  # fmt: skip
        kind = kinds.get(name)
        if kind is None:
            return Array(shape=shape_of(x), kind="float", batched=is_batched(x))
        axis = -1 if kind in (Made.SOFTMAX, Made.LOG_SOFTMAX) else None
        return head(on, x, kind, axis, node, by)
    found = on.call(activation, Args([x], {}, node))
    return found.but(by=by) if isinstance(found, Array) and found.made is not None else found


def _keras_soft(on: Machine, args: Args) -> Value:
    axis = args.constant(0, "axis", default=-1)

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        return head(on, x, Made.SOFTMAX, axis if isinstance(axis, int) else None, given.node, text)

    return made(on, args, apply)


def _torch_soft(kind: Made) -> Layer:
    def soft(on: Machine, args: Args) -> Value:
        axis = args.constant(0, "dim", default=None)

        def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
            at = implicit(x) if axis is None else axis
            return head(on, x, kind, at if isinstance(at, int) else None, given.node, text)

        return made(on, args, apply)

    return soft


LAYERS["torch.nn.Softmax"] = _torch_soft(Made.SOFTMAX)
LAYERS["torch.nn.LogSoftmax"] = _torch_soft(Made.LOG_SOFTMAX)
LAYERS["keras.layers.Softmax"] = _keras_soft


@layer("torch.nn.Softmax2d")
def softmax2d(on: Machine, args: Args) -> Value:
    return made(
        on, args, lambda on, x, given, text: head(on, x, Made.SOFTMAX, -3, given.node, text)
    )


def _elementwise(kind: Made | None) -> Layer:
    def element(on: Machine, args: Args) -> Value:
        def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
            if kind is None:
                return Array(shape=shape_of(x), kind="float", batched=is_batched(x))
            return head(on, x, kind, None, given.node, text)

        return made(on, args, apply)

    return element


for _kind, _names in (
    (Made.SIGMOID, "torch.nn.Sigmoid"),
    (Made.LOG_SIGMOID, "torch.nn.LogSigmoid"),
    (Made.RELU, "torch.nn.ReLU torch.nn.Softplus keras.layers.ReLU"),
    (Made.TANH, "torch.nn.Tanh"),
    (None, "torch.nn.LeakyReLU torch.nn.ELU torch.nn.SELU torch.nn.GELU torch.nn.SiLU "
           "torch.nn.Mish "
           "torch.nn.PReLU torch.nn.Hardtanh torch.nn.Hardsigmoid torch.nn.Hardswish torch.nn.CELU "
           "keras.layers.LeakyReLU keras.layers.ELU keras.layers.PReLU"),
):  # fmt: skip
    for _name in _names.split():
        LAYERS[_name] = _elementwise(_kind)


@layer("torch.nn.ReLU6")
def relu6(on: Machine, args: Args) -> Value:
    return made(on, args, lambda on, x, given, text: head(
        on, x, Made.RELU, None, given.node, text).but(low=0, high=6))  # fmt: skip


@layer("keras.layers.Activation")
def activation(on: Machine, args: Args) -> Value:
    act = args.get(0, "activation")
    return made(on, args, lambda on, x, given, text: activated(on, x, act, given.node, text))


@layer("keras.layers.Lambda")
def lambda_layer(on: Machine, args: Args) -> Value:
    f = args.get(0, "function")

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        return Unknown() if f is None else on.call(f, Args([x], {}, given.node))

    return made(on, args, apply)
