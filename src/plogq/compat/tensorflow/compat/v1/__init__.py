"""The names of TensorFlow 1, as tf.compat.v1 has them."""

from ... import losses
from . import nn

__all__ = ["losses", "nn"]
