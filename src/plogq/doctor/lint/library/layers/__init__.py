"""Layers of torch.nn, Keras, flax, haiku and equinox: what they make of what they are given."""

from . import activations, convolutions, linear, movements, pooling, sequences
from .containers import chained
from .registry import LAYERS

__all__ = ["LAYERS", "activations", "chained", "convolutions", "linear", "movements", "pooling",
           "sequences"]  # fmt: skip
