"""Derivatives at the edge, on every framework: 0 · ∞ = 0 in them, and z = 0 has a second one."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import plogq

from .together import for_each

Array = npt.NDArray[Any]
Function = Callable[[Any], Any]


class Torch:
    """Backward passes of PyTorch."""

    def __init__(self) -> None:
        import torch

        self.torch = torch

    def array(self, x: Any) -> Any:
        return self.torch.as_tensor(np.asarray(x))

    def softmax(self, z: Any) -> Any:
        return self.torch.softmax(z, -1)

    def sigmoid(self, z: Any) -> Any:
        return self.torch.sigmoid(z)

    def gradient(self, f: Function, x: Array) -> Array:
        leaf = self.array(x).requires_grad_()
        f(leaf).backward()
        return leaf.grad.numpy()

    def second(self, f: Function, x: Array) -> Array:
        """The gradient of the sum of the gradient."""
        leaf = self.array(x).requires_grad_()
        (slope,) = self.torch.autograd.grad(f(leaf), leaf, create_graph=True)
        (found,) = self.torch.autograd.grad(slope.sum(), leaf)
        return found.numpy()


class TorchFunc(Torch):
    """Transforms of torch.func."""

    def gradient(self, f: Function, x: Array) -> Array:
        return self.torch.func.grad(f)(self.array(x)).numpy()

    def second(self, f: Function, x: Array) -> Array:
        slope = self.torch.func.grad(f)
        return self.torch.func.grad(lambda z: slope(z).sum())(self.array(x)).numpy()


class Jax:
    """jax.grad of jitted functions."""

    def __init__(self) -> None:
        import jax

        self.jax = jax

    def array(self, x: Any) -> Any:
        return self.jax.numpy.asarray(x)

    def softmax(self, z: Any) -> Any:
        return self.jax.nn.softmax(z)

    def sigmoid(self, z: Any) -> Any:
        return self.jax.nn.sigmoid(z)

    def gradient(self, f: Function, x: Array) -> Array:
        with self.jax.enable_x64(True):
            return np.asarray(self.jax.jit(self.jax.grad(f))(self.array(x)))

    def second(self, f: Function, x: Array) -> Array:
        return self.gradient(lambda z: self.jax.grad(f)(z).sum(), x)


class TensorFlow:
    """Gradient tapes."""

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf = tf

    def array(self, x: Any) -> Any:
        return self.tf.constant(np.asarray(x))

    def softmax(self, z: Any) -> Any:
        return self.tf.nn.softmax(z)

    def sigmoid(self, z: Any) -> Any:
        return self.tf.sigmoid(z)

    def _slope(self, f: Function, x: Any) -> Any:
        with self.tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        return tape.gradient(y, x)

    def gradient(self, f: Function, x: Array) -> Array:
        return self._slope(f, self.array(x)).numpy()

    def second(self, f: Function, x: Array) -> Array:
        return self._slope(lambda z: self._slope(f, z), self.array(x)).numpy()


ALL = {"torch": Torch, "torch.func": TorchFunc, "jax": Jax, "tensorflow": TensorFlow}
PRESENT = [n for n in ALL if find_spec(n.partition(".")[0]) is not None]


@pytest.fixture(scope="module", params=PRESENT)
def at(request: pytest.FixtureRequest) -> Any:
    return ALL[request.param]()


# A softmax whose third class is 0 in float64, and nearly 0.
STEEP = np.array([[1.0, 0.0, -900.0, 0.3], [20.0, 0.0, -120.0, 6.0]])
OTHER = np.array([[0.5, 0.2, 0.0, -0.1], [10.0, 4.0, 0.0, -2.0]])


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_the_divergence_of_a_softmax_from_logits(at: Any) -> None:
    def divergence(z: Any) -> Any:
        p = plogq.Probs(at.softmax(z))
        return plogq.kl_divergence(p, plogq.Logits(at.array(OTHER)), reduction="sum")

    p, log_q = softmax(STEEP), OTHER - np.log(np.exp(OTHER).sum(-1, keepdims=True))
    gap = np.where(p > 0, np.log(np.where(p > 0, p, 1.0)) - log_q, 0.0)
    right = p * (gap - (p * gap).sum(-1, keepdims=True))
    np.testing.assert_allclose(at.gradient(divergence, STEEP), right, rtol=1e-9, atol=1e-15)


def test_the_entropy_of_a_softmax(at: Any) -> None:
    def entropy(z: Any) -> Any:
        return plogq.entropy(plogq.Probs(at.softmax(z)), reduction="sum")

    p = softmax(STEEP)
    log_p = np.where(p > 0, np.log(np.where(p > 0, p, 1.0)), 0.0)
    right = -p * (log_p - (p * log_p).sum(-1, keepdims=True))
    np.testing.assert_allclose(at.gradient(entropy, STEEP), right, rtol=1e-9, atol=1e-15)


@for_each("wrap", ["plain", "smoothed", "weighted"])
def test_yes_no_outcomes_of_a_saturated_sigmoid(at: Any, wrap: str) -> None:
    scores = np.array([0.3, 40.0, -800.0, 800.0])

    def wrapped(p: Any) -> Any:
        if wrap == "smoothed":
            return plogq.Smoothed(p, 0.1)
        return p if wrap == "plain" else plogq.Weighted(p, class_weight=(1.0, 2.0))

    def total(z: Any) -> Any:
        p = wrapped(plogq.BinaryProbs(at.sigmoid(z)))
        q = plogq.BinaryLogits(at.array(scores[::-1].copy()))
        return plogq.kl_divergence(p, q, reduction="sum") + plogq.entropy(p, reduction="sum")

    assert np.isfinite(at.gradient(total, scores)).all()


def test_a_class_ruled_out_on_both_sides_counts_nothing(at: Any) -> None:
    scores = np.array([[1.0, -np.inf, 0.5], [0.2, 0.1, -np.inf]])

    def divergence(z: Any) -> Any:
        return plogq.kl_divergence(
            plogq.Probs(at.softmax(z)), plogq.Logits(at.array(scores)), reduction="sum"
        )

    start = np.array([[0.3, -1e4, 0.1], [0.0, 0.4, -1e4]])
    found = at.gradient(divergence, start)
    assert np.isfinite(found).all()
    assert not found[[0, 1], [1, 2]].any()


GAMMAS = (0.25, 0.5, 0.9, 1.0, 1.5, 2.0)


@for_each("gamma", GAMMAS)
def test_focal_losses_of_ignored_and_of_certain_events(at: Any, gamma: float) -> None:
    scores = np.array([[0.2, -0.4, 1.1], [0.9, 0.0, -0.3], [1000.0, 0.0, 0.0]])
    y = np.array([0, -100, 0])

    def of_labels(z: Any) -> Any:
        p = plogq.Labels(at.array(y), ignore=-100)
        found = plogq.focal(plogq.cross_entropy(p, plogq.Logits(z), reduction="none"), gamma)
        return found[0] + found[1] + found[2]

    found = at.gradient(of_labels, scores)
    assert np.isfinite(found).all()
    assert not found[1:].any()
    q = softmax(scores[:1])[0]
    loss, missing = -np.log(q[0]), 1 - q[0]
    slope = missing**gamma + gamma * missing ** (gamma - 1) * q[0] * loss
    np.testing.assert_allclose(found[0], slope * (q - [1, 0, 0]), rtol=1e-9)

    def of_yes(z: Any) -> Any:
        losses = plogq.cross_entropy(
            plogq.BinaryProbs(at.array(np.ones(2))), plogq.BinaryLogits(z), reduction="none"
        )
        return plogq.focal(losses, gamma)[0] + plogq.focal(losses, gamma)[1]

    assert not at.gradient(of_yes, np.array([1000.0, 800.0])).any()


def _mean(at: Any, **options: Any) -> Function:
    y = plogq.BinaryProbs(at.array(np.array([0.3, 1.0, 0.0, 0.5])))
    return lambda z: plogq.cross_entropy(y, plogq.BinaryLogits(z), reduction="sum", **options)


def test_the_second_derivative_at_0(at: Any) -> None:
    zeros = np.zeros(4)
    np.testing.assert_allclose(at.gradient(_mean(at), zeros), [0.2, -0.5, 0.5, 0.0], atol=1e-15)
    np.testing.assert_allclose(at.second(_mean(at), zeros), 0.25, rtol=1e-14)

    def log_z(z: Any) -> Any:
        found = plogq.log_normalizer(plogq.BinaryLogits(z))
        return found[0] + found[1] + found[2] + found[3]

    np.testing.assert_allclose(at.second(log_z, zeros), 0.25, rtol=1e-14)
    # log²Z has the second derivative 2 (q² + log Z · q (1 - q)).
    right = 0.25 + 0.1 * 2 * (0.25 + np.log(2) / 4)
    np.testing.assert_allclose(at.second(_mean(at, z_loss=0.1), zeros), right, rtol=1e-14)


def test_the_second_derivative_beside_0(at: Any) -> None:
    z = np.array([1e-300, -1e-300, 30.0, -30.0])
    e = np.exp(-np.abs(z))
    np.testing.assert_allclose(at.second(_mean(at), z), e / (1 + e) ** 2, rtol=1e-9)


NAN, INF = float("nan"), float("inf")


@for_each("z_loss", [0.0, 0.1])
def test_second_derivatives_do_not_meet_what_has_no_mass(at: Any, z_loss: float) -> None:
    scores = np.array([[0.3, -1.0, 2.0], [NAN, 1.0, INF], [-INF, -INF, -INF], [0.1, -INF, 0.2]])
    y = np.array([1, -1, -1, 2])

    def loss(z: Any) -> Any:
        p = plogq.Labels(at.array(y), ignore=-1)
        return plogq.cross_entropy(p, plogq.Logits(z), z_loss=z_loss)

    def weighted(z: Any) -> Any:
        p = plogq.BinaryProbs(at.array(np.array([[1.0, 0.0, NAN]])))
        weight = at.array(np.array([[1.0, 0.0, 0.0]]))
        p = plogq.Weighted(p, sample_weight=weight)
        return plogq.cross_entropy(p, plogq.BinaryLogits(z), z_loss=z_loss)

    found = at.gradient(loss, scores)
    assert np.isfinite(found).all()
    assert not found[1:3].any()
    assert np.isfinite(at.second(loss, scores)).all()
    some = np.array([[0.4, NAN, INF]])
    assert np.isfinite(at.gradient(weighted, some)).all()
    assert np.isfinite(at.second(weighted, some)).all()


def test_certainty_has_second_derivatives(at: Any) -> None:
    def loss(z: Any) -> Any:
        return plogq.cross_entropy(plogq.Labels(at.array(np.array([0, 1]))), plogq.Logits(z))

    scores = np.array([[INF, 2.0, 3.0], [1.0, 2.0, -INF]])
    assert not at.second(loss, scores)[0].any()
    assert np.isfinite(at.second(loss, scores)).all()


def test_weights_of_classes_of_events_that_weigh_nothing(at: Any) -> None:
    scores = np.array([[NAN, 0.0], [1.0, 2.0], [-INF, 0.0]])

    def loss(by_class: Any) -> Any:
        p = plogq.Labels(at.array(np.array([0, 1, 0])))
        weight = at.array(np.array([0.0, 1.0, 0.0]))
        p = plogq.Weighted(p, sample_weight=weight, class_weight=by_class)
        return plogq.cross_entropy(p, plogq.Logits(at.array(scores)), reduction="sum")

    found = at.gradient(loss, np.array([1.0, 2.0]))
    np.testing.assert_allclose(found, [0.0, np.log1p(np.exp(-1.0))], rtol=1e-12)


def test_the_entropy_of_rows_that_weigh_nothing(at: Any) -> None:
    def entropy(p: Any) -> Any:
        weight = at.array(np.array([1.0, 0.0]))
        target = plogq.Weighted(plogq.Probs(p), sample_weight=weight)
        return plogq.entropy(target, reduction="sum")

    found = at.gradient(entropy, np.array([[0.5, 0.5], [NAN, 0.5]]))
    np.testing.assert_allclose(found, [[np.log(2) - 1] * 2, [0.0, 0.0]], atol=1e-15)


@for_each("gamma", [0.0, 0.5, 2.0, 3.5])
def test_focal_losses_that_are_huge_slope_as_the_loss_does(at: Any, gamma: float) -> None:
    """1e30 · e^-1e30 is 0."""

    def total(z: Any) -> Any:
        q = plogq.Logits(z)
        losses = plogq.cross_entropy(plogq.Labels(at.array(np.array([0, 1]))), q, reduction="none")
        each = plogq.focal(losses, gamma)
        return each[0] + each[1]

    found = at.gradient(total, np.array([[-1e30, 1e30], [-1e30, 1e30]]))
    np.testing.assert_allclose(found, [[-1, 1], [0, 0]])


@for_each("gamma", GAMMAS)
def test_focal_losses_that_are_infinite_slope_as_the_loss_does(at: Any, gamma: float) -> None:
    def loss(z: Any) -> Any:
        p = plogq.BinaryProbs(at.array(np.ones(1)))
        each = plogq.cross_entropy(p, plogq.BinaryLogits(z), reduction="none")
        return plogq.focal(each, gamma)[0]

    assert at.gradient(loss, np.array([-INF])) == [-1.0]


def test_a_z_loss_slopes_by_a_weight_that_is_0(at: Any) -> None:
    z = np.array([[1.0, 2.0], [3.0, 0.0]])

    def loss(w: Any) -> Any:
        p = plogq.Weighted(plogq.Labels(at.array(np.array([0, 1]))), sample_weight=w)
        return plogq.cross_entropy(p, plogq.Logits(at.array(z)), reduction="sum", z_loss=0.1)

    log_z = np.log(np.exp(z).sum(-1))
    right = log_z - z[[0, 1], [0, 1]] + 0.1 * log_z**2
    np.testing.assert_allclose(at.gradient(loss, np.array([0.0, 1.0])), right, rtol=1e-12)
