"""Mass 0 takes an event out of everything, in TensorFlow: eagerly, in graphs and in tapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq

from ..spoiled import Spoilt, pairs
from .tensors import Call, by, traced

# A graph is made for each, so one way to weigh is taken of each pair, and all ways of one.
CASES = [
    c
    for i, c in enumerate(pairs(np.float64))
    if c.name.startswith(("ignored", "class of weight 0-one-hot")) or i % 3 == 1
]


def slopes(p: Any, q: Any, way: str, **options: Any) -> tuple[Any, list[Any]]:
    call = Call(p, q)
    count = len(call.of_q)

    def run(*given: Any) -> Any:
        with by(way), tf.GradientTape() as tape:
            tape.watch(given[-count:])
            loss = plogq.cross_entropy(*call.pair(given), **options)
        return loss, tape.gradient(loss, list(given[-count:]))

    loss, gradients = traced(way, run, *call.inputs, unknown=False)
    return float(loss), [np.asarray(g) for g in gradients]


@pytest.mark.parametrize("way", ["cpu", "formula", "graph"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_events_without_mass_change_nothing(case: Spoilt, way: str) -> None:
    options = {"z_loss": 0.1} if "Logits" in case.name else {}
    loss, found = slopes(case.p, case.q, way, **options)
    right, expected = slopes(case.kept_p, case.kept_q, way, **options)
    np.testing.assert_allclose(loss, right, rtol=1e-10)
    for g, other in zip(found, expected, strict=True):
        if g.shape != other.shape:
            assert not g[case.out].any()
            g = g[~case.out]
        np.testing.assert_allclose(g, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("way", ["cpu", "formula", "graph"])
def test_subnormal_probabilities_of_16_bits_have_their_mass(way: str) -> None:
    """TensorFlow's threads take numbers below the normal ones for 0."""
    p = tf.constant(np.full((2, 20_000), 1 / 20_000, np.float16))
    z = tf.zeros((2, 20_000))
    mass = float(np.float16(1 / 20_000)) * 20_000

    def losses(p: Any, z: Any) -> Any:
        with by(way):
            return plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z), reduction="none")

    found = traced(way, losses, p, z)
    np.testing.assert_allclose(np.asarray(found), mass * np.log(20_000), rtol=1e-5)


def test_a_graph_looks_at_no_label_that_weighs_nothing() -> None:
    @tf.function
    def loss(y: Any, w: Any, z: Any) -> Any:
        p = plogq.Weighted(plogq.Labels(y), sample_weight=w)
        return plogq.cross_entropy(p, plogq.Logits(z))

    y, z = tf.constant([0, 7]), tf.zeros((2, 3))
    np.testing.assert_allclose(loss(y, tf.constant([1.0, 0.0]), z), np.log(3), rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="LabelError"):
        loss(y, tf.constant([1.0, 1e-30]), z)
