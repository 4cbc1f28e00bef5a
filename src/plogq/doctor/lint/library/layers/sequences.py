"""Embeddings, recurrent layers and transformers: shapes, and no origin."""

from __future__ import annotations

from ....facts import Array, Length, Shape
from ...machine import Machine
from ...values import (
    Args,
    Tuple,
    Unknown,
    Value,
)
from .registry import is_batched, layer, length_in, made, shape_of


@layer("torch.nn.Embedding flax.linen.Embed flax.nnx.Embed")
def embedding(on: Machine, args: Args) -> Value:
    width = length_in(args.get(1, "embedding_dim", "features"))
    return made(on, args, lambda on, x, given, text: _widened(x, width))


@layer("keras.layers.Embedding")
def keras_embedding(on: Machine, args: Args) -> Value:
    width = length_in(args.get(1, "output_dim"))
    return made(on, args, lambda on, x, given, text: _widened(x, width))


def _widened(x: Value, width: Length) -> Array:
    shape = shape_of(x)
    return Array(shape=None if shape is None else (*shape, width), kind="float",
                 batched=is_batched(x))  # fmt: skip


@layer("torch.nn.GRU torch.nn.RNN")
def recurrent(on: Machine, args: Args) -> Value:
    return _recurrent(on, args, cells=False)


@layer("torch.nn.LSTM")
def lstm(on: Machine, args: Args) -> Value:
    return _recurrent(on, args, cells=True)


def _recurrent(on: Machine, args: Args, cells: bool) -> Value:
    """Outputs and the last state; of an LSTM, that of its cells too."""
    width = hidden = length_in(args.get(1, "hidden_size"))
    first = args.constant(None, "batch_first", default=False) is True
    twice = args.constant(None, "bidirectional", default=False)
    if twice is not False:
        width = width * 2 if isinstance(width, int) and twice is True else None

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        b, t = (shape[0], shape[1]) if shape is not None and len(shape) == 3 else (None, None)
        out = Array(shape=(b, t, width), kind="float", batched=first)
        batches = shape is not None and len(shape) == 3
        state = Array(shape=(None, None, hidden), kind="float") if batches else Unknown("state")
        return Tuple((out, Tuple((state, state)) if cells else state))

    return made(on, args, apply)


@layer("keras.layers.LSTM keras.layers.GRU keras.layers.SimpleRNN")
def keras_recurrent(on: Machine, args: Args) -> Value:
    width = length_in(args.get(0, "units"))
    whole = args.constant(None, "return_sequences", default=False)
    state = args.constant(None, "return_state", default=False)

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        out: Shape | None = None
        if whole is True:
            out = (*shape[:-1], width) if shape is not None else (None, None, width)
        elif whole is False:
            out = (None, width)
        found = Array(shape=out, kind="float", batched=True)
        return found if state is False else Tuple((found, Unknown(), Unknown()))

    return made(on, args, apply, width=width)


@layer("keras.layers.Bidirectional")
def bidirectional(on: Machine, args: Args) -> Value:
    inner = args.get(0, "layer")

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        out = on.call(inner, Args([x], {}, given.node)) if inner is not None else Unknown()
        if isinstance(out, Array) and out.shape is not None:
            n = out.shape[-1]
            return out.but(shape=(*out.shape[:-1], n * 2 if isinstance(n, int) else None))
        return out if isinstance(out, Array) else Unknown()

    return made(on, args, apply)


@layer("keras.layers.TimeDistributed")
def time_distributed(on: Machine, args: Args) -> Value:
    inner = args.get(0, "layer")

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        out = on.call(inner, Args([x], {}, given.node)) if inner is not None else Unknown()
        if isinstance(out, Array) and out.made is not None:
            shape = out.shape
            if shape is None and out.width is not None:
                shape = (None, None, out.width)
            return out.but(by=text, shape=shape)
        return Unknown()

    return made(on, args, apply)


@layer("torch.nn.TransformerEncoder torch.nn.TransformerEncoderLayer torch.nn.TransformerDecoder "
       "torch.nn.TransformerDecoderLayer torch.nn.Transformer")  # fmt: skip
def transformer(on: Machine, args: Args) -> Value:
    return made(on, args, lambda on, x, given, text: Array(shape=shape_of(x), kind="float",
                                                           batched=is_batched(x)))  # fmt: skip


@layer("torch.nn.MultiheadAttention")
def attention(on: Machine, args: Args) -> Value:
    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        return Tuple((Array(shape=shape_of(x), kind="float"), Unknown()))

    return made(on, args, apply)
