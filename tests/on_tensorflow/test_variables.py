"""Variables are arrays like others: in P and Q, in compat, on a tape, eagerly and in a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq
from plogq.compat import tensorflow as compat

SCORES = [[1.0, 2.0, 3.0], [0.5, 1.0, -2.0]]
LABELS, SOFT = [2, 1], [[0.0, 0.25, 0.75], [0.0, 1.0, 0.0]]

CALLS: dict[str, Callable[[Any], Any]] = {
    "labels": lambda of: plogq.cross_entropy(plogq.Labels(of(LABELS)), plogq.Logits(of(SCORES))),
    "soft, weighted": lambda of: plogq.cross_entropy(
        plogq.Weighted(plogq.Probs(of(SOFT)), sample_weight=of([1.0, 2.0])),
        plogq.Logits(of(SCORES)),
    ),
    "yes/no": lambda of: plogq.cross_entropy(
        plogq.BinaryProbs(of(SOFT)), plogq.BinaryLogits(of(SCORES))
    ),
    "linear": lambda of: plogq.cross_entropy(
        plogq.Labels(of(LABELS)), plogq.LinearLogits(of(SCORES), of(SOFT * 2), of([0.0] * 4))
    ),
    "compat: sparse": lambda of: compat.sparse_softmax_cross_entropy_with_logits(
        labels=of(LABELS), logits=of(SCORES)
    ),
    "compat: soft": lambda of: compat.softmax_cross_entropy_with_logits(
        labels=of(SOFT), logits=of(SCORES)
    ),
    "compat: yes/no": lambda of: compat.sigmoid_cross_entropy_with_logits(
        labels=of(SOFT), logits=of(SCORES)
    ),
    "compat: weighted": lambda of: compat.weighted_cross_entropy_with_logits(
        labels=of(SOFT), logits=of(SCORES), pos_weight=of(2.0)
    ),
}


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("call", CALLS)
def test_variables_are_arrays(call: str, graph: bool) -> None:
    found: list[tuple[Any, Any]] = []
    for make in (tf.constant, tf.Variable):
        held: list[tuple[Any, Any]] = []

        def given(x: Any, make: Any = make, held: Any = held) -> Any:
            # One and the same variable for the same values, made outside the graph.
            known = next((v for value, v in held if value == x), None)
            if known is None:
                known = make(x)
                held.append((x, known))
            return known

        CALLS[call](given)

        def run(given: Any = given) -> Any:
            with tf.GradientTape() as tape:
                scores = given(SCORES)
                tape.watch(scores)
                loss = tf.reduce_sum(CALLS[call](given))
            return loss, tape.gradient(loss, scores)

        found.append((tf.function(run) if graph else run)())
    for ours, right in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-6)


def test_a_variable_is_read_when_p_or_q_is_made() -> None:
    scores = tf.Variable(SCORES)
    q = plogq.Logits(scores)
    before = plogq.cross_entropy(plogq.Labels(tf.constant(LABELS)), q)
    scores.assign(tf.zeros_like(scores))
    assert plogq.cross_entropy(plogq.Labels(tf.constant(LABELS)), q) == before
    now = plogq.cross_entropy(plogq.Labels(tf.constant(LABELS)), plogq.Logits(scores))
    np.testing.assert_allclose(now, np.log(3), rtol=1e-6)
