"""Layers of torch.nn, Keras, flax, haiku and equinox: what they make of what they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..facts import Array, Length, Made, Shape
from . import moves
from .values import (
    NONE,
    Args,
    Chain,
    Const,
    Dict,
    Iter,
    List,
    Native,
    Ref,
    Tuple,
    Unknown,
    Value,
    length_of,
    lengths_of,
    several,
)  # fmt: skip
from .verbs import VERBS, head, implicit

Layer = Callable[[Any, Args], Value]
LAYERS: dict[str, Layer] = {}


def layer(names: str) -> Callable[[Layer], Layer]:
    """Enter what makes a layer under its names in full."""

    def entered(f: Layer) -> Layer:
        for name in names.split():
            LAYERS[name] = f
        return f

    return entered


def made(
    on: Any, args: Args, apply: Callable[[Any, Value, Args, str], Value], **facts: Any
) -> Native:
    """A layer: what it does with its input, and where it was written."""
    text, node, module = on.module.text(args.node), args.node, on.module

    def call(on: Any, given: Args) -> Value:
        x = given.get(0, "x", "input", "inputs")
        return apply(on, Unknown() if x is None else x, given, text)

    return Native(call, "layer", {"node": node, "module": module, **facts})


def shape_of(x: Value) -> Shape | None:
    return x.shape if isinstance(x, Array) else None


def is_batched(x: Value) -> bool:
    return isinstance(x, Array) and x.batched


def activated(on: Any, x: Value, activation: Value | None, node: Any, by: str) -> Value:
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


# Linear maps


def dense(on: Any, args: Args, width: Length, activation: Value | None = None) -> Native:
    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        out = Array(Made.SCORES, text, on.place(given.node), -1, width,
                    shape=None if shape is None else (*shape[:-1], width), kind="float",
                    batched=is_batched(x))  # fmt: skip
        return activated(on, out, activation, given.node, text)

    return made(on, args, apply, width=width)


def _length(value: Value | None) -> Length:
    return None if value is None else length_of(value)


@layer("torch.nn.Linear torch.nn.NonDynamicallyQuantizableLinear equinox.nn.Linear "
       "flax.nnx.Linear flax.nnx.LinearGeneral")  # fmt: skip
def linear(on: Any, args: Args) -> Value:
    return dense(on, args, _length(args.get(1, "out_features", "out_size")))


@layer("torch.nn.LazyLinear haiku.Linear flax.linen.DenseGeneral")
def lazy_linear(on: Any, args: Args) -> Value:
    return dense(on, args, _length(args.get(0, "out_features", "output_size", "features")))


@layer("torch.nn.Bilinear")
def bilinear(on: Any, args: Args) -> Value:
    return dense(on, args, _length(args.get(2, "out_features")))


@layer("flax.linen.Dense")
def flax_dense(on: Any, args: Args) -> Value:
    return dense(on, args, _length(args.get(0, "features")))


@layer("keras.layers.Dense keras.layers.EinsumDense")
def keras_dense(on: Any, args: Args) -> Value:
    return dense(on, args, _length(args.get(0, "units")), args.get(1, "activation"))


@layer("equinox.nn.MLP")
def equinox_mlp(on: Any, args: Args) -> Value:
    return dense(on, args, _length(args.get(1, "out_size")), args.get(5, "final_activation"))


@layer("haiku.nets.MLP")
def haiku_mlp(on: Any, args: Args) -> Value:
    sizes = lengths_of(args.get(0, "output_sizes"))
    return dense(on, args, sizes[-1] if sizes else None)


@layer("torchvision.ops.MLP")
def torchvision_mlp(on: Any, args: Args) -> Value:
    sizes = lengths_of(args.get(1, "hidden_channels"))
    return dense(on, args, sizes[-1] if sizes else None)


# Convolutions


def _each(value: Any, n: int, default: int) -> list[int | None]:
    if isinstance(value, int):
        return [value] * n
    items = several(value)
    if items is not None and len(items) == n:
        return [v if isinstance(v, int) else None for v in items]
    return [default] * n if value is None else [None] * n


def _conv(on: Any, args: Args, n: int) -> Value:
    """A convolution of PyTorch: channels on axis 1."""
    width = _length(args.get(1, "out_channels"))
    kernel = _each(args.constant(2, "kernel_size"), n, 1)
    stride = _each(args.constant(3, "stride", default=1), n, 1)
    pad = args.constant(4, "padding", default=0)
    dilation = args.constant(5, "dilation", default=1)

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        out: Shape | None = None
        if shape is not None and len(shape) == n + 2:
            sides: list[Length] = []
            pads = _each(pad, n, 0)
            for i, size in enumerate(shape[2:]):
                k, s, p = kernel[i], stride[i], pads[i]
                if pad == "same":
                    sides.append(size)
                elif isinstance(size, int) and k and s and p is not None and dilation == 1:
                    sides.append((size + 2 * p - k) // s + 1)
                else:
                    sides.append(size if k == 1 and s == 1 and p == 0 else None)
            out = (shape[0], width, *sides)
        return Array(Made.SCORES, text, on.place(given.node), 1, width, shape=out, kind="float",
                     batched=is_batched(x))  # fmt: skip

    return made(on, args, apply)


def _conv_transpose(on: Any, args: Args, n: int) -> Value:
    width = _length(args.get(1, "out_channels"))

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        out = (shape[0], width, *(None,) * n) if shape is not None and len(shape) == n + 2 else None
        return Array(Made.SCORES, text, on.place(given.node), 1, width, shape=out, kind="float",
                     batched=is_batched(x))  # fmt: skip

    return made(on, args, apply)


for _n in (1, 2, 3):
    LAYERS[f"torch.nn.Conv{_n}d"] = lambda on, args, n=_n: _conv(on, args, n)
    LAYERS[f"torch.nn.ConvTranspose{_n}d"] = lambda on, args, n=_n: _conv_transpose(on, args, n)


def _last_conv(on: Any, args: Args, n: int, width: Value | None, act: Value | None) -> Value:
    """A convolution with channels last: Keras and flax."""

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        k = _length(width)
        out = (shape[0], *(None,) * n, k) if shape is not None and len(shape) == n + 2 else None
        scores = Array(Made.SCORES, text, on.place(given.node), -1, k, shape=out, kind="float",
                       batched=is_batched(x))  # fmt: skip
        return activated(on, scores, act, given.node, text)

    return made(on, args, apply)


for _n in (1, 2, 3):
    for _name in (f"Conv{_n}D", f"Conv{_n}DTranspose", f"Convolution{_n}D", f"SeparableConv{_n}D"):
        LAYERS[f"keras.layers.{_name}"] = lambda on, args, n=_n: _last_conv(
            on, args, n, args.get(0, "filters"), args.get(None, "activation")
        )
LAYERS["flax.linen.Conv"] = lambda on, args: _last_conv(on, args, 2, args.get(0, "features"), None)
LAYERS["flax.nnx.Conv"] = lambda on, args: _last_conv(
    on, args, 2, args.get(1, "out_features"), None
)


# Activations


def _keras_soft(on: Any, args: Args) -> Value:
    axis = args.constant(0, "axis", default=-1)

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        return head(on, x, Made.SOFTMAX, axis if isinstance(axis, int) else None, given.node, text)

    return made(on, args, apply)


def _torch_soft(kind: Made) -> Layer:
    def soft(on: Any, args: Args) -> Value:
        axis = args.constant(0, "dim", default=None)

        def apply(on: Any, x: Value, given: Args, text: str) -> Value:
            at = implicit(x) if axis is None else axis
            return head(on, x, kind, at if isinstance(at, int) else None, given.node, text)

        return made(on, args, apply)

    return soft


LAYERS["torch.nn.Softmax"] = _torch_soft(Made.SOFTMAX)
LAYERS["torch.nn.LogSoftmax"] = _torch_soft(Made.LOG_SOFTMAX)
LAYERS["keras.layers.Softmax"] = _keras_soft


@layer("torch.nn.Softmax2d")
def softmax2d(on: Any, args: Args) -> Value:
    return made(
        on, args, lambda on, x, given, text: head(on, x, Made.SOFTMAX, -3, given.node, text)
    )


def _elementwise(kind: Made | None) -> Layer:
    def element(on: Any, args: Args) -> Value:
        def apply(on: Any, x: Value, given: Args, text: str) -> Value:
            if kind is None:
                return Array(shape=shape_of(x), kind="float", batched=is_batched(x))
            return head(on, x, kind, None, given.node, text)

        return made(on, args, apply)

    return element


for _kind, _names in (
    (Made.SIGMOID, "torch.nn.Sigmoid"),
    (Made.LOG_SIGMOID, "torch.nn.LogSigmoid"),
    (Made.RELU, "torch.nn.ReLU torch.nn.ReLU6 torch.nn.Softplus keras.layers.ReLU"),
    (Made.TANH, "torch.nn.Tanh"),
    (None, "torch.nn.LeakyReLU torch.nn.ELU torch.nn.SELU torch.nn.GELU torch.nn.SiLU "
           "torch.nn.Mish "
           "torch.nn.PReLU torch.nn.Hardtanh torch.nn.Hardsigmoid torch.nn.Hardswish torch.nn.CELU "
           "keras.layers.LeakyReLU keras.layers.ELU keras.layers.PReLU"),
):  # fmt: skip
    for _name in _names.split():
        LAYERS[_name] = _elementwise(_kind)


@layer("keras.layers.Activation")
def activation(on: Any, args: Args) -> Value:
    act = args.get(0, "activation")
    return made(on, args, lambda on, x, given, text: activated(on, x, act, given.node, text))


@layer("keras.layers.Lambda")
def lambda_layer(on: Any, args: Args) -> Value:
    f = args.get(0, "function")

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        return Unknown() if f is None else on.call(f, Args([x], {}, given.node))

    return made(on, args, apply)


# Movements


@layer("torch.nn.Identity keras.layers.Identity torch.nn.Dropout torch.nn.Dropout1d "
       "torch.nn.Dropout2d torch.nn.AlphaDropout keras.layers.Dropout "
       "keras.layers.SpatialDropout1D "
       "keras.layers.SpatialDropout2D keras.layers.GaussianNoise keras.layers.Masking "
       "flax.linen.Dropout flax.nnx.Dropout keras.layers.ActivityRegularization "
       "equinox.nn.Identity equinox.nn.Dropout")  # fmt: skip
def unchanged(on: Any, args: Args) -> Value:
    text = on.module.text(args.node)

    def apply(on: Any, x: Value, given: Args, _: str) -> Value:
        if isinstance(x, Array) and "ropout" in text:
            return moves.stepped(x, "dropout", on.place(given.node))
        return x

    return made(on, args, apply)


@layer("torch.nn.BatchNorm1d torch.nn.BatchNorm2d torch.nn.LayerNorm torch.nn.GroupNorm "
       "torch.nn.InstanceNorm2d torch.nn.RMSNorm keras.layers.BatchNormalization "
       "keras.layers.LayerNormalization flax.linen.LayerNorm flax.linen.BatchNorm "
       "flax.nnx.LayerNorm flax.nnx.BatchNorm torch.nn.SyncBatchNorm "
       "torch.nn.BatchNorm3d")  # fmt: skip
def normalised(on: Any, args: Args) -> Value:
    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        if isinstance(x, Array) and x.made is Made.SCORES:
            return x
        return Array(shape=shape_of(x), kind="float", batched=is_batched(x))

    return made(on, args, apply)


@layer("torch.nn.Flatten keras.layers.Flatten")
def flatten(on: Any, args: Args) -> Value:
    start = args.constant(0, "start_dim", default=1)

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        if not isinstance(x, Array):
            return x if isinstance(x, Unknown) else Unknown()
        if isinstance(start, int):
            return moves.flatten(x, start, -1, on.place(given.node))
        return moves.flatten(x, 1, -1, on.place(given.node))

    return made(on, args, apply)


@layer("torch.nn.Unflatten keras.layers.RepeatVector torch.nn.Upsample torch.nn.PixelShuffle "
       "keras.layers.UpSampling2D torch.nn.UpsamplingBilinear2d keras.layers.ZeroPadding2D "
       "keras.layers.Cropping2D torch.nn.ZeroPad2d")  # fmt: skip
def reshaped_somehow(on: Any, args: Args) -> Value:
    text = on.module.text(args.node)
    same_axes = "psampl" in text or "Pad" in text or "Cropping" in text

    def apply(on: Any, x: Value, given: Args, _: str) -> Value:
        if isinstance(x, Array) and same_axes and x.shape is not None:
            at = moves.place_of(x.axis, x.rank)
            kept = tuple(n if i in (0, at) else None for i, n in enumerate(x.shape))
            return x.but(shape=kept)
        return Unknown()

    return made(on, args, apply)


@layer("keras.layers.Reshape")
def keras_reshape(on: Any, args: Args) -> Value:
    dims = lengths_of(args.get(0, "target_shape"))

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        if not isinstance(x, Array) or dims is None:
            return Unknown()
        first = x.shape[0] if x.shape else None
        out = moves.reshape(x, (first, *dims), on.place(given.node))
        return out.but(batched=x.batched)

    return made(on, args, apply)


@layer("keras.layers.Permute")
def keras_permute(on: Any, args: Args) -> Value:
    dims = lengths_of(args.get(0, "dims"))

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        if not isinstance(x, Array) or dims is None:
            return Unknown()
        order = [0, *(n if isinstance(n, int) else None for n in dims)]
        return moves.permute(x, order, on.place(given.node))

    return made(on, args, apply)


def _pooled(spatial: Callable[[Length], Length], drop: bool, last: bool) -> Layer:
    """A pooling: of scores it is scores, as the mean of linear maps is linear."""

    def pool(on: Any, args: Args) -> Value:
        def apply(on: Any, x: Value, given: Args, text: str) -> Value:
            if not isinstance(x, Array):
                return Unknown()
            shape = x.shape
            if shape is not None and len(shape) >= 3:
                middle = shape[1:-1] if last else shape[2:]
                sides = () if drop else tuple(spatial(n) for n in middle)
                shape = (shape[0], *sides, shape[-1]) if last else (shape[0], shape[1], *sides)
            elif drop and last and shape is None:
                shape = None
            out = Array(shape=shape, kind="float", batched=x.batched)
            if x.made is Made.SCORES and x.axis is not None:
                return x.but(shape=shape, axis=-1 if last else 1)
            return out

        return made(on, args, apply)

    return pool


def _to_one(n: Length) -> Length:
    return 1


def _unknown_side(n: Length) -> Length:
    return None


for _n in (1, 2, 3):
    for _kind_name in ("Avg", "Max"):
        LAYERS[f"torch.nn.{_kind_name}Pool{_n}d"] = _pooled(_unknown_side, False, False)
    LAYERS[f"keras.layers.GlobalAveragePooling{_n}D"] = _pooled(_to_one, True, True)
    LAYERS[f"keras.layers.GlobalMaxPooling{_n}D"] = _pooled(_to_one, True, True)
    LAYERS[f"keras.layers.MaxPooling{_n}D"] = _pooled(_unknown_side, False, True)
    LAYERS[f"keras.layers.AveragePooling{_n}D"] = _pooled(_unknown_side, False, True)
    for _kind_name in ("Avg", "Max"):

        def _adaptive(on: Any, args: Args) -> Value:
            size = args.constant(0, "output_size")
            one = size == 1 or set(several(size) or ()) == {1}
            return _pooled(_to_one if one else _unknown_side, False, False)(on, args)

        LAYERS[f"torch.nn.Adaptive{_kind_name}Pool{_n}d"] = _adaptive


# Sequences


@layer("torch.nn.Embedding flax.linen.Embed flax.nnx.Embed")
def embedding(on: Any, args: Args) -> Value:
    width = _length(args.get(1, "embedding_dim", "features"))
    return made(on, args, lambda on, x, given, text: _widened(x, width))


@layer("keras.layers.Embedding")
def keras_embedding(on: Any, args: Args) -> Value:
    width = _length(args.get(1, "output_dim"))
    return made(on, args, lambda on, x, given, text: _widened(x, width))


def _widened(x: Value, width: Length) -> Array:
    shape = shape_of(x)
    return Array(shape=None if shape is None else (*shape, width), kind="float",
                 batched=is_batched(x))  # fmt: skip


@layer("torch.nn.LSTM torch.nn.GRU torch.nn.RNN")
def recurrent(on: Any, args: Args) -> Value:
    width = _length(args.get(1, "hidden_size"))
    first = args.constant(None, "batch_first", default=False) is True
    twice = args.constant(None, "bidirectional", default=False)
    if twice is not False:
        width = width * 2 if isinstance(width, int) and twice is True else None

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        shape = shape_of(x)
        b, t = (shape[0], shape[1]) if shape is not None and len(shape) == 3 else (None, None)
        out = Array(shape=(b, t, width), kind="float", batched=first)
        return Tuple((out, Unknown("state")))

    return made(on, args, apply)


@layer("keras.layers.LSTM keras.layers.GRU keras.layers.SimpleRNN")
def keras_recurrent(on: Any, args: Args) -> Value:
    width = _length(args.get(0, "units"))
    whole = args.constant(None, "return_sequences", default=False)
    state = args.constant(None, "return_state", default=False)

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
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
def bidirectional(on: Any, args: Args) -> Value:
    inner = args.get(0, "layer")

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        out = on.call(inner, Args([x], {}, given.node)) if inner is not None else Unknown()
        if isinstance(out, Array) and out.shape is not None:
            n = out.shape[-1]
            return out.but(shape=(*out.shape[:-1], n * 2 if isinstance(n, int) else None))
        return out if isinstance(out, Array) else Unknown()

    return made(on, args, apply)


@layer("keras.layers.TimeDistributed")
def time_distributed(on: Any, args: Args) -> Value:
    inner = args.get(0, "layer")

    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
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
def transformer(on: Any, args: Args) -> Value:
    return made(on, args, lambda on, x, given, text: Array(shape=shape_of(x), kind="float",
                                                           batched=is_batched(x)))  # fmt: skip


@layer("torch.nn.MultiheadAttention")
def attention(on: Any, args: Args) -> Value:
    def apply(on: Any, x: Value, given: Args, text: str) -> Value:
        return Tuple((Array(shape=shape_of(x), kind="float"), Unknown()))

    return made(on, args, apply)


# Containers


@layer("torch.nn.Sequential")
def sequential(on: Any, args: Args) -> Value:
    if len(args.pos) == 1 and isinstance(args.pos[0], Dict):
        return Chain(tuple(args.pos[0].slots.values()) if not args.pos[0].open else None)
    if len(args.pos) == 1 and isinstance(args.pos[0], List):  # OrderedDict([("a", layer), …])
        return Chain(args.pos[0].items)
    if args.open and not args.pos:
        return Chain(None)
    return Chain(tuple(args.pos))


@layer("flax.linen.Sequential flax.nnx.Sequential equinox.nn.Sequential haiku.Sequential")
def listed(on: Any, args: Args) -> Value:
    given = args.get(0, "layers")
    if isinstance(given, List | Tuple):
        return Chain(given.items)
    return Chain(tuple(args.pos) if not args.open and given is not None else None)


@layer("keras.Sequential keras.models.Sequential keras.engine.sequential.Sequential")
def keras_sequential(on: Any, args: Args) -> Value:
    given = args.get(0, "layers")
    if given is None:
        return Chain((), keras=True)
    return Chain(on.items(given), keras=True)


@layer("torch.nn.ModuleList torch.nn.ParameterList")
def module_list(on: Any, args: Args) -> Value:
    given = args.get(0, "modules")
    if isinstance(given, List):
        return given
    if isinstance(given, Iter):
        return given
    if given is None:
        return List(())
    items = on.items(given)
    return Unknown() if items is None else List(items)


@layer("torch.nn.ModuleDict")
def module_dict(on: Any, args: Args) -> Value:
    given = args.get(0, "modules")
    return given if isinstance(given, Dict) else Dict({}, open=given is not None)


@layer("torch.nn.Parameter tensorflow.Variable jax.nn.Param flax.nnx.Param")
def parameter(on: Any, args: Args) -> Value:
    given = args.get(0, "data", "initial_value", "value")
    shape = given.shape if isinstance(given, Array) else None
    return Array(Made.PARAMETER, on.module.text(args.node), on.place(args.node), shape=shape,
                 kind="float", source=given if isinstance(given, Array) else None)  # fmt: skip


@layer("keras.Input keras.layers.Input keras.layers.InputLayer")
def keras_input(on: Any, args: Args) -> Value:
    dims = lengths_of(args.get(0, "shape", "input_shape"))
    return Array(Made.DATA, on.module.text(args.node), on.place(args.node),
                 shape=None if dims is None else (None, *dims), kind="float",
                 batched=True)  # fmt: skip


def chained(on: Any, chain: Chain, args: Args) -> Value:
    """One layer after the other."""
    items = chain.slots["items"]
    if items is None:
        return Unknown()
    x: Value = args.pos[0] if args.pos else Unknown()
    for item in items:
        if isinstance(item, Tuple) and len(item.items) == 2 and isinstance(item.items[0], Const):
            item = item.items[1]  # a name and its layer
        if isinstance(item, Array):  # keras.Input at the head of a Sequential
            if x is args.pos[0] and item.made is Made.DATA:
                x = item if not isinstance(x, Array) or x.shape is None else x
            continue
        node, module = args.node, on.module
        if isinstance(item, Native) and "node" in item.facts:
            node, on.module = item.facts["node"], item.facts["module"]
        try:
            x = on.call(item, Args([x], {}, node))
        finally:
            on.module = module
    return x


__all__ = ["LAYERS", "NONE", "VERBS", "Ref", "chained"]
