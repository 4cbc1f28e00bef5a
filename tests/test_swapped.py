"""P and Q in the order of another library: named as such, in every framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq
from plogq import BinaryProbs, Labels, Logits, PairError, ProbabilityError, Probs

from .together import for_each

Z = np.array([[2.0, -1.0, 0.5], [0.1, 0.2, -3.0]])
Q = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
Y = np.array([0, 2])
HOT = np.eye(3)[Y]
MAKE: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": torch.tensor,
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
}
every = for_each("framework", MAKE)
HELPERS = {
    "binary_cross_entropy": (Q, HOT, "(y, q)"),
    "sigmoid_cross_entropy": (Z, HOT, ""),
    "categorical_cross_entropy": (Q, HOT, "(p, q)"),
    "softmax_cross_entropy": (Z, HOT, ""),
    "sparse_categorical_cross_entropy": (Q, Y, "(y, q)"),
    "sparse_softmax_cross_entropy": (Z, Y, "(y, z)"),
}


@every
@for_each("helper", HELPERS)
def test_a_helper_in_the_order_of_pytorch(helper: str, framework: str) -> None:
    prediction, target, order = HELPERS[helper]
    make = MAKE[framework]
    call = getattr(plogq, helper)
    with pytest.raises((PairError, ProbabilityError)) as caught:
        call(make(prediction), make(target))
    text = str(caught.value)
    assert "P and Q look swapped" in text or "swap the two if this is the prediction" in text
    assert f"{helper}{order}" in text or not order
    assert np.isfinite(np.asarray(call(make(target), make(prediction)))).all()


@every
def test_a_target_of_integers_on_the_wrong_side(framework: str) -> None:
    make = MAKE[framework]
    with pytest.raises(PairError, match=r"swapped.* as in binary_cross_entropy\(y, q\)"):
        plogq.binary_cross_entropy(make(Q), make(HOT.astype(int)))


@every
def test_raw_arrays_and_types_in_the_order_of_pytorch(framework: str) -> None:
    make = MAKE[framework]
    for p, q in ((make(Z), make(Y)), (Logits(make(Z)), Labels(make(Y)))):
        for function in (plogq.cross_entropy, plogq.value_and_grad, plogq.kl_divergence):
            with pytest.raises(PairError, match=r"look swapped: plogq takes what is true first"):
                function(p, q)
    with pytest.raises(PairError) as caught:
        plogq.cross_entropy(make(Y), make(Z))
    assert "swapped" not in str(caught.value)


def test_an_infinite_loss_that_is_meant() -> None:
    """A hard prediction of a soft target costs ∞, and the types say that it is meant."""
    p, q = np.array([0.5, 1.0]), np.array([1.0, 1.0])
    with pytest.raises(PairError, match=r"write cross_entropy\(BinaryProbs\(y\), BinaryProbs\(q\)"):
        plogq.binary_cross_entropy(p, q)
    assert plogq.cross_entropy(BinaryProbs(p), BinaryProbs(q)) == np.inf
    assert plogq.cross_entropy(Probs(Q), Probs(HOT)) == np.inf
    # Hard targets, and predictions that are not all hard, cost ∞ without a word.
    assert plogq.binary_cross_entropy([1.0, 0.0], [0.0, 0.0]) == np.inf
    assert plogq.binary_cross_entropy([0.5, 0.0], [0.0, 0.5]) == np.inf
    with plogq.validation("off"):
        assert plogq.binary_cross_entropy(p, q) == np.inf


@every
def test_rows_of_several_ones_are_yes_and_no(framework: str) -> None:
    make = MAKE[framework]
    several = make(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]]))
    with pytest.raises(ProbabilityError, match=r"all 0 and 1 and sums to 2: several .*BinaryProbs"):
        plogq.cross_entropy(Probs(several), Logits(make(Z)))
