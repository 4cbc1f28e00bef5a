"""Every framework's own loss for one small input, as its users call it: what the tables show."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Convert = Callable[[Any], Any]


class NoWay(Exception):
    """The peer has no helper for this input."""


def _kept(hard: Any, each: Any) -> float:
    """The mean over what is not ignored, by hand, for peers that return one loss per event."""
    if hard.ignore is not None:
        raise NoWay
    return float(np.asarray(each, np.float64).mean())


def _plogq(hard: Any, convert: Convert) -> float:
    import plogq

    x, y = convert(hard.array()), convert(np.array(hard.target))
    if hard.kind == "yes/no":
        p: Any = plogq.BinaryProbs(convert(np.array(hard.target, np.float32)))
        return float(plogq.cross_entropy(p, plogq.BinaryLogits(x)))
    if hard.kind == "rows of probabilities":
        p = plogq.Probs(convert(np.array(hard.target, np.float32)))
        return float(plogq.cross_entropy(p, plogq.Logits(x)))
    q = plogq.Probs(x) if hard.kind == "labels, probabilities" else plogq.Logits(x)
    return float(plogq.cross_entropy(plogq.Labels(y, ignore=hard.ignore), q))


def _to_torch(x: Any) -> Any:
    from .torch_nn import tensor

    return tensor(np.array(x))


def _to_jax(x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(x)


def _to_tensorflow(x: Any) -> Any:
    import tensorflow as tf

    return tf.constant(x)


def _torch(hard: Any) -> float:
    import torch
    import torch.nn.functional as F

    x, y = _to_torch(hard.array()), _to_torch(np.array(hard.target))
    if hard.kind == "yes/no":
        return float(F.binary_cross_entropy_with_logits(x, y.float()))
    if hard.kind == "labels, probabilities":
        return float(F.nll_loss(torch.log(x), y))
    if hard.kind == "rows of probabilities":
        return float(F.cross_entropy(x, y.float()))
    return float(F.cross_entropy(x, y, ignore_index=-100 if hard.ignore is None else hard.ignore))


def _optax(hard: Any) -> float:
    import optax

    x, y = _to_jax(hard.array()), _to_jax(np.array(hard.target))
    if hard.kind == "yes/no":
        return _kept(hard, optax.sigmoid_binary_cross_entropy(x, y.astype("float32")))
    if hard.kind == "rows of probabilities":
        return _kept(hard, optax.softmax_cross_entropy(x, y.astype("float32")))
    if hard.kind == "labels":
        return _kept(hard, optax.softmax_cross_entropy_with_integer_labels(x, y))
    raise NoWay


def _tensorflow(hard: Any) -> float:
    import tensorflow as tf

    if hard.ignore is not None:
        raise NoWay
    x, y = _to_tensorflow(hard.array()), np.array(hard.target)
    if hard.kind == "yes/no":
        return _kept(hard, tf.nn.sigmoid_cross_entropy_with_logits(tf.constant(y, x.dtype), x))
    if hard.kind == "rows of probabilities":
        return _kept(hard, tf.nn.softmax_cross_entropy_with_logits(tf.constant(y, x.dtype), x))
    if hard.kind == "labels":
        found = tf.nn.sparse_softmax_cross_entropy_with_logits(y, x)
        return _kept(hard, tf.cast(found, tf.float64))
    raise NoWay


def _keras(hard: Any) -> float:
    import keras

    x, y = keras.ops.convert_to_tensor(hard.array()), np.array(hard.target)
    kind = keras.losses.SparseCategoricalCrossentropy
    logits = hard.kind != "labels, probabilities"
    if hard.kind == "yes/no":
        return float(keras.losses.BinaryCrossentropy(from_logits=True)(y.astype("float32"), x))
    if hard.kind == "rows of probabilities":
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        return float(loss(y.astype("float32"), x))
    return float(kind(from_logits=logits, ignore_class=hard.ignore)(y, x))


def _sklearn(hard: Any) -> float:
    from sklearn.metrics import log_loss

    if hard.kind != "labels, probabilities":
        raise NoWay
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = hard.array()
        return float(log_loss(hard.target, x, labels=range(x.shape[1])))


OURS: dict[str, Callable[[Any], float]] = {
    "numpy": lambda hard: _plogq(hard, np.asarray),
    "torch": lambda hard: _plogq(hard, _to_torch),
    "jax": lambda hard: _plogq(hard, _to_jax),
    "tensorflow": lambda hard: _plogq(hard, _to_tensorflow),
}
TITLES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}
PEERS: dict[str, tuple[str, Callable[[Any], float]]] = {
    "PyTorch": ("torch", _torch),
    "optax": ("optax", _optax),
    "tf.nn": ("tensorflow", _tensorflow),
    "Keras": ("keras", _keras),
    "scikit-learn": ("sklearn", _sklearn),
}
