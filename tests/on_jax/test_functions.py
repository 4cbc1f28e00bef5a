"""The other functions and options on arrays of JAX: what NumPy gives, eagerly and as programs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, LinearLogits, Logits, Probs, Weighted

from .arrays import PROGRAMS, by, on_jax

RNG = np.random.default_rng(11)
Y = RNG.integers(0, 4, (2, 3))
P = RNG.dirichlet(np.ones(4), (2, 3))
Z = RNG.normal(size=(2, 3, 4))
W = RNG.random((2, 3)) + 0.5

# Made of NumPy arrays, whose results are held against the oracle.
PAIRS: dict[str, tuple[Any, Any]] = {
    "labels": (Weighted(Labels(np.where(Y == 3, -1, Y), ignore=-1), sample_weight=W), Logits(Z)),
    "soft": (plogq.Smoothed(Probs(P), 0.1), Logits(Z, softcap=5.0)),
    "on an axis": (Probs(np.moveaxis(P, -1, 1), axis=1), Logits(np.moveaxis(Z, -1, 0), axis=0)),
    "yes/no": (Weighted(BinaryProbs(P), class_weight=(1.0, 2.0)), BinaryLogits(Z)),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "sum_over_batch_size": {"reduction": "sum_over_batch_size"},
    "normalizer": {"normalizer": 7},
    "z_loss": {"z_loss": 0.125},
}
every_pair = pytest.mark.parametrize("name", PAIRS)
as_programs = pytest.mark.parametrize("way", PROGRAMS)


def close(got: Any, want: Any, off: float = 1e-11) -> None:
    np.testing.assert_allclose(got, want, rtol=off, atol=off / 100)


@every_pair
@as_programs
def test_every_option_gives_what_numpy_gives(name: str, way: str) -> None:
    p, q = PAIRS[name]

    def run(p: Any, q: Any) -> Any:
        return {k: plogq.cross_entropy(p, q, **o) for k, o in OPTIONS.items()}

    with by(way):
        got = jax.jit(run)(on_jax(p), on_jax(q))
    for option, options in OPTIONS.items():
        close(got[option], plogq.cross_entropy(p, q, **options))
        close(plogq.cross_entropy(on_jax(p), on_jax(q), **options), got[option])


@every_pair
@as_programs
def test_divergence_entropy_and_log_normalizer(name: str, way: str) -> None:
    p, q = PAIRS[name]

    def run(p: Any, q: Any) -> Any:
        return plogq.kl_divergence(p, q, reduction="none"), plogq.log_normalizer(q)

    with by(way):
        divergence, log_z = jax.jit(run)(on_jax(p), on_jax(q))
        close(divergence, plogq.kl_divergence(p, q, reduction="none"), 1e-9)
        close(log_z, plogq.log_normalizer(q))
        if name != "labels":
            close(jax.jit(plogq.entropy)(on_jax(p)), plogq.entropy(p))


def test_the_gradient_of_a_divergence() -> None:
    def divergence(p: Any, z: Any) -> Any:
        return plogq.kl_divergence(Probs(p), Logits(z), reduction="sum")

    def textbook(p: Any, z: Any) -> Any:
        return (p * (jnp.log(p) - jax.nn.log_softmax(z))).sum()

    got = jax.jit(jax.grad(divergence, (0, 1)))(P, Z)
    for a, b in zip(got, jax.grad(textbook, (0, 1))(jnp.asarray(P), jnp.asarray(Z)), strict=True):
        close(a, b, 1e-9)
    slope = jax.grad(lambda z: plogq.log_normalizer(Logits(z)).sum())(jnp.asarray(Z))
    close(slope, jax.nn.softmax(jnp.asarray(Z)))


def test_a_normalizer_may_be_a_number_an_array_or_traced(way: str) -> None:
    y, z = jnp.asarray(Y), jnp.asarray(Z)
    want = plogq.cross_entropy(Labels(y), Logits(z), reduction="sum") / 4
    for n in (4, np.float32(4), jnp.array(4), jnp.array(4.0, jnp.bfloat16)):
        close(plogq.cross_entropy(Labels(y), Logits(z), normalizer=n), want)

    def loss(n: Any) -> Any:
        return plogq.cross_entropy(Labels(y), Logits(z), normalizer=n)

    value, slope = jax.jit(jax.value_and_grad(loss))(4.0)
    close(value, want)
    close(slope, -want / 4)


@every_pair
def test_value_and_grad_gives_a_gradient_of_qs_own_type(name: str) -> None:
    p, q = PAIRS[name]
    want, gradient = plogq.value_and_grad(p, q)
    value, found = plogq.value_and_grad(on_jax(p), on_jax(q))
    assert type(found) is type(q)
    close(value, want)
    close(found.scores, gradient.scores)


@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"normalizer": 7}], ids=str)
def test_value_and_grad_inside_a_program(options: Any) -> None:
    """The mean divides by a mass that is traced."""
    p, q = (on_jax(r) for r in PAIRS["labels"])
    want, gradient = plogq.value_and_grad(*PAIRS["labels"], **options)
    value, found = jax.jit(lambda p, q: plogq.value_and_grad(p, q, **options))(p, q)
    close(value, want)
    close(found.scores, gradient.scores)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_a_loss_has_the_dtype_of_its_statistics(dtype: str, width: str) -> None:
    if dtype == "float64" and width == "x32":
        # JAX has no such arrays then, and says so by a warning where one is asked for.
        assert jnp.zeros(1).dtype == jnp.float32
        return
    z = jnp.zeros((2, 3), dtype)
    for p in (
        Labels(jnp.array([0, 1])),
        Weighted(Probs(jnp.full((2, 3), 1 / 3)), sample_weight=jnp.ones(2)),
    ):
        for reduction in ("mean", "none"):
            loss = plogq.cross_entropy(p, Logits(z), reduction=reduction)
            assert loss.dtype == ("float64" if dtype == "float64" else "float32")
            assert not loss.weak_type


def test_the_six_helpers() -> None:
    y, p, z = jnp.asarray(Y), jnp.asarray(P), jnp.asarray(Z)
    q = jax.nn.softmax(z)
    close(plogq.sparse_softmax_cross_entropy(y, z), plogq.sparse_categorical_cross_entropy(y, q))
    close(plogq.softmax_cross_entropy(p, z), plogq.categorical_cross_entropy(p, q))
    sigmoid = jax.nn.sigmoid(z)
    close(plogq.sigmoid_cross_entropy(p, z), plogq.binary_cross_entropy(p, sigmoid))


def test_explain_names_the_platform() -> None:
    for p, q in PAIRS.values():
        said = str(plogq.explain(on_jax(p), on_jax(q)))
        assert "on jax, cpu: cpu" in said
    linear = LinearLogits(jnp.asarray(Z), jnp.ones((5, 4)))
    assert str(plogq.explain(Labels(jnp.asarray(Y)), linear)).endswith("on jax, cpu: linear")
