"""Layers that move numbers, or leave them: dropout, flatten, reshape, normalisation."""

from __future__ import annotations

from ....facts import Array, Made
from ... import moves
from ...machine import Machine
from ...values import (
    Args,
    Unknown,
    Value,
    lengths_of,
)
from .registry import is_batched, layer, made, shape_of


@layer("torch.nn.Identity keras.layers.Identity torch.nn.Dropout torch.nn.Dropout1d "
       "torch.nn.Dropout2d torch.nn.AlphaDropout keras.layers.Dropout "
       "keras.layers.SpatialDropout1D "
       "keras.layers.SpatialDropout2D keras.layers.GaussianNoise keras.layers.Masking "
       "flax.linen.Dropout flax.nnx.Dropout keras.layers.ActivityRegularization "
       "equinox.nn.Identity equinox.nn.Dropout")  # fmt: skip
def unchanged(on: Machine, args: Args) -> Value:
    text = on.module.text(args.node)

    def apply(on: Machine, x: Value, given: Args, _: str) -> Value:
        if isinstance(x, Array) and "ropout" in text:
            return moves.stepped(x, "dropout", on.place(given.node))
        return x

    return made(on, args, apply)


@layer("torch.nn.BatchNorm1d torch.nn.BatchNorm2d torch.nn.LayerNorm torch.nn.GroupNorm "
       "torch.nn.InstanceNorm2d torch.nn.RMSNorm keras.layers.BatchNormalization "
       "keras.layers.LayerNormalization flax.linen.LayerNorm flax.linen.BatchNorm "
       "flax.nnx.LayerNorm flax.nnx.BatchNorm torch.nn.SyncBatchNorm "
       "torch.nn.BatchNorm3d")  # fmt: skip
def normalised(on: Machine, args: Args) -> Value:
    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        if isinstance(x, Array) and x.made is Made.SCORES:
            return x
        return Array(shape=shape_of(x), kind="float", batched=is_batched(x))

    return made(on, args, apply)


@layer("torch.nn.Flatten keras.layers.Flatten")
def flatten(on: Machine, args: Args) -> Value:
    start = args.constant(0, "start_dim", default=1)

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        if not isinstance(x, Array):
            return x if isinstance(x, Unknown) else Unknown()
        if isinstance(start, int):
            return moves.flatten(x, start, -1, on.place(given.node))
        return moves.flatten(x, 1, -1, on.place(given.node))

    return made(on, args, apply)


@layer("torch.nn.Unflatten keras.layers.RepeatVector torch.nn.Upsample torch.nn.PixelShuffle "
       "keras.layers.UpSampling2D torch.nn.UpsamplingBilinear2d keras.layers.ZeroPadding2D "
       "keras.layers.Cropping2D torch.nn.ZeroPad2d")  # fmt: skip
def reshaped_somehow(on: Machine, args: Args) -> Value:
    text = on.module.text(args.node)
    same_axes = "psampl" in text or "Pad" in text or "Cropping" in text

    def apply(on: Machine, x: Value, given: Args, _: str) -> Value:
        if isinstance(x, Array) and same_axes and x.shape is not None:
            at = moves.place_of(x.axis, x.rank)
            kept = tuple(n if i in (0, at) else None for i, n in enumerate(x.shape))
            return x.but(shape=kept)
        return Unknown()

    return made(on, args, apply)


@layer("keras.layers.Reshape")
def keras_reshape(on: Machine, args: Args) -> Value:
    dims = lengths_of(args.get(0, "target_shape"))

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        if not isinstance(x, Array) or dims is None:
            return Unknown()
        first = x.shape[0] if x.shape else None
        out = moves.reshape(x, (first, *dims), on.place(given.node))
        return out.but(batched=x.batched)

    return made(on, args, apply)


@layer("keras.layers.Permute")
def keras_permute(on: Machine, args: Args) -> Value:
    dims = lengths_of(args.get(0, "dims"))

    def apply(on: Machine, x: Value, given: Args, text: str) -> Value:
        if not isinstance(x, Array) or dims is None:
            return Unknown()
        order = [0, *(n if isinstance(n, int) else None for n in dims)]
        return moves.permute(x, order, on.place(given.node))

    return made(on, args, apply)
