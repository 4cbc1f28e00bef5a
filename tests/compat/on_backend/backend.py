"""The backend that this process runs Keras on: tensors, gradients, and inputs for the losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

BACKEND = keras.config.backend()

DENSE = (
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
)
CLASSES = {
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "kl_divergence": "KLDivergence",
}


def tensor(x: Any, dtype: str | None = None) -> Any:
    return keras.ops.convert_to_tensor(x, dtype=dtype)


def array(x: Any) -> Any:
    """x in NumPy, as float64; Keras cannot bring a single bfloat16 there."""
    if dtype_of(x) == "bfloat16" and BACKEND != "numpy":
        x = keras.ops.cast(x, "float32")
    return np.asarray(keras.ops.convert_to_numpy(x)).astype(np.float64)


def dtype_of(x: Any) -> str:
    return keras.backend.standardize_dtype(x.dtype) if hasattr(x, "dtype") else ""


def scores(shape: tuple[int, ...], seed: int = 0, axis: int = -1) -> tuple[Any, Any, Any, Any]:
    """Scores, their softmax along the axis, soft targets and labels."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=shape) * 2
    q = np.exp(z) / np.exp(z).sum(axis, keepdims=True)
    p = rng.gamma(1.0, size=shape)
    p = p / p.sum(axis, keepdims=True)
    y = rng.integers(0, shape[axis], np.delete(shape, axis))
    return z.astype(np.float32), q.astype(np.float32), p.astype(np.float32), y


def one_hot(y: Any, classes: int) -> Any:
    return np.eye(classes, dtype=np.float32)[y]


def gradients(f: Callable[..., Any], *inputs: Any) -> tuple[Any, list[Any]]:
    """The sum of f, and its gradients, by the backend's own differentiation."""
    tensors = [tensor(x) for x in inputs]
    if BACKEND == "torch":
        tensors = [x.detach().clone().requires_grad_() for x in tensors]
        loss = f(*tensors).sum()
        loss.backward()
        found = [x.grad for x in tensors]
    elif BACKEND == "jax":
        import jax

        loss, found = jax.value_and_grad(
            lambda *xs: f(*xs).sum(), argnums=tuple(range(len(tensors)))
        )(*tensors)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(tensors)
            loss = tf.reduce_sum(f(*tensors))
        found = tape.gradient(loss, tensors)
    return array(loss), [array(g) for g in found]


def close(ours: Any, theirs: Any, relative: float = 2e-5, absolute: float = 2e-6) -> None:
    np.testing.assert_allclose(array(ours), array(theirs), rtol=relative, atol=absolute)
