"""What no one should pass on tensors: meta, sparse, ragged, quantised, recorded, of other types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .hostile import GOOD, MAKERS, Maker
from .values import Rng


def torch_makers() -> tuple[Maker, ...]:
    import torch

    def of(change: Callable[[Any], Any]) -> Maker:
        return lambda rng, x: change(x if isinstance(x, torch.Tensor) else torch.zeros(2, 3))

    def inferred(x: Any) -> Any:
        with torch.inference_mode():
            return x.clone()

    return (
        of(lambda x: x.to("meta")),
        of(lambda x: x.to_sparse()),
        of(lambda x: x.to(torch.complex64)),
        of(lambda x: x.to(torch.complex64).conj().imag),
        of(lambda x: x.bool()),
        of(lambda x: x.to(torch.float8_e5m2)),
        of(lambda x: x.to(torch.uint16)),
        of(lambda x: x.to(torch.uint64)),
        of(lambda x: x.half()),
        of(lambda x: torch.quantize_per_tensor(x.float(), 0.1, 0, torch.qint8)),
        of(lambda x: torch.nested.nested_tensor([x.float(), x.float()])),
        of(lambda x: x.float().requires_grad_()),
        of(lambda x: torch.nn.Parameter(x.float())),
        of(lambda x: x.expand(4, *x.shape)),
        of(lambda x: x.reshape(-1)[:1].expand(x.shape)),
        of(lambda x: x[None].refine_names(*"abc"[: x.ndim + 1])),
        of(lambda x: torch._neg_view(x.float())),
        of(lambda x: x.numpy()),
        of(lambda x: x.tolist()),
        of(lambda x: torch.zeros(0)),
        of(lambda x: torch.zeros((1,) * 64 + (3,))),
        of(inferred),
    )


def jax_makers() -> tuple[Maker, ...]:
    import jax
    import jax.numpy as jnp

    def of(change: Callable[[Any], Any]) -> Maker:
        return lambda rng, x: change(x if isinstance(x, jax.Array) else jnp.zeros((2, 3)))

    return (
        of(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype)),
        of(lambda x: jax.random.key(0)),
        of(lambda x: x.astype(jnp.complex64)),
        of(lambda x: x.astype(jnp.float8_e5m2)),
        of(lambda x: x.astype(jnp.int4)),
        of(lambda x: x.astype(bool)),
        of(lambda x: x.astype(jnp.float16)),
        of(lambda x: np.asarray(x)),
        of(lambda x: x.tolist()),
        of(lambda x: jnp.zeros((0, 3))),
        of(lambda x: x[None]),
        of(lambda x: x.T),
    )


def tensorflow_makers() -> tuple[Maker, ...]:
    import tensorflow as tf

    def of(change: Callable[[Any], Any]) -> Maker:
        return lambda rng, x: change(x if isinstance(x, tf.Tensor) else tf.zeros((2, 3)))

    return (
        of(lambda x: tf.Variable(x)),
        of(lambda x: tf.sparse.from_dense(x)),
        of(lambda x: tf.RaggedTensor.from_row_lengths(tf.range(3.0), [1, 2])),
        of(lambda x: tf.IndexedSlices(x, tf.range(len(x)))),
        of(lambda x: tf.TensorSpec(x.shape, x.dtype)),
        of(lambda x: tf.constant(["a", "b"])),
        of(lambda x: tf.cast(x, tf.complex64)),
        of(lambda x: tf.cast(x, tf.uint64)),
        of(lambda x: tf.cast(x, tf.bool)),
        of(lambda x: tf.cast(x, tf.float16)),
        of(lambda x: tf.TensorArray(tf.float32, 2)),
        of(lambda x: tf.data.Dataset.range(2)),
        of(lambda x: x.numpy()),
        of(lambda x: x.numpy().tolist()),
        of(lambda x: x[None]),
        of(lambda x: tf.zeros((0, 3))),
    )


def good(constant: Callable[[Any], Any]) -> dict[str, Any]:
    """What is right, on the tensors of a framework."""
    import plogq

    made = {n: constant(x) if isinstance(x, np.ndarray) else x for n, x in GOOD.items()}
    made["p"], made["q"] = plogq.Labels(made["labels"]), plogq.Logits(made["scores"])
    return made


def check(rng: Rng, notes: Any, framework: Any, name: str) -> None:
    """One hostile call on the tensors of a framework."""
    from .hostile import check

    makers = {"torch": torch_makers, "jax": jax_makers, "tensorflow": tensorflow_makers}[name]()
    which = makers if rng.random() < 0.7 else MAKERS
    check(rng, notes, good(framework.constant), which)
