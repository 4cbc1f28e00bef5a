"""P × Logits by one handler of XLA: what is in a program, and what is not."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, Logits, Probs, Smoothed, Weighted

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
    assert named == ["plogq_program"]
    program = jax.jit(slope).lower(*given).as_text()
    assert program.count("@plogq_program(") == 2
    assert "stablehlo.compare" not in program
    assert "stablehlo.reduce" not in program


@pytest.mark.parametrize("kind", ["rows", "yes/no"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_so_does_one_of_probabilities(kind: str, reduction: str) -> None:
    rows = jnp.asarray([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], jnp.float32)

    def loss(z: Any, p: Any) -> Any:
        pair = (Probs(p), Logits(z)) if kind == "rows" else (BinaryProbs(p), BinaryLogits(z))
        return plogq.cross_entropy(*pair, reduction=reduction)

    def slope(z: Any, p: Any) -> Any:
        found, back = jax.vjp(lambda z: loss(z, p), z)
        return found, back(jnp.ones_like(found))[0]

    z = jnp.asarray(Z)
    program = jax.jit(slope).lower(z, rows)
    assert program.as_text().count("@plogq_program(") == 2
    assert "stablehlo.reduce" not in program.as_text()
    q: Any = Logits(Z) if kind == "rows" else BinaryLogits(Z)
    p: Any = (Probs if kind == "rows" else BinaryProbs)(np.asarray(rows))
    want, slopes = plogq.value_and_grad(p, q, reduction=reduction)
    found, back = program.compile()(z, rows)
    np.testing.assert_allclose(found, want, rtol=1e-6)
    np.testing.assert_allclose(back, slopes.scores, rtol=1e-5, atol=1e-7)
    if reduction == "none":
        of_p = jax.jit(jax.grad(lambda p: loss(z, p).sum()))(rows)
        costs = -jax.nn.log_softmax(z) if kind == "rows" else -z
        np.testing.assert_allclose(of_p, costs, rtol=1e-5)


def test_probabilities_that_are_none_are_refused_where_they_are_known() -> None:
    half = jnp.asarray([[0.5, 0.25, 0.0], [1.0, 0.0, 0.0]], jnp.float32)
    with pytest.raises(plogq.ProbabilityError, match="event 0 of Probs"):
        plogq.cross_entropy(Probs(half), Logits(jnp.asarray(Z)))
    with pytest.raises(plogq.ProbabilityError, match="outside"):
        plogq.cross_entropy(BinaryProbs(half + 1), BinaryLogits(jnp.asarray(Z)))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_gradient_of_one_pass_is_that_of_whatever_flows_back(
    dtype: str, reduction: str
) -> None:
    """It is made for 1; any other neither rounds it twice nor loses what is small."""
    z = jnp.asarray(np.concatenate((Z, Z - 9, [[0.0, -70.0, -20.0]])), dtype)
    y = jnp.asarray([1, 0, 2, 1, 0])

    def back(z: Any, d: Any, y: Any) -> Any:
        def loss(z: Any) -> Any:
            return plogq.cross_entropy(Labels(y, ignore=9), Logits(z), reduction=reduction)

        found, slope = jax.vjp(loss, z)
        return slope(jnp.broadcast_to(d, found.shape).astype(found.dtype))[0]

    compiled = jax.jit(back)
    exact = np.asarray(z, np.float64)
    near = {"float32": 1e-6, "float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
    for d in (1.0, 0.25, -0.3, 3.0, 2.0**15, 0.0):
        want = plogq.value_and_grad(Labels(np.asarray(y)), Logits(exact), reduction=reduction)[1]
        found = np.asarray(compiled(z, d, y), np.float64)
        least = {"float32": 1e-37, "float16": 2.0**-25, "bfloat16": 1e-37}[dtype]
        np.testing.assert_allclose(found, want.scores * d, rtol=near, atol=least)
    wrong = np.asarray(compiled(z, 1.0, y.at[1].set(3)), np.float64)
    assert np.isnan(wrong[1]).all()
    assert np.isnan(wrong[0]).all() == (reduction == "mean")


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
