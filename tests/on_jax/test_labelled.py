"""Labels × Logits by one handler of XLA: what is in a program, and what is not."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plogq
from plogq import Labels, Logits, Smoothed, Weighted

Z = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]], np.float32)
Y, W, C = np.array([1, 0]), np.array([2.0, 0.5], np.float32), np.array([1, 2, 3], np.float32)


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_a_program_holds_one_call_each_way(reduction: str, width: str) -> None:
    """No mask of labels, no mass, no sum beside it."""

    def loss(z: Any, y: Any, w: Any, c: Any) -> Any:
        p = Weighted(Smoothed(Labels(y, ignore=2), 0.1), sample_weight=w, class_weight=c)
        return plogq.cross_entropy(p, Logits(z), reduction=reduction)

    def slope(*given: Any) -> Any:
        found, back = jax.vjp(lambda z: loss(z, *given[1:]), given[0])
        return found, back(jnp.ones_like(found))

    given = [jnp.asarray(x) for x in (Z, Y, W, C)]
    named = [eqn.primitive.name for eqn in jax.make_jaxpr(loss)(*given).eqns]
    assert named == ["plogq_labelled"]
    program = jax.jit(slope).lower(*given).as_text()
    assert program.count("@plogq_labelled(") == 2
    assert "stablehlo.compare" not in program
    assert "stablehlo.reduce" not in program


def test_the_result_is_the_same_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    z, y = (
        jnp.asarray(rng.normal(size=(3001, 47)), jnp.float32),
        jnp.asarray(rng.integers(0, 47, 3001)),
    )
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("PLOGQ_NUM_THREADS", threads)

        def loss(z: Any, y: Any) -> Any:
            return plogq.cross_entropy(Smoothed(Labels(y, ignore=3), 0.1), Logits(z))

        value, slope = jax.jit(jax.value_and_grad(loss))(z, y)
        found.append((float(value), np.asarray(slope).tobytes()))
    assert found[0] == found[1] == found[2]


def test_weights_that_float32_does_not_carry_have_a_mean() -> None:
    def loss(z: Any, y: Any, w: Any) -> Any:
        return plogq.cross_entropy(Weighted(Labels(y), sample_weight=w), Logits(z))

    want, slope = jax.value_and_grad(loss)(jnp.asarray(Z), jnp.asarray(Y), jnp.asarray(W))
    small = jnp.asarray(W, jnp.float64) * 1e-100
    found = jax.jit(jax.value_and_grad(loss))(jnp.asarray(Z), jnp.asarray(Y), small)
    np.testing.assert_allclose(found[0], want, rtol=1e-6)
    np.testing.assert_allclose(found[1], slope, rtol=1e-5)


def test_weights_have_gradients_beside_those_of_the_scores(width: str) -> None:
    def loss(z: Any, w: Any, c: Any) -> Any:
        p = Weighted(Smoothed(Labels(jnp.asarray(Y)), 0.1), sample_weight=w, class_weight=c)
        return plogq.cross_entropy(p, Logits(z))

    given = [jnp.asarray(x) for x in (Z, W, C)]
    at, step = loss(*given), 2.0**-6
    slopes = jax.jit(jax.grad(loss, (0, 1, 2)))(*given)
    for i, (x, slope) in enumerate(zip(given, slopes, strict=True)):
        moved = [*given]
        moved[i] = x + step * jnp.sign(slope)
        np.testing.assert_allclose((loss(*moved) - at) / step, jnp.abs(slope).sum(), rtol=0.05)
