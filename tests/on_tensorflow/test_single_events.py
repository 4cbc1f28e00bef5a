"""One event without an axis, and none at all: eagerly, in graphs, under XLA and in tf.map_fn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    LinearLogits,
    Logits,
    LogProbs,
    Probs,
    Smoothed,
    SparseProbs,
    Weighted,
    cross_entropy,
)

RNG = np.random.default_rng(7)
PAIRS: dict[str, tuple[Callable[..., tuple[Any, Any]], tuple[str, ...]]] = {
    "labels": (lambda y, z: (Labels(y), Logits(z)), ("y", "z")),
    "ignored": (lambda y, z: (Labels(y, ignore=1), Logits(z)), ("y", "z")),
    "log-probabilities": (lambda y, q: (Labels(y), LogProbs(tf.math.log(q))), ("y", "q")),
    "probabilities": (lambda q, z: (Probs(q), Logits(z)), ("q", "z")),
    "sparse": (lambda i, p, z: (SparseProbs(i, p), Logits(z)), ("i", "h", "z")),
    "smoothed": (lambda y, z: (Smoothed(Labels(y, ignore=2), 0.1), Logits(z)), ("y", "z")),
    "weighted": (
        lambda y, w, z: (Weighted(Labels(y), sample_weight=w), Logits(z)),
        ("y", "w", "z"),
    ),
    "linear": (lambda y, z: (Labels(y), LinearLogits(z, tf.eye(3))), ("y", "z")),
    "yes/no": (lambda w, s: (BinaryProbs(w), BinaryLogits(s)), ("w", "s")),
}
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "loss": lambda p, q: cross_entropy(p, q, reduction="none"),
    "z-loss": lambda p, q: cross_entropy(p, q, reduction="none", z_loss=0.1),
    "divergence": lambda p, q: plogq.kl_divergence(p, q, reduction="none"),
}


def given(names: tuple[str, ...], *shape: int) -> list[Any]:
    z = RNG.normal(size=(*shape, 3)).astype(np.float32)
    y = RNG.integers(0, 3, shape).astype(np.int32)
    arrays = {
        "y": y,
        "z": z,
        "q": np.exp(z) / np.exp(z).sum(-1, keepdims=True),
        "i": np.stack([y, (y + 1) % 3], -1),
        "h": np.full((*shape, 2), 0.5, np.float32),
        "w": RNG.random(shape).astype(np.float32),
        "s": RNG.normal(size=shape).astype(np.float32),
    }
    return [tf.constant(arrays[name]) for name in names]


def eagerly(call: Callable[..., Any], tensors: list[Any]) -> Any:
    return call(*tensors)


def in_a_graph(call: Callable[..., Any], tensors: list[Any]) -> Any:
    return tf.function(call)(*tensors)


def in_an_open_graph(call: Callable[..., Any], tensors: list[Any]) -> Any:
    open_to = [tf.TensorSpec([None] * x.shape.rank, x.dtype) for x in tensors]
    if any(x.shape.rank for x in tensors):
        # How many classes there are is known.
        open_to = [
            tf.TensorSpec([None] * (x.shape.rank - 1) + [x.shape[-1]], x.dtype)
            if x.shape.rank
            else tf.TensorSpec([], x.dtype)
            for x in tensors
        ]
    return tf.function(call, input_signature=open_to)(*tensors)


def under_xla(call: Callable[..., Any], tensors: list[Any]) -> Any:
    return tf.function(call, jit_compile=True)(*tensors)


RECORDED = {"graph": in_a_graph, "open graph": in_an_open_graph, "xla": under_xla}
WAYS = {"eager": eagerly, **RECORDED}


@pytest.mark.parametrize(
    ("pair", "loss", "way"),
    [
        (pair, loss, [*RECORDED][(i + j) % 3])
        for i, pair in enumerate(PAIRS)
        for j, loss in enumerate(LOSSES)
    ],
)
def test_one_event_has_the_loss_that_it_has_in_a_batch(pair: str, loss: str, way: str) -> None:
    """Eagerly, and in one recorded way: each pair meets all of them, and so does each loss."""
    make, names = PAIRS[pair]
    if loss == "z-loss" and pair == "log-probabilities":
        loss = "loss"
    tensors = given(names, 1)
    want = LOSSES[loss](*make(*tensors))[0]
    for run in (eagerly, RECORDED[way]):
        got = run(lambda *xs: LOSSES[loss](*make(*xs)), [x[0] for x in tensors])
        assert got.shape == ()
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pair", PAIRS)
def test_no_events_have_no_loss(pair: str, way: str) -> None:
    make, names = PAIRS[pair]

    def each_and_mean(*xs: Any) -> Any:
        return LOSSES["loss"](*make(*xs)), cross_entropy(*make(*xs))

    i = [*WAYS].index(way)
    for shape in ((0,), (2, 0)) if way == "eager" else (((0,), (2, 0))[i % 2],):
        each, mean = WAYS[way](each_and_mean, given(names, *shape))
        assert tuple(each.shape) == shape
        assert mean == 0


@pytest.mark.parametrize("pair", PAIRS)
def test_a_map_over_events_gives_the_losses_of_the_batch(pair: str) -> None:
    make, names = PAIRS[pair]
    tensors = given(names, 4)
    want = LOSSES["loss"](*make(*tensors))

    @tf.function
    def mapped(*xs: Any) -> Any:
        return tf.map_fn(
            lambda event: LOSSES["loss"](*make(*event)), xs, fn_output_signature=tf.float32
        )

    np.testing.assert_allclose(mapped(*tensors), want, rtol=1e-5, atol=1e-6)
    last = tensors[-1]

    @tf.function
    def slopes(*xs: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(xs[-1])
            value = tf.reduce_sum(mapped(*xs))
        return tape.gradient(value, xs[-1])

    with tf.GradientTape() as tape:
        tape.watch(last)
        value = tf.reduce_sum(LOSSES["loss"](*make(*tensors)))
    np.testing.assert_allclose(slopes(*tensors), tape.gradient(value, last), rtol=1e-5, atol=1e-6)


def test_a_single_label_out_of_range_fails_the_graph_and_is_named() -> None:
    @tf.function
    def loss(y: Any) -> Any:
        return cross_entropy(Labels(y), Logits(tf.zeros((3,))))

    with pytest.raises(tf.errors.InvalidArgumentError, match="label value of"):
        loss(tf.constant(7))

    @tf.function
    def mapped(y: Any) -> Any:
        return tf.map_fn(loss, y, fn_output_signature=tf.float32)

    with pytest.raises(tf.errors.InvalidArgumentError, match="label value of"):
        mapped(tf.constant([0, 7, 1]))
