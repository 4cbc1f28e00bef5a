"""Variables of Keras, and of TensorFlow, wherever an array may be: they are arrays like others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import plogq
import plogq.compat.keras as ours
from plogq import (
    BinaryLogits,
    BinaryProbs,
    Labels,
    LinearLogits,
    Logits,
    Probs,
    Weighted,
    cross_entropy,
)

from .backend import BACKEND, array, tensor

Y, W = np.array([0, 2], np.int32), np.array([1.0, 2.0], np.float32)
Q = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)
P = np.eye(3, dtype=np.float32)[Y]
Z = np.log(Q)
B, S = np.array([[1.0], [0.0]], np.float32), np.array([[0.7], [0.4]], np.float32)


def variable(x: Any) -> Any:
    x = np.asarray(x)
    return keras.Variable(x, dtype=str(x.dtype), trainable=x.dtype.kind == "f")


KINDS: dict[str, Callable[[Any], Any]] = {"keras": variable}
if BACKEND == "tensorflow":
    import tensorflow as tf

    KINDS["tensorflow"] = tf.Variable
every_kind = pytest.mark.parametrize("kind", KINDS)


def metric(name: str) -> Callable[..., Any]:
    def updated(*given: Any) -> Any:
        made = getattr(ours.metrics, name)()
        made.update_state(*given)
        return made.result()

    return updated


CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **{
        name: (lambda *xs, name=name: getattr(ours, name)()(*xs), given)
        for name, given in (
            ("BinaryCrossentropy", (B, S, W)),
            ("BinaryFocalCrossentropy", (B, S, W)),
            ("CategoricalCrossentropy", (P, Q, W)),
            ("CategoricalFocalCrossentropy", (P, Q, W)),
            ("SparseCategoricalCrossentropy", (Y, Q, W)),
            ("KLDivergence", (P, Q, W)),
        )
    },
    **{
        name: (lambda *xs, name=name: getattr(ours, name)(*xs), given)
        for name, given in (
            ("binary_crossentropy", (B, S)),
            ("binary_focal_crossentropy", (B, S)),
            ("categorical_crossentropy", (P, Q)),
            ("categorical_focal_crossentropy", (P, Q)),
            ("sparse_categorical_crossentropy", (Y, Q)),
            ("kl_divergence", (P, Q)),
        )
    },
    **{
        f"metrics.{name}": (metric(name), given)
        for name, given in (
            ("BinaryCrossentropy", (B, S, W)),
            ("CategoricalCrossentropy", (P, Q, W)),
            ("SparseCategoricalCrossentropy", (Y, Q, W)),
            ("KLDivergence", (P, Q, W)),
        )
    },
    "alpha": (lambda a: ours.categorical_focal_crossentropy(P, Q, alpha=a), (W[[0, 1, 1]],)),
    "labels": (lambda y, z: cross_entropy(Labels(y), Logits(z)), (Y, Z)),
    "a gradient": (lambda y, z: plogq.value_and_grad(Labels(y), Logits(z))[1].scores, (Y, Z)),
    "sample weights": (
        lambda y, w, z: cross_entropy(Weighted(Labels(y), sample_weight=w), Logits(z)),
        (Y, W, Z),
    ),
    "class weights": (
        lambda y, w, z: cross_entropy(Weighted(Labels(y), class_weight=w), Logits(z)),
        (Y, W[[0, 1, 1]], Z),
    ),
    "a pair of weights": (
        lambda b, w, s: cross_entropy(Weighted(BinaryProbs(b), class_weight=w), BinaryLogits(s)),
        (B, W, S),
    ),
    "a normalizer": (
        lambda y, z, n: cross_entropy(Labels(y), Logits(z), normalizer=n),
        (Y, Z, np.float32(3.0)),
    ),
    "hidden states": (
        lambda y, h, w, b: cross_entropy(Labels(y), LinearLogits(h, w, b)),
        (Y, np.eye(2, 4, dtype=np.float32), np.eye(3, 4, dtype=np.float32), Q[0]),
    ),
    "a divergence": (lambda p, z: plogq.kl_divergence(Probs(p), Logits(z)), (P, Z)),
    "an entropy": (lambda p: plogq.entropy(Probs(p)), (Q,)),
    "focal": (plogq.focal, (W,)),
    "a helper": (plogq.sparse_softmax_cross_entropy, (Y, Z)),
}


@every_kind
@pytest.mark.parametrize("name", CALLS)
def test_a_variable_is_what_it_holds(name: str, kind: str) -> None:
    call, given = CALLS[name]
    want = array(call(*map(tensor, given)))
    for place in range(len(given)):
        mixed = [KINDS[kind](x) if i == place else tensor(x) for i, x in enumerate(given)]
        np.testing.assert_allclose(array(call(*mixed)), want, rtol=1e-6, atol=1e-7)
    whole = [KINDS[kind](x) for x in given]
    np.testing.assert_allclose(array(call(*whole)), want, rtol=1e-6, atol=1e-7)


if BACKEND == "tensorflow":

    @every_kind
    @pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
    def test_a_gradient_flows_to_a_variable(graph: bool, kind: str) -> None:
        losses: tuple[Callable[[Any], Any], ...] = (
            lambda v: cross_entropy(Labels(tf.constant(Y)), Logits(v)),
            lambda v: ours.SparseCategoricalCrossentropy(from_logits=True)(Y, v),
        )
        z = tf.constant(Z)
        for loss in losses:
            # Given as an argument, a variable of Keras would be a constant to tf.function.
            got = _slopes(loss, KINDS[kind](Z), graph)
            with tf.GradientTape() as tape:
                tape.watch(z)
                value = loss(z)
            np.testing.assert_allclose(got, tape.gradient(value, z), rtol=1e-6)

    def _slopes(loss: Callable[[Any], Any], v: Any, graph: bool) -> Any:
        def slopes() -> Any:
            with tf.GradientTape() as tape:
                value = loss(v)
            return tape.gradient(value, v if isinstance(v, tf.Variable) else v.value)

        return (tf.function(slopes) if graph else slopes)()


if BACKEND == "torch":

    def test_a_gradient_flows_to_a_variable_of_keras() -> None:
        for loss in (
            lambda v: cross_entropy(Labels(tensor(Y)), Logits(v)),
            lambda v: ours.SparseCategoricalCrossentropy(from_logits=True)(Y, v),
        ):
            v = variable(Z)
            loss(v).backward()
            leaf = tensor(Z).clone().requires_grad_()
            loss(leaf).backward()
            np.testing.assert_allclose(array(v.value.grad), array(leaf.grad), rtol=1e-6)
