"""Arrays of JAX without events or without mass: a loss of 0 and a gradient of 0 (N6)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, LinearLogits, Logits, Probs, Weighted

from .arrays import on_jax

NOTHING = {
    "no events": (Labels(np.zeros(0, int)), 0),
    "no soft events": (Probs(np.zeros((0, 3))), 0),
    "no sparse events": (plogq.SparseProbs(np.zeros((0, 2), int), np.zeros((0, 2))), 0),
    "no smoothed events": (plogq.Smoothed(Labels(np.zeros(0, int)), 0.1), 0),
    "all ignored": (Labels(np.full(4, -1), ignore=-1), 4),
    "all ignored and smoothed": (plogq.Smoothed(Labels(np.full(4, -1), ignore=-1), 0.1), 4),
    "weights of 0": (Weighted(Labels(np.array([0, 1, 2, 0])), sample_weight=np.zeros(4)), 4),
    "nothing listed": (plogq.SparseProbs(np.zeros((4, 0), int), np.zeros((4, 0))), 4),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_counts_the_loss_and_the_gradient_are_0(name: str, way: str) -> None:
    p, events = NOTHING[name]
    target = on_jax(p)
    z = jnp.ones((events, 3), jnp.bfloat16 if events else jnp.float32)
    for reduction in ("mean", "none"):

        def loss(z: Any, reduction: str = reduction) -> Any:
            return plogq.cross_entropy(target, Logits(z), reduction=reduction)

        losses, back = jax.vjp(loss, z)
        assert losses.shape == ((events,) if reduction == "none" else ())
        assert losses.dtype == jnp.float32
        assert (losses == 0).all()
        (gradient,) = back(jnp.ones_like(losses))
        assert gradient.shape == z.shape
        assert (gradient == 0).all()


@pytest.mark.parametrize("name", ["no events", "all ignored", "weights of 0"])
def test_under_jit_as_well(name: str) -> None:
    p, events = NOTHING[name]
    for reduction in ("mean", "sum", "sum_over_batch_size"):

        def loss(p: Any, z: Any, reduction: str = reduction) -> Any:
            return plogq.cross_entropy(p, Logits(z), reduction=reduction)

        z = jnp.ones((events, 3))
        value, gradient = jax.jit(jax.value_and_grad(loss, 1))(on_jax(p), z)
        assert value == 0
        assert (gradient == 0).all()


def test_a_normalizer_of_0_is_0() -> None:
    def loss(z: Any, n: Any) -> Any:
        return plogq.cross_entropy(Labels(jnp.array([0])), Logits(z), normalizer=n)

    value, gradient = jax.jit(jax.value_and_grad(loss))(jnp.ones((1, 3)), 0)
    assert value == 0
    assert (gradient == 0).all()


def test_a_mean_of_nothing_has_a_finite_gradient_for_the_weights_too() -> None:
    def loss(w: Any) -> Any:
        p = Weighted(Labels(jnp.array([0, 1])), sample_weight=w)
        return plogq.cross_entropy(p, Logits(jnp.ones((2, 3))))

    assert jnp.isfinite(jax.grad(loss)(jnp.zeros(2))).all()


def test_no_yes_no_outcomes_cost_0(way: str) -> None:
    for shape in ((0,), (3, 0)):
        p = BinaryProbs(jnp.zeros(shape))
        value, g = jax.value_and_grad(lambda z, p=p: plogq.cross_entropy(p, BinaryLogits(z)))(
            jnp.zeros(shape)
        )
        assert value == 0
        assert g.shape == shape


def test_no_events_before_a_last_layer() -> None:
    def loss(h: Any, w: Any) -> Any:
        return plogq.cross_entropy(Labels(jnp.zeros(0, int)), LinearLogits(h, w))

    value, (h, w) = jax.value_and_grad(loss, (0, 1))(jnp.zeros((0, 2)), jnp.ones((3, 2)))
    assert value == 0
    assert h.shape == (0, 2)
    assert (w == 0).all()
