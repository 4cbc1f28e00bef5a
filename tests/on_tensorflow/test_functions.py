"""The other functions and options on TensorFlow's tensors: what NumPy gives, by every way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq

from .. import bounds
from ..suite import truths as contract
from .tensors import Call, by, on_tensorflow, traced


@pytest.mark.parametrize("reduction", ["mean", "sum", "sum_over_batch_size", "normalizer"])
@pytest.mark.parametrize(
    "pair",
    [("Labels(ignore)-both_weights", "Logits"), ("BinaryProbs(soft)-both_weights", "BinaryLogits")],
)
def test_reductions_with_z_loss(pair: tuple[str, str], reduction: str, way: str) -> None:
    """One number, the same as NumPy's, whose reductions are held against the oracle."""
    target, prediction = contract.made(*pair, bounds.DTYPES[1])
    call = Call(target.target, prediction.prediction)
    options: Any = {"reduction": reduction, "z_loss": 0.125}
    if reduction == "normalizer":
        options = {"normalizer": 7, "z_loss": 0.125}
    want = plogq.cross_entropy(target.target, prediction.prediction, **options)
    with by(way):
        got = traced(way, lambda *x: call.loss(*x, **options), *call.inputs)
    assert got.dtype == tf.float32
    assert got.shape == ()
    np.testing.assert_allclose(got, want, rtol=2e-6)


def test_a_normalizer_may_be_a_number_an_array_a_tensor_or_a_variable(way: str) -> None:
    z, y = tf.constant([[1.0, 0.0], [0.5, 0.0]]), tf.constant([0, 1])
    want = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), reduction="sum").numpy() / 4
    for n in (4, np.float32(4), tf.constant(4), tf.constant(4.0), tf.Variable(4.0)):

        def loss(z: Any, n: Any = n) -> Any:
            return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), normalizer=n)

        with by(way):
            np.testing.assert_allclose(traced(way, loss, z), want, rtol=1e-6)


@pytest.mark.parametrize(
    "p",
    [
        "Probs-plain",
        "Labels-smoothed",
        "SparseProbs-both_weights",
        "BinaryProbs(soft)-both_weights",
    ],
)
def test_entropy_divergence_and_log_normalizer(p: str, way: str) -> None:
    """The same as NumPy's."""
    q = "BinaryLogits" if p.startswith("Binary") else "Logits"
    target, prediction = contract.made(p, q, bounds.DTYPES[0])
    call = Call(target.target, prediction.prediction)

    def run(*x: Any) -> Any:
        pair = list(call.pair(x))
        divergence = plogq.kl_divergence(*pair, reduction="none")
        entropy = 0.0 if p == "Labels-smoothed" else plogq.entropy(pair[0], reduction="none")
        return divergence, plogq.log_normalizer(pair[1]), entropy

    with by(way):
        got = traced(way, run, *call.inputs)
    numpy_pair = target.target, prediction.prediction
    want = plogq.kl_divergence(*numpy_pair, reduction="none")
    np.testing.assert_allclose(got[0], want, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(got[1], plogq.log_normalizer(numpy_pair[1]), rtol=1e-13)
    if p != "Labels-smoothed":
        np.testing.assert_allclose(
            got[2], plogq.entropy(numpy_pair[0], reduction="none"), rtol=1e-12
        )


def test_focal_and_poly_are_functions_of_the_loss(way: str) -> None:
    losses = np.array([0.0, 0.1, 3.0], np.float32)

    def run(x: Any) -> Any:
        return plogq.focal(x, 2.0), plogq.focal(x, 0.0), plogq.poly(x, 1.0)

    with by(way):
        got = traced(way, run, tf.constant(losses))
    for ours, want in zip(got, run(losses), strict=True):
        np.testing.assert_allclose(ours, want, rtol=1e-6)


def test_value_and_grad_gives_a_gradient_of_qs_own_type(way: str) -> None:
    """Eagerly; in a graph a sentence says what does it there."""
    p, q = contract.made("Probs-both_weights", "Logits", bounds.DTYPES[1])
    want, want_grad = plogq.value_and_grad(p.target, q.prediction, z_loss=0.1)
    call = Call(p.target, q.prediction)

    def run(*x: Any) -> Any:
        loss, grad = plogq.value_and_grad(*call.pair(x), z_loss=0.1)
        return loss, grad.scores

    with by(way):
        if way in ("graph", "xla"):
            with pytest.raises(plogq.PlogqError, match=r"tf\.GradientTape"):
                traced(way, run, *call.inputs)
            return
        loss, grad = traced(way, run, *call.inputs)
    np.testing.assert_allclose(loss, want, rtol=1e-6)
    np.testing.assert_allclose(grad, want_grad.scores, rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match="read-only"):
        plogq.value_and_grad(on_tensorflow(p.target), on_tensorflow(q.prediction), out="scores")
