"""Sparse targets of many entries: the entropy sorts them, and never compares each with each."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq
from plogq import Logits, Probs, SparseProbs, Weighted

from .together import for_each

MAKE: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": torch.tensor,
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
}
every_framework = for_each("framework", MAKE)
INDEX = np.array([[4, 1, 4, 0, 1, 4], [0, 0, 0, 0, 0, 0], [5, 4, 3, 2, 1, 0], [2, 2, 5, 5, 0, 0]])
# Padding has an index that is there already, and probability 0.
PROBS = np.array(
    [
        [0.125, 0.25, 0.25, 0.125, 0.125, 0.125],
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.5, 0.25, 0.125, 0.0625, 0.0625, 0.0],
        [1e-30, 0.5, 0.25, 0.0, 0.25, 0.0],
    ]
)


def dense() -> Any:
    rows = np.zeros((4, 6))
    np.add.at(rows, (np.arange(4)[:, None], INDEX), PROBS)
    return rows


@every_framework
@for_each("dtype", ["int64", "int32", "uint8"])
def test_entries_of_one_class_add_up(dtype: str, framework: str) -> None:
    make = MAKE[framework]
    p = SparseProbs(make(INDEX.astype(dtype)), make(PROBS))
    want = plogq.entropy(Probs(dense()), reduction="none")
    np.testing.assert_allclose(plogq.entropy(p, reduction="none"), want, rtol=1e-6)
    weighted = Weighted(p, sample_weight=make(np.array([1.0, 2.0, 0.5, 0.0])))
    got = plogq.entropy(weighted, reduction="none")
    np.testing.assert_allclose(got, want * [1.0, 2.0, 0.5, 0.0], rtol=1e-6)
    z = np.linspace(-2.0, 2.0, 24).reshape(4, 6)
    got = plogq.kl_divergence(p, Logits(make(z)), reduction="none")
    want = plogq.kl_divergence(Probs(dense()), Logits(z), reduction="none")
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


@every_framework
def test_one_entry_none_and_no_events(framework: str) -> None:
    make = MAKE[framework]
    for shape in ((3, 1), (3, 0), (0, 4), (1,), (2, 3, 2)):
        p = SparseProbs(make(np.zeros(shape, np.int32)), make(np.full(shape, 1.0)))
        got = np.asarray(plogq.entropy(p, reduction="none"))
        assert got.shape == shape[:-1]
        want = -shape[-1] * np.log(max(shape[-1], 1))
        np.testing.assert_allclose(got, np.full(shape[:-1], want), rtol=1e-6)


def slopes(framework: str, index: Any, probs: Any) -> tuple[Any, Any]:
    """The entropy as that framework has it, and its gradient."""
    if framework == "torch":
        p = torch.tensor(probs, requires_grad=True)
        loss = plogq.entropy(SparseProbs(torch.tensor(index), p))
        loss.backward()
        return loss.detach(), p.grad
    if framework == "jax":
        y = jnp.asarray(index)
        return jax.jit(jax.value_and_grad(lambda p: plogq.entropy(SparseProbs(y, p))))(
            jnp.asarray(probs)
        )
    p = tf.constant(probs)
    with tf.GradientTape() as tape:
        tape.watch(p)
        loss = tf.function(lambda p: plogq.entropy(SparseProbs(tf.constant(index), p)))(p)
    return loss, tape.gradient(loss, p)


@for_each("framework", ["torch", "jax", "tensorflow"])
def test_its_gradient_is_that_of_the_sums(framework: str) -> None:
    """d(-Σ p log p) = -(1 + log p) of the whole class, per unit of mass of the mean."""
    index, probs = INDEX[:1], PROBS[:1]
    loss, gradient = slopes(framework, index, probs)
    whole = dense()[0][index[0]]
    entropy = float(plogq.entropy(SparseProbs(index, probs)))
    assert float(loss) == pytest.approx(entropy, rel=1e-6)
    # The mean divides by the mass, which the probabilities are too.
    want = -(1 + np.log(whole)) - entropy
    np.testing.assert_allclose(np.asarray(gradient)[0], want, rtol=1e-5)


@every_framework
def test_memory_grows_with_the_entries_and_not_with_their_square(framework: str) -> None:
    events, entries = 4, 20_000
    rng = np.random.default_rng(4)
    index = rng.integers(0, 50_000, (events, entries)).astype(np.int32)
    probs = np.full((events, entries), 1 / entries, np.float32)
    make = MAKE[framework]
    p = SparseProbs(make(index), make(probs))
    want = [
        -float((c / entries * np.log(c / entries)).sum())
        for c in (np.unique(row, return_counts=True)[1] for row in index)
    ]
    # The first call of a framework loads what it needs.
    np.testing.assert_allclose(plogq.entropy(p, reduction="none"), want, rtol=1e-4)
    if framework == "numpy":
        tracemalloc.start()
        plogq.entropy(p)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 200 * index.size
    if framework == "torch":
        with torch.profiler.profile(profile_memory=True) as seen:
            plogq.entropy(p)
        taken = sum(max(0, e.self_cpu_memory_usage) for e in seen.key_averages())
        assert taken < 400 * index.size
