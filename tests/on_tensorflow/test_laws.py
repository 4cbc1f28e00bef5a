"""Laws that hold for every representation on TensorFlow's tensors, and NumPy's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import plogq

from .. import bounds, makers
from .tensors import Call

drawn = st.tuples(st.integers(0, 2**31), st.integers(1, 6), st.integers(2, 9))


def losses(p: Any, q: Any) -> Any:
    return plogq.cross_entropy(p, q, reduction="none")


def data(seed: int, n: int, k: int) -> tuple[Any, Any, Any]:
    """Labels, rows of probabilities, and scores that are multiples of 1/8."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(-64, 65, (n, k)) / 8
    each = rng.integers(0, k, n), rng.dirichlet(np.ones(k), n), scores
    return tuple(map(tf.constant, each))


def close(got: Any, want: Any, off: float = 1e-12) -> None:
    np.testing.assert_allclose(got, want, rtol=off, atol=off)


@given(drawn, st.integers(-(2**20), 2**20))
def test_shifting_all_scores_changes_nothing(drawn: tuple[int, int, int], shift: int) -> None:
    y, p, z = data(*drawn)
    for target in (plogq.Labels(y), plogq.Probs(p)):
        moved = losses(target, plogq.Logits(z + shift))
        assert np.array_equal(moved, losses(target, plogq.Logits(z)))


@given(drawn)
def test_an_index_is_its_one_hot_row(drawn: tuple[int, int, int]) -> None:
    y, _, z = data(*drawn)
    want = losses(plogq.Labels(y), plogq.Logits(z))
    one_hot = tf.one_hot(y, drawn[2], dtype=tf.float64)
    close(losses(plogq.Probs(one_hot), plogq.Logits(z)), want)
    sparse = plogq.SparseProbs(y[:, None], tf.ones([drawn[1], 1], tf.float64))
    close(losses(sparse, plogq.Logits(z)), want)


@given(drawn)
def test_gibbs_inequality_and_entropy(drawn: tuple[int, int, int]) -> None:
    _, p, z = data(*drawn)
    entropy = plogq.entropy(plogq.Probs(p), reduction="none")
    close(losses(plogq.Probs(p), plogq.Probs(p)), entropy)
    assert np.all(losses(plogq.Probs(p), plogq.Logits(z)) >= entropy - 1e-14)


@given(drawn, st.floats(0, 1))
def test_the_gradient_is_mass_q_less_p(drawn: tuple[int, int, int], epsilon: float) -> None:
    y, p, z = data(*drawn)
    one_hot, k = tf.one_hot(y, drawn[2], dtype=tf.float64), drawn[2]
    w = tf.reduce_sum(p**2, -1)
    for target, masses in (
        (plogq.Labels(y), one_hot),
        (plogq.Probs(p), p),
        (plogq.Smoothed(plogq.Labels(y), epsilon), (1 - epsilon) * one_hot + epsilon / k),
        (plogq.Weighted(plogq.Probs(p), sample_weight=w), w[:, None] * p),
    ):
        with tf.GradientTape() as tape:
            tape.watch(z)
            total = tf.reduce_sum(losses(target, plogq.Logits(z)))
        whole = tf.reduce_sum(masses, -1, keepdims=True)
        close(tape.gradient(total, z), whole * tf.nn.softmax(z) - masses)


PAIRS = [
    *((p, q) for p in makers.TARGETS for q in makers.STORED),
    *((p, q) for p in makers.BINARY_TARGETS for q in makers.BINARY_PREDICTIONS),
]


@settings(max_examples=40)
@given(
    st.sampled_from(PAIRS),
    st.sampled_from(bounds.DTYPES),
    st.sampled_from([(3,), (2, 3), (), (70,)]),
    st.sampled_from([2, 5, 150]),
    st.integers(0, 2**31),
)
def test_the_kernel_gives_the_bits_that_it_gives_for_numpy(
    pair: tuple[str, str], dtype: Any, events: tuple[int, ...], classes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    binary = pair[0].startswith("Binary")
    targets = makers.BINARY_TARGETS if binary else makers.TARGETS
    predictions = makers.BINARY_PREDICTIONS if binary else makers.STORED
    p = targets[pair[0]](rng, events, classes, dtype).target
    q = predictions[pair[1]](rng, events, classes, dtype).prediction
    if plogq.explain(p, q).chosen == "formula":
        return
    call = Call(p, q)
    with tf.GradientTape() as tape:
        tape.watch(call.inputs[-1])
        each = call.loss(*call.inputs, reduction="none")
    slope = tape.gradient(each, call.inputs[-1])
    _, grad = plogq.value_and_grad(p, q, reduction="none")
    want = np.asarray(plogq.cross_entropy(p, q, reduction="none"))
    assert np.asarray(each).tobytes() == want.tobytes()
    name = next(n for n in ("scores", "log_probs", "probs") if hasattr(grad, n))
    assert np.asarray(slope).tobytes() == np.ascontiguousarray(getattr(grad, name)).tobytes()
