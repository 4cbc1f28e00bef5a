"""Kinds of tensors that TensorFlow has, and graphs, that are refused; the rest is the suite's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq
from plogq import DtypeError, ProbabilityError

from ..refusals import Refusal, check, refused

Y, Z = tf.constant([0, 1]), tf.constant([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]])
slices = tf.IndexedSlices(tf.zeros([1, 3]), tf.constant([0]), tf.constant([2, 3]))


def loss(p: Any, q: Any, **options: Any) -> Any:
    return plogq.cross_entropy(p, q, **options)


@refused(
    Refusal(
        "ragged",
        lambda: plogq.Logits(tf.ragged.constant([[1.0], [1.0, 2.0]])),
        DtypeError,
        "Logits is a RaggedTensor",
        "x.to_tensor()",
    ),
    Refusal(
        "sparse",
        lambda: plogq.Probs(tf.sparse.from_dense(Z)),
        DtypeError,
        "Probs is a SparseTensor",
        "tf.sparse.to_dense(x)",
        "SparseProbs(index, probs)",
    ),
    Refusal(
        "slices", lambda: plogq.Logits(slices), DtypeError, "IndexedSlices", "tf.convert_to_tensor"
    ),
    Refusal(
        "string",
        lambda: plogq.Labels(tf.constant(["cat"])),
        DtypeError,
        "must be integers, got string",
        "0…K-1",
    ),
)
def test_refused(refusal: Refusal) -> None:
    check(refusal)


def test_large_rows_that_are_no_distribution_are_refused() -> None:
    """The kernel looks at these."""
    p = tf.fill([2, 1 << 20], 2.0**-19)
    with pytest.raises(ProbabilityError, match=r"event 0 of Probs \(as P\) sums to 2"):
        plogq.cross_entropy(plogq.Probs(p), plogq.Logits(p))


def test_the_mass_of_large_rows_has_a_gradient() -> None:
    p = tf.fill([2, 1 << 20], 2.0**-20)
    with tf.GradientTape() as tape:
        tape.watch(p)
        loss = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(tf.zeros_like(p)))
    # The loss of every event is log K · mass, and the mean divides by the mass.
    np.testing.assert_allclose(tape.gradient(loss, p)[0, :3], 0.0, atol=1e-6)


def test_symbols_of_keras_are_no_arrays() -> None:
    keras = pytest.importorskip("keras")
    with pytest.raises(DtypeError, match="KerasTensor of Keras and no array"):
        plogq.Logits(keras.KerasTensor((None, 3)))


@pytest.mark.parametrize("equality", [True, False], ids=["elementwise", "identity"])
@pytest.mark.parametrize("kind", ["Labels", "Probs"])
def test_tensors_of_a_graph_of_tensorflow_1(kind: str, equality: bool) -> None:
    """A session runs the same nodes; there == of tensors compares identity."""
    p = tf.constant([[0.25, 0.5, 0.25], [0.0, 1.0, 0.0]])

    def slopes(z: Any, y: Any, p: Any) -> Any:
        target = plogq.Labels(y, ignore=-1) if kind == "Labels" else plogq.Probs(p)
        mean = plogq.cross_entropy(target, plogq.Logits(z))
        return tf.gradients(mean, [z, p] if kind == "Probs" else [z])

    want = tf.function(slopes)(Z, Y, p)
    if not equality:
        tf.compat.v1.disable_tensor_equality()
    try:
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            z = tf.compat.v1.placeholder(tf.float32, [None, 3])
            y = tf.compat.v1.placeholder(tf.int32, [None])
            q = tf.compat.v1.placeholder(tf.float32, [None, 3])
            got = session.run(slopes(z, y, q), {z: Z.numpy(), y: Y.numpy(), q: p.numpy()})
    finally:
        tf.compat.v1.enable_tensor_equality()
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
