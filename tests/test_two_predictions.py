"""Distillation in programs, twice differentiated, and what does not fit as a sentence."""

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
from plogq import BinaryLogits, LinearLogits, Logits, LogProbs, Probs, Tempered
from plogq.kernels.table import using

from .together import for_each

RNG = np.random.default_rng(20261129)
P, Z = RNG.normal(size=(2, 3, 4))
Q = np.exp(P) / np.exp(P).sum(-1, keepdims=True)


def kl(t: Any, z: Any) -> Any:
    return plogq.kl_divergence(Tempered(Logits(t), 2.0), Logits(z), reduction="sum")


def plain(t: Any, z: Any) -> Any:
    p, log = torch.softmax(t / 2, -1), torch.log_softmax
    return (p * (log(t / 2, -1) - log(z, -1))).sum()


def hessians() -> tuple[Any, ...]:
    found = torch.autograd.functional.hessian(plain, (torch.tensor(P), torch.tensor(Z)))
    return tuple(np.asarray(x) for row in found for x in row)


def of_torch() -> Any:
    return torch.autograd.functional.hessian(kl, (torch.tensor(P), torch.tensor(Z)))


def of_jax() -> Any:
    return jax.jit(jax.hessian(kl, (0, 1)))(jnp.asarray(P), jnp.asarray(Z))


def of_tensorflow() -> Any:
    held = tf.constant(P), tf.constant(Z)
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(held)
        with tf.GradientTape() as inner:
            inner.watch(held)
            value = kl(*held)
        first = inner.gradient(value, held)
    return tuple(tuple(outer.jacobian(g, x) for x in held) for g in first)


@for_each(("twice", "off"), [(of_torch, 1e-12), (of_jax, 1e-6), (of_tensorflow, 1e-12)])
def test_it_is_differentiated_twice(twice: Callable[[], Any], off: float) -> None:
    """JAX has float32 here."""
    found = [np.asarray(x) for row in twice() for x in row]
    for got, want in zip(found, hessians(), strict=True):
        np.testing.assert_allclose(got, want, atol=off)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_runs_in_programs() -> None:
    """As one program of torch.compile with both gradients, and mapped over a batch."""
    want = kl(P, Z)

    def step(t: Any, z: Any) -> Any:
        return kl(t, z), torch.autograd.grad(kl(t, z), (t, z))

    held = [torch.tensor(x, requires_grad=True) for x in (P, Z)]
    compiled = torch.compile(kl, fullgraph=True, backend="aot_eager")(*held)
    compiled.backward()
    _, slopes = step(*(torch.tensor(x, requires_grad=True) for x in (P, Z)))
    assert compiled.item() == pytest.approx(want, rel=1e-12)
    for x, g in zip(held, slopes, strict=True):
        assert x.grad is not None
        np.testing.assert_allclose(x.grad, g, atol=1e-14)
    for got in (
        jax.vmap(kl)(jnp.asarray(P), jnp.asarray(Z)),
        torch.func.vmap(kl)(torch.tensor(P), torch.tensor(Z)),
        tf.vectorized_map(lambda x: kl(*x), (tf.constant(P), tf.constant(Z))),
    ):
        assert float(np.asarray(got).sum()) == pytest.approx(want, rel=1e-6)


LAYERS = tuple(RNG.normal(size=s) for s in ((90, 3), (8, 3), (90, 5), (8, 5)))


def distilled(h: Any, w: Any, g: Any, v: Any) -> Any:
    """A teacher [h, w] and its student, of another width, capped and at a temperature."""
    p, q = LinearLogits(h, w), LinearLogits(g, v)
    capped = Tempered(LinearLogits(g, v, softcap=3.0), 2.0)
    return plogq.kl_divergence(p, q) + plogq.js_divergence(p, capped, weight=0.25)


def distilled_by_torch() -> list[Any]:
    held = [torch.tensor(x, requires_grad=True) for x in LAYERS]
    with using("formula"):
        value = distilled(*held)
    return [x.detach().numpy() for x in (value, *torch.autograd.grad(value, held))]


def of_compiled() -> list[Any]:
    held = [torch.tensor(x, requires_grad=True) for x in LAYERS]
    value = torch.compile(distilled, fullgraph=True, backend="aot_eager")(*held)
    return [value.detach(), *torch.autograd.grad(value, held)]


def of_jitted() -> list[Any]:
    held = [jnp.asarray(x) for x in LAYERS]
    value, slopes = jax.jit(jax.value_and_grad(distilled, (0, 1, 2, 3)))(*held)
    return [value, *slopes]


def of_tapes() -> list[Any]:
    held = [tf.constant(x) for x in LAYERS]

    def step() -> list[Any]:
        with tf.GradientTape() as tape:
            tape.watch(held)
            value = distilled(*held)
        return [value, *tape.gradient(value, held)]

    for got, want in zip(step(), found := tf.function(step)(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)
    return list(found)


@pytest.mark.parametrize(
    ("step", "off"), [(of_compiled, 1e-12), (of_jitted, 2e-5), (of_tapes, 1e-12)]
)
def test_one_last_layer_is_distilled_into_another(step: Callable[[], Any], off: float) -> None:
    """In programs too it runs in chunks, and is what the formula makes of all scores."""
    for got, want in zip(step(), distilled_by_torch(), strict=True):
        np.testing.assert_allclose(got, want, rtol=off, atol=off)
    array = {of_compiled: torch.tensor, of_jitted: jnp.asarray, of_tapes: tf.constant}[step]
    h, w, g, v = map(array, LAYERS)
    explained = plogq.explain(LinearLogits(h, w), LinearLogits(g, v))
    assert explained.chosen == "chunked"


def test_what_is_around_a_prediction_stays_possible() -> None:
    """Smoothed or weighted by class it is the dense target that it predicts."""
    weights = np.array([1.0, 2.0, 0.0, 0.5])
    for change in (
        lambda p: plogq.Smoothed(p, 0.1),
        lambda p: plogq.Weighted(p, class_weight=weights, sample_weight=[1.0, 0.0, 2.0]),
    ):
        for function in (plogq.cross_entropy, plogq.kl_divergence):
            want = function(change(Probs(Q)), Logits(Z))
            assert function(change(Logits(P)), Logits(Z)) == pytest.approx(want, rel=1e-12)
    yes = 1 / (1 + np.exp(-P))
    want = plogq.cross_entropy(plogq.Smoothed(plogq.BinaryProbs(yes), 0.2), BinaryLogits(Z))
    found = plogq.cross_entropy(plogq.Smoothed(BinaryLogits(P), 0.2), BinaryLogits(Z))
    assert found == pytest.approx(want, rel=1e-12)
    assert plogq.entropy(LinearLogits(P, Z)) == pytest.approx(plogq.entropy(Logits(P @ Z.T)))


def test_the_gradient_has_the_type_of_q() -> None:
    hidden, weight = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))
    q = Tempered(LinearLogits(hidden, weight), 2.0)
    loss, grad = plogq.value_and_grad(Logits(P), q, z_loss=0.1)
    want, slope = plogq.value_and_grad(Probs(Q), q, z_loss=0.1)
    assert type(grad) is Tempered
    assert loss == pytest.approx(want, rel=1e-12)
    for name in ("hidden", "weight"):
        got = getattr(grad.prediction, name)
        np.testing.assert_allclose(got, getattr(slope.prediction, name), atol=1e-14)
    out = np.empty_like(Z)
    _, grad = plogq.value_and_grad(Logits(P), Logits(Z), out=out)
    assert grad.scores is out
    np.testing.assert_allclose(out, plogq.value_and_grad(Probs(Q), Logits(Z))[1].scores, atol=1e-14)


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "classes": (
        lambda: plogq.kl_divergence(Logits(P), Logits(Z[:, :3])),
        plogq.ShapeError,
        r"P has 4 classes \(Logits of shape \(3, 4\), classes on axis 1\) and Q has 3 \(Logits of",
    ),
    "classes, smoothed": (
        lambda: plogq.cross_entropy(plogq.Smoothed(Logits(P), 0.1), Logits(Z[:, :3])),
        plogq.ShapeError,
        r"P has 4 classes \(Logits of shape \(3, 4\), classes on axis 1\) and Q has 3",
    ),
    "events": (
        lambda: plogq.cross_entropy(Logits(P), Logits(Z[:2])),
        plogq.ShapeError,
        r"their events \(3,\) and \(2,\) are not the same; nothing is broadcast",
    ),
    "kinds": (
        lambda: plogq.kl_divergence(BinaryLogits(P), Logits(Z)),
        plogq.PairError,
        r"one is over exclusive classes and the other over independent yes/no outcomes",
    ),
    "framework": (
        lambda: plogq.kl_divergence(Logits(torch.tensor(P)), Logits(jnp.asarray(Z))),
        plogq.DtypeError,
        r"P is of torch and Q of jax; nothing is moved silently",
    ),
    "device": (
        lambda: plogq.kl_divergence(
            Logits(torch.tensor(P)), Logits(torch.tensor(Z, device="meta"))
        ),
        plogq.DeviceError,
        r"P has an array on cpu and Q is on meta; nothing is moved silently",
    ),
    "probabilities": (
        lambda: plogq.cross_entropy(Logits(Z), Probs(Q)),
        plogq.PairError,
        r"these look swapped, .* write LogProbs\(log\(q\)\) for Q",
    ),
    "no prediction": (
        lambda: plogq.js_divergence(plogq.Labels([0, 1, 2]), Logits(Z)),
        plogq.PairError,
        r"js_divergence takes two predictions: .* got Labels and Logits",
    ),
    "a weight of the mixture": (
        lambda: plogq.js_divergence(Logits(P), Logits(Z), weight=1.0),
        ValueError,
        r"between 0 and 1, got 1\.0; at either end the divergence is 0",
    ),
    "weights": (
        lambda: plogq.kl_divergence(plogq.Weighted(Logits(P), sample_weight=[1.0, 2.0]), Logits(Z)),
        plogq.ShapeError,
        r"sample_weight must have the shape of the events \(3,\), got \(2,\)",
    ),
    "an option": (
        lambda: plogq.js_divergence(Logits(P), Logits(Z), wieght=0.5),
        TypeError,
        r"js_divergence takes no wieght=",
    ),
}


@for_each("name", REFUSED)
def test_what_does_not_fit_is_said(name: str) -> None:
    call, error, sentence = REFUSED[name]
    with pytest.raises(error, match=sentence):
        call()


def test_log_probs_are_taken_as_they_are() -> None:
    """And P may be of another dtype, with its classes on another axis."""
    p = LogProbs(np.log(Q).T.astype(np.float32), axis=0)
    want = plogq.kl_divergence(Probs(Q), Logits(Z))
    assert plogq.kl_divergence(p, Logits(Z)) == pytest.approx(want, abs=1e-6)
