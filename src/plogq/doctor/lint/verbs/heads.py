"""Heads: softmax, sigmoid and their logarithms, and what leads there or away."""

from __future__ import annotations

import ast

from ...facts import Array, Length, Made, place_of
from .. import moves
from ..machine import Desk
from ..values import (
    Args,
    Unknown,
    Value,
)  # fmt: skip
from .registry import VERBS, Verb, array_of, axis_of, function_of, verb


def head(
    on: Desk, x: Value | None, made: Made, axis: int | None, node: ast.AST, by: str = ""
) -> Array:
    """What a softmax, a sigmoid or an activation makes of x."""
    of = x if isinstance(x, Array) else None
    shape = of.shape if of is not None else None
    rank = of.rank if of is not None else None
    by = by or on.module.text(node)
    place = on.place(node)
    if made not in (Made.SOFTMAX, Made.LOG_SOFTMAX):
        return Array(made, by, place, of.axis if of else None, of.width if of else None,
                     shape=shape, kind="float", batched=of.batched if of else False,
                     source=of, scrambled=of.scrambled if of else None)  # fmt: skip
    width: Length = None
    across = None
    if of is not None and axis is not None:
        at, here = place_of(axis, rank), place_of(of.axis, rank)
        if shape is not None and at is not None:
            width = shape[at]
        elif of.axis == axis:
            width = of.width
        if of.made is Made.SCORES and of.axis is not None and of.scrambled is None:
            if at is not None and here is not None and rank is not None:
                across = axis if at != here and rank >= 2 else None
            elif axis == 0 and of.axis == -1 and of.batched:
                across = 0
        if width is None and across is None and (here is None or here == at):
            width = of.width if of.made is Made.SCORES and of.axis in (axis, None) else None
    return Array(made, by, place, axis, width, shape=shape, kind="float",
                 batched=of.batched if of else False, source=of, across=across,
                 scrambled=of.scrambled if of else None)  # fmt: skip


def implicit(x: Value | None) -> int | None:
    """The axis that PyTorch takes where none is given."""
    rank = x.rank if isinstance(x, Array) else None
    return None if rank is None else 0 if rank in (0, 1, 3) else 1


def _soft(made: Made) -> Verb:
    def soft(on: Desk, args: Args) -> Value:
        x = args.get(0, "input", "x", "logits", "a", "inputs")
        axis = axis_of(args, default="")
        if axis is ... or not isinstance(axis, int | str | None):
            axis = None
        elif axis == "" or axis is None:
            name = function_of(args)
            axis = implicit(x) if "torch" in name or name.startswith("F.") else -1
            if isinstance(x, Array) and axis == -1 and "scipy" in name and (x.rank or 2) > 1:
                axis = None
        return head(on, x, made, axis if isinstance(axis, int) else None, args.node)

    return soft


def _elementwise(made: Made) -> Verb:
    def element(on: Desk, args: Args) -> Value:
        x = args.get(0, "input", "x", "logits", "a", "inputs")
        return head(on, x, made, None, args.node)

    return element


VERBS["softmax"] = _soft(Made.SOFTMAX)
VERBS["log_softmax"] = _soft(Made.LOG_SOFTMAX)
for _name in ("sigmoid", "expit", "sigmoid_"):
    VERBS[_name] = _elementwise(Made.SIGMOID)
for _name in ("log_sigmoid", "logsigmoid", "log_expit"):
    VERBS[_name] = _elementwise(Made.LOG_SIGMOID)
for _name in ("relu", "relu_", "softplus"):
    VERBS[_name] = _elementwise(Made.RELU)
VERBS["tanh"] = _elementwise(Made.TANH)


@verb("relu6")
def relu6(on: Desk, args: Args) -> Value:
    x = args.get(0, "input", "x", "features")
    return head(on, x, Made.RELU, None, args.node).but(low=0, high=6)


@verb("exp")
def exp(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    if x.made is Made.LOG_SOFTMAX and not x.scaled:
        return x.but(made=Made.SOFTMAX, by=on.module.text(args.node), place=on.place(args.node))
    if x.made is Made.LOG_SIGMOID and not x.scaled:
        return x.but(made=Made.SIGMOID, by=on.module.text(args.node), place=on.place(args.node))
    return Array(by="exp", shape=x.shape, kind="float", source=x, batched=x.batched,
                 axis=x.axis, width=x.width)  # fmt: skip


_LOGARITHMS = {
    Made.SOFTMAX: Made.LOG_OF_SOFTMAX,
    Made.SIGMOID: Made.LOG_SIGMOID,
    Made.SCORES: Made.LOG_OF_SCORES,
    Made.LOG_SOFTMAX: Made.LOG_OF_SCORES,
}


@verb("log log_")
def log(on: Desk, args: Args) -> Value:
    x = array_of(args)
    if x is None:
        return Unknown()
    made = _LOGARITHMS.get(x.made) if x.made is not None else None
    if made is Made.LOG_OF_SCORES and not any(s.verb in ("scale", "clip") for s in x.path):
        # NaN below 0; "source" says of what.
        return x.but(made=made, by=on.module.text(args.node), place=on.place(args.node), source=x)
    scaled = x.scaled and not any(s.verb == "clip" for s in x.path)
    if made is None or made is Made.LOG_OF_SCORES or scaled:
        return Array(by="log", shape=x.shape, kind="float", source=x, batched=x.batched)
    return x.but(made=made, by=on.module.text(args.node), place=on.place(args.node),
                 path=tuple(s for s in x.path if s.verb != "clip"))  # fmt: skip


@verb("logsumexp reduce_logsumexp")
def logsumexp(on: Desk, args: Args) -> Value:
    x = array_of(args)
    axis = axis_of(args)
    return Array(by="logsumexp", source=x, kind="float",
                 axis=axis if isinstance(axis, int) else None)  # fmt: skip


@verb("gumbel_softmax")
def gumbel(on: Desk, args: Args) -> Value:
    """A softmax of noisy scores; with `hard`, a row that is one-hot where it is computed."""
    if args.constant(2, "hard", default=False) is not False:
        return Unknown()
    x, axis = args.get(0, "logits", "input"), args.constant(4, "dim", default=-1)
    return head(on, x, Made.SOFTMAX, axis if isinstance(axis, int) else None, args.node)


@verb("multi_head_attention_forward scaled_dot_product_attention normalize "
      "layer_norm batch_norm group_norm embedding")  # fmt: skip
def nothing_known(on: Desk, args: Args) -> Value:
    return Unknown()


@verb("dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout")
def dropout(on: Desk, args: Args) -> Value:
    x = array_of(args)
    return Unknown() if x is None else moves.stepped(x, "dropout", on.place(args.node))


@verb("leaky_relu elu selu gelu silu swish mish hardswish prelu celu")
def activation(on: Desk, args: Args) -> Value:
    x = array_of(args)
    return Array(shape=x.shape if x else None, kind="float", batched=bool(x and x.batched))
