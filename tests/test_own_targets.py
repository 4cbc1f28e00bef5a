"""A target that is defined outside the package runs every kernel of every framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq

from .ordinal import Ordinal, dense, losses

Y = np.array([0, 3, 1, 2, 4])
Z = np.random.default_rng(20261127).normal(scale=4, size=(5, 5)).astype(np.float32)
SPREAD = 0.125
WANT = losses(dense(Y, SPREAD, 5), Z)


def loss(y: Any, z: Any) -> Any:
    return plogq.cross_entropy(Ordinal(y, SPREAD), plogq.Logits(z), reduction="none")


WAYS: dict[str, Callable[[], Any]] = {
    "numpy": lambda: loss(Y, Z),
    "torch": lambda: loss(torch.tensor(Y), torch.tensor(Z)),
    "torch.compile": lambda: torch.compile(loss, fullgraph=True, backend="aot_eager")(
        torch.tensor(Y), torch.tensor(Z)
    ),
    "jax": lambda: loss(jnp.asarray(Y), jnp.asarray(Z)),
    "jax.jit": lambda: jax.jit(loss)(jnp.asarray(Y), jnp.asarray(Z)),
    "jax.jit of the target": lambda: jax.jit(
        lambda p, z: plogq.cross_entropy(p, plogq.Logits(z), reduction="none")
    )(Ordinal(jnp.asarray(Y), SPREAD), jnp.asarray(Z)),
    "jax.vmap": lambda: jax.vmap(loss)(jnp.asarray(Y), jnp.asarray(Z)),
    "tensorflow": lambda: loss(tf.constant(Y), tf.constant(Z)),
    "tf.function": lambda: tf.function(loss)(tf.constant(Y), tf.constant(Z)),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_has_the_right_loss(way: str) -> None:
    assert np.asarray(WAYS[way]()) == pytest.approx(WANT, rel=1e-5)


@pytest.mark.parametrize("make", [np.asarray, torch.tensor, jnp.asarray, tf.constant])
def test_it_runs_the_kernel_for_the_cpu(make: Any) -> None:
    p, q = Ordinal(make(Y), SPREAD), plogq.Logits(make(Z))
    assert plogq.explain(p, q).chosen == "cpu"
    assert str(plogq.explain(p, q)).startswith("Ordinal × Logits on ")


def test_it_has_the_gradient_of_its_distribution() -> None:
    _, got = plogq.value_and_grad(Ordinal(Y, SPREAD), plogq.Logits(Z))
    z = torch.tensor(Z, dtype=torch.float64, requires_grad=True)
    rows = torch.tensor(dense(Y, SPREAD, 5))
    (-(rows * z.log_softmax(1)).sum() / rows.sum()).backward()
    assert got.scores == pytest.approx(z.grad.numpy(), abs=1e-6)
    x = torch.tensor(Z, requires_grad=True)
    plogq.cross_entropy(Ordinal(torch.tensor(Y), SPREAD), plogq.Logits(x)).backward()
    assert np.asarray(x.grad) == pytest.approx(got.scores, abs=1e-6)


def test_wrappers_and_linear_logits_take_it() -> None:
    p = plogq.Weighted(plogq.Smoothed(Ordinal(Y, SPREAD), 0.1), sample_weight=np.arange(5.0))
    rows = 0.9 * dense(Y, SPREAD, 5) + 0.1 * dense(Y, SPREAD, 5).sum(1, keepdims=True) / 5
    want = losses(rows, Z)
    got = plogq.cross_entropy(
        p, plogq.LinearLogits(Z, np.eye(5, dtype=np.float32)), reduction="none"
    )
    assert got == pytest.approx([w * i for i, w in enumerate(want)], rel=1e-4)


def test_its_entropy_is_asked_of_it_in_words() -> None:
    with pytest.raises(plogq.PairError, match="Ordinal does not say what its entropy is made of"):
        plogq.entropy(Ordinal(Y, SPREAD))
