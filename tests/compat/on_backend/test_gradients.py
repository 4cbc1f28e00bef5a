"""Gradients by the backend's own differentiation: those of Keras' losses, through every quirk."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import plogq.compat.keras as ours

from .backend import BACKEND, CLASSES, DENSE, close, gradients, one_hot, scores, tensor

theirs = keras.losses


def same(name: str, inputs: tuple[Any, ...], tolerance: float = 5e-5, **options: Any) -> None:
    """The loss and the gradients of all inputs, ours beside Keras'."""
    found = [
        gradients(lambda *xs, m=m: getattr(m, name)(*xs, **options), *inputs)
        for m in (ours, theirs)
    ]
    for mine, yours in zip((found[0][0], *found[0][1]), (found[1][0], *found[1][1]), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("name", DENSE)
def test_gradients_of_y_true_and_y_pred(name: str, soft: bool, from_logits: bool) -> None:
    z, q, p, y = scores((4, 3), seed=1)
    p = p if soft else one_hot(y, 3)
    x = z if from_logits else q
    same(name, (p, x), from_logits=from_logits)
    same(name, (p, x), from_logits=from_logits, label_smoothing=0.1)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", DENSE)
def test_gradients_along_another_axis(name: str, axis: int) -> None:
    z, q, p, _ = scores((3, 2, 4), axis=axis)
    same(name, (p, q), axis=axis)
    same(name, (p, z), axis=axis, from_logits=True)


def test_gradients_of_focal_losses_with_other_options() -> None:
    _, q, p, y = scores((4, 3), seed=2)
    for target in (p, one_hot(y, 3)):
        same("binary_focal_crossentropy", (target, q), apply_class_balancing=True, gamma=1.5)
        same("categorical_focal_crossentropy", (target, q), gamma=1.5, alpha=[0.1, 0.5, 0.9])


def test_gradients_of_the_divergence() -> None:
    _, q, p, _ = scores((4, 3), seed=3)
    same("kl_divergence", (p, q))
    same("kl_divergence", (p[:1], q))


@pytest.mark.parametrize("ignored", [None, 2])
@pytest.mark.parametrize("from_logits", [False, True])
def test_gradients_of_labels(from_logits: bool, ignored: int | None) -> None:
    z, q, _, y = scores((4, 3), seed=4)
    x = z if from_logits else q
    options: Any = {"from_logits": from_logits, "ignore_class": ignored}
    mine, yours = (
        gradients(lambda x, m=m: m.sparse_categorical_crossentropy(tensor(y), x, **options), x)
        for m in (ours, theirs)
    )
    np.testing.assert_allclose(mine[0], yours[0], rtol=2e-5)
    tolerance: dict[str, float] = {"rtol": 5e-5, "atol": 5e-6}
    if BACKEND == "tensorflow" and not from_logits:
        # Keras' sparse loss divides by the sum after the logarithm there, not before: along a row
        # the gradients differ by a constant, since the sum is 1.
        mine, yours = ((g - g.mean(-1, keepdims=True)) for g in (mine[1][0], yours[1][0]))
        np.testing.assert_allclose(mine, yours, **tolerance)
    else:
        np.testing.assert_allclose(mine[1][0], yours[1][0], **tolerance)


@pytest.mark.parametrize("name", [*DENSE, "kl_divergence"])
def test_the_gradient_is_0_where_a_probability_is_clipped(name: str) -> None:
    # 1 is the bound itself for the divergence, where JAX takes half a gradient for Keras.
    q = np.array([[1e-9, 0.9 if name == "kl_divergence" else 1.0, 1e-9], *[[0.3, 0.5, 0.2]] * 3])
    q, p = q.astype(np.float32), np.array([[0.4, 0.5, 0.1]] * 4, np.float32)
    same(name, (p, q))
    if name != "binary_focal_crossentropy":
        found = gradients(lambda x: getattr(ours, name)(tensor(p), x), q)[1][0]
        assert found[0, 0] == 0.0


def test_an_ignored_row_of_zeros_has_gradient_0() -> None:
    q = np.array([[0.0, 0.0, 0.0], *[[0.3, 0.5, 0.2]] * 3], np.float32)

    def loss(x: Any) -> Any:
        return ours.sparse_categorical_crossentropy(tensor([9, 0, 0, 0]), x, ignore_class=9)

    value, (found,) = gradients(loss, q)
    close(value, -3 * np.log(0.3))
    assert (found[0] == 0).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"])
def test_gradients_of_classes(name: str, reduction: str) -> None:
    _, q, p, y = scores((4, 3), seed=5)
    target = y if name.startswith("sparse") else p
    weight = np.array([0.0, 1.0, 2.0, 0.5], np.float32)

    def of(module: Any) -> Any:
        loss = getattr(module, CLASSES[name])(reduction=reduction)
        return gradients(lambda x: loss(tensor(target), x, sample_weight=weight), q)

    mine, yours = of(ours), of(theirs)
    close(mine[0], yours[0])
    if not (name.startswith("sparse") and BACKEND == "tensorflow"):
        np.testing.assert_allclose(mine[1][0], yours[1][0], rtol=5e-5, atol=5e-6)


def test_the_second_derivative_is_there() -> None:
    """Of a loss in float32, by the backend's own means."""
    z, _, p, _ = scores((4, 3), seed=6)
    v = np.array([[1.0, -0.5, 0.25], [0.5, 1.0, 2.0]] * 2, np.float32)
    q = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    expected = q * (v - (q * v).sum(-1, keepdims=True))
    if BACKEND == "torch":
        import torch

        x = tensor(z).requires_grad_()
        loss = ours.categorical_crossentropy(tensor(p), x, from_logits=True).sum()
        (first,) = torch.autograd.grad(loss, x, create_graph=True)
        (found,) = torch.autograd.grad(first, x, tensor(v))
    elif BACKEND == "jax":
        import jax

        first = jax.grad(
            lambda x: ours.categorical_crossentropy(tensor(p), x, from_logits=True).sum()
        )
        (found,) = jax.vjp(first, tensor(z))[1](tensor(v))
    else:
        import tensorflow as tf

        x = tensor(z)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(ours.categorical_crossentropy(tensor(p), x, from_logits=True))
            first = tape.gradient(loss, x)
        found = outer.gradient(first, x, tensor(v))
    close(found, expected)


EDGE = (
    # Certain and right, certain and wrong, and certain where the label is soft.
    [[1.0, 0.0, 0.5], [0.0, 1.0, 0.25], [0.0, 0.0, 1.0], [0.2, 0.3, 0.5]],
    [[200.0, -200.0, 0.5], [-1000.0, 1000.0, 0.0], [-90.0, -120.0, 300.0], [-1.0, 2.0, 0.0]],
)
TRUTHS = ([[1.0, 0.0, 0.0]] * 4, [[0.0, 1.0, 0.0]] * 4, [[0.5, 0.25, 0.25]] * 4)


@pytest.mark.parametrize("gamma", [0.0, 0.01, 0.3, 0.5, 0.9, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("kind", ["binary", "categorical"])
def test_focal_gradients_at_the_edge_are_finite(kind: str, from_logits: bool, gamma: float) -> None:
    """And 0 where the label has all the probability there is: the loss is flat there."""
    x = np.array(EDGE[from_logits], np.float32)
    options: Any = {"gamma": gamma, "from_logits": from_logits}
    name = f"{kind}_focal_crossentropy"
    made = getattr(ours, CLASSES[name])(**options)
    for truth in TRUTHS:
        y = np.array(truth, np.float32)
        for loss in (
            lambda q, y=y: getattr(ours, name)(tensor(y), q, **options),
            lambda q, y=y: made(y, q),
        ):
            value, (slope,) = gradients(loss, x)
            assert np.isfinite(value)
            assert np.isfinite(slope).all()
            certain = np.abs(x) > 80 if from_logits else (x == 0) | (x == 1)
            right = certain & ((x > 0.5) == (y == 1)) & ((y == 0) | (y == 1))
            if kind == "binary":
                # Of what Keras keeps away from 0 a loss of 1e-7 is left.
                assert (np.abs(slope[right]) < 1e-6).all()


def test_gamma_may_be_an_array_without_axes() -> None:
    _, q, _, y = scores((4, 3), seed=3)
    p = one_hot(y, 3)
    for name in ("binary_focal_crossentropy", "categorical_focal_crossentropy"):
        want = getattr(ours, name)(p, q, gamma=1.5)
        for gamma in (np.float32(1.5), tensor(1.5), keras.Variable(1.5)):
            close(getattr(ours, name)(p, q, gamma=gamma), want)
