"""Gradients of every array of P and Q, again and again: against float64 textbook formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq

from .. import makers
from .tensors import EAGER, WAYS, Call, by, traced

_WRAPPERS = ("plain", "both_weights", "class_weight>smoothed")
PAIRS = [
    *((f"{p}-{w}", "Logits") for p in makers.BASES for w in _WRAPPERS),
    ("Labels-smoothed>both_weights>smoothed", "Logits(softcap)"),
    *((p, q) for p in ("Labels-both_weights", "Probs-plain") for q in list(makers.STORED)[1:]),
    ("SparseProbs-smoothed", "Probs"),
    *((f"BinaryProbs(soft)-{w}", "BinaryLogits") for w in _WRAPPERS),
    ("BinaryProbs(bool)-both_weights", "BinaryLogits"),
    ("BinaryProbs(soft)-both_weights", "BinaryProbs"),
    ("Probs-class_weight>smoothed", "LinearLogits(bias)"),
    ("SparseProbs-both_weights", "LinearLogits(softcap)"),
]
RECORDED = [PAIRS[i] for i in (1, 7, 20)]
CASES = [
    *((*pair, way) for pair in PAIRS for way in ("cpu", "formula")),
    *((*pair, ("graph", "xla")[i % 2]) for i, pair in enumerate([*RECORDED, RECORDED[0]])),
]
cases = pytest.mark.parametrize(("p", "q", "way"), CASES)


def call_of(p: str, q: str) -> Call:
    rng = np.random.default_rng(len(p) * 31 + len(q))
    targets = makers.BINARY_TARGETS if p.startswith("Binary") else makers.TARGETS
    predictions = makers.BINARY_PREDICTIONS if q.startswith("Binary") else makers.PREDICTIONS
    target = targets[p](rng, (3,), 3, np.dtype(np.float64)).target
    prediction = predictions[q](rng, (3,), 3, np.dtype(np.float64)).prediction
    for name in ("scores",):
        if hasattr(prediction, name):
            # Scores this near to one another leave every derivative far from 0.
            setattr(prediction, name, 0.3 * getattr(prediction, name))
    return Call(target, prediction)


def plainly(call: Call, *given: Any) -> Any:
    """The same losses as a textbook has them, for TensorFlow to differentiate step by step."""
    p, q = call.pair(given)
    costs = costs_of(q)
    return tf.reduce_sum(dense(p, costs) * costs, -1)


def costs_of(q: Any) -> Any:
    if isinstance(q, plogq.BinaryLogits):
        return tf.stack([tf.nn.softplus(q.scores), tf.nn.softplus(-q.scores)], -1)
    if isinstance(q, plogq.BinaryProbs):
        return tf.stack([-tf.math.log1p(-q.probs), -tf.math.log(q.probs)], -1)
    if isinstance(q, plogq.LogProbs):
        return -q.log_probs
    if isinstance(q, plogq.Probs):
        return -tf.math.log(q.probs)
    linear = isinstance(q, plogq.LinearLogits)
    scores = tf.matmul(q.hidden, q.weight, transpose_b=True) if linear else q.scores
    scores = scores if getattr(q, "bias", None) is None else scores + q.bias
    return -tf.nn.log_softmax(
        scores if q.softcap is None else q.softcap * tf.tanh(scores / q.softcap)
    )


def dense(p: Any, like: Any) -> Any:
    """P as a row of masses per event, whatever wraps it."""
    if isinstance(p, plogq.Labels):
        return tf.one_hot(p.index, like.shape[-1], dtype=like.dtype)
    if isinstance(p, plogq.SparseProbs):
        each = tf.one_hot(p.index, like.shape[-1], dtype=like.dtype)
        return tf.reduce_sum(each * p.probs[..., None], -2)
    if isinstance(p, plogq.Probs):
        return p.probs
    if isinstance(p, plogq.BinaryProbs):
        y = tf.cast(p.probs, like.dtype)
        return tf.stack([1 - y, y], -1)
    inner = dense(p.target, like)
    if hasattr(p, "epsilon"):
        whole = tf.reduce_sum(inner, -1, keepdims=True)
        return (1 - p.epsilon) * inner + p.epsilon / like.shape[-1] * whole
    by_class = p.class_weight
    if isinstance(by_class, tuple):
        by_class = tf.constant(by_class, like.dtype)
    inner = inner if by_class is None else inner * by_class
    return inner if p.sample_weight is None else inner * p.sample_weight[..., None]


def float_inputs(call: Call, given: Any) -> list[Any]:
    return [given[i] for i in call.floats]


def close(got: Any, want: Any) -> None:
    for (
        a,
        b,
    ) in zip(got, want, strict=True):
        b = np.zeros(a.shape) if b is None else np.asarray(b)
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-9, atol=1e-11)


# The derivatives of the derivatives are step by step by either way, so each pair goes by one.
SECOND = [case for i, case in enumerate(CASES) if case[2] not in EAGER or (i // 2 + i) % 2]


@cases
def test_gradients_are_those_of_the_textbook(p: str, q: str, way: str) -> None:
    """With respect to every floating-point array of P and Q, events weighed differently."""
    call = call_of(p, q)
    weight = tf.constant([1.0, -0.5, 2.0], tf.float64)

    def slopes(loss: Any) -> Any:
        def run(*given: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(float_inputs(call, given))
                total = tf.reduce_sum(weight * loss(*given))
            zero = tf.UnconnectedGradients.ZERO
            return tape.gradient(total, float_inputs(call, given), unconnected_gradients=zero)

        return run

    with by(way):
        got = traced(way, slopes(lambda *x: call.loss(*x, reduction="none")), *call.inputs)
    close(got, slopes(lambda *x: plainly(call, *x))(*call.inputs))


@pytest.mark.parametrize(
    ("p", "q", "way", "dtype"),
    [(*pair, way, ("float32", "bfloat16")[(i + j) % 2])
     for i, pair in enumerate(PAIRS) for j, way in enumerate(("cpu", "formula"))],
)  # fmt: skip
def test_gradients_of_narrower_dtypes(p: str, q: str, way: str, dtype: str) -> None:
    """Every array's gradient has its own dtype, and is near the one in float64.

    Each pair goes one way in float32 and the other in bfloat16.
    """
    call = call_of(p, q)
    narrow = [tf.cast(x, dtype) if x.dtype.is_floating else x for x in call.inputs]
    wide = [tf.cast(x, tf.float64) if x.dtype.is_floating else x for x in narrow]

    def slopes(given: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(float_inputs(call, given))
            loss = call.loss(*given)
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(loss, float_inputs(call, given), unconnected_gradients=zero)

    with by(way):
        found, truth = slopes(narrow), slopes(wide)
    off = 1e-5 if dtype == "float32" else 0.02
    for g, t in zip(found, truth, strict=True):
        assert g.dtype == dtype
        np.testing.assert_allclose(np.asarray(tf.cast(g, tf.float64)), t, rtol=off, atol=off)


@pytest.mark.parametrize(("p", "q", "way"), SECOND)
def test_second_derivatives_are_those_of_the_textbook(p: str, q: str, way: str) -> None:
    """A Hessian-vector product over all arrays together, tape within tape."""
    call = call_of(p, q)
    rng = np.random.default_rng(5)
    along = [tf.constant(rng.normal(size=call.inputs[i].shape)) for i in call.floats]
    zero = tf.UnconnectedGradients.ZERO

    def product(loss: Any) -> Any:
        def run(*given: Any) -> Any:
            inputs = float_inputs(call, given)
            with tf.GradientTape() as outer:
                outer.watch(inputs)
                with tf.GradientTape() as inner:
                    inner.watch(inputs)
                    total = tf.reduce_sum(loss(*given) ** 2)
                first = inner.gradient(total, inputs, unconnected_gradients=zero)
                dot = sum(tf.reduce_sum(g * v) for g, v in zip(first, along, strict=True))
            return outer.gradient(dot, inputs, unconnected_gradients=zero)

        return run

    with by(way):
        got = traced(way, product(lambda *x: call.loss(*x, reduction="none")), *call.inputs)
    close(got, product(lambda *x: plainly(call, *x))(*call.inputs))


@pytest.mark.parametrize(
    ("p", "q", "way"),
    [(*pair, WAYS[(i + j) % 4]) for i, pair in enumerate(RECORDED) for j in (0, 2)],
)
def test_forward_accumulators(p: str, q: str, way: str) -> None:
    """Derivatives carried along with values, and a Hessian-vector product forward over back."""
    call = call_of(p, q)
    rng = np.random.default_rng(5)
    along = [tf.constant(rng.normal(size=call.inputs[i].shape)) for i in call.floats]

    def carried(loss: Any) -> Any:
        def run(*given: Any) -> Any:
            inputs = float_inputs(call, given)
            with tf.autodiff.ForwardAccumulator(inputs, along) as accumulator:
                with tf.GradientTape() as tape:
                    tape.watch(inputs)
                    total = tf.reduce_sum(loss(*given) ** 2)
                first = tape.gradient(total, inputs)
            return accumulator.jvp(total), *map(accumulator.jvp, first)

        return run

    want = carried(lambda *x: plainly(call, *x))(*call.inputs)
    with by(way):
        run = carried(lambda *x: call.loss(*x, reduction="none"))
        close(traced(way, run, *call.inputs, unknown=False), want)


def test_a_third_derivative_and_a_jacobian(way: str) -> None:
    call = call_of("Probs-both_weights", "Logits")

    def third(loss: Any) -> Any:
        def run(*given: Any) -> Any:
            z = given[-1]
            with tf.GradientTape() as a:
                a.watch(z)
                with tf.GradientTape() as b:
                    b.watch(z)
                    with tf.GradientTape() as c:
                        c.watch(z)
                        total = tf.reduce_sum(loss(*given) ** 2)
                    first = tf.reduce_sum(c.gradient(total, z) ** 2)
                second = tf.reduce_sum(b.gradient(first, z) ** 2)
            return (a.gradient(second, z),)

        return run

    def jacobian(loss: Any) -> Any:
        def run(*given: Any) -> Any:
            z = given[-1]
            with tf.GradientTape() as tape:
                tape.watch(z)
                each = loss(*given)
            return (tape.jacobian(each, z),)

        return run

    for made in (third, jacobian):
        with by(way):
            run = made(lambda *x: call.loss(*x, reduction="none"))
            got = traced(way, run, *call.inputs, unknown=False)
        close(got, made(lambda *x: plainly(call, *x))(*call.inputs))


@pytest.mark.parametrize("p", ["Labels-both_weights", "Probs-class_weight>smoothed"])
def test_the_mean_is_differentiated_through_its_mass(p: str, way: str) -> None:
    call = call_of(p, "Logits")

    def textbook(*given: Any) -> Any:
        target, prediction = call.pair(given)
        costs = costs_of(prediction)
        masses = dense(target, costs)
        return tf.reduce_sum(masses * costs) / tf.reduce_sum(masses)

    def slopes(loss: Any) -> Any:
        def run(*given: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(float_inputs(call, given))
                found = loss(*given)
            return tape.gradient(found, float_inputs(call, given))

        return run

    with by(way):
        got = traced(way, slopes(call.loss), *call.inputs)
    close(got, slopes(textbook)(*call.inputs))


def test_z_loss_log_z_and_divergence_have_gradients(way: str) -> None:
    call = call_of("Probs-plain", "Logits")

    def slopes(losses: Any) -> Any:
        def run(*given: Any) -> Any:
            z = given[-1]
            with tf.GradientTape() as outer:
                outer.watch(z)
                with tf.GradientTape() as tape:
                    tape.watch(z)
                    total = tf.reduce_sum(losses(*given))
                first = tape.gradient(total, z)
                squares = tf.reduce_sum(first**2)
            return first, outer.gradient(squares, z)

        return run

    def ours(p: Any, z: Any) -> Any:
        pair = plogq.Probs(p), plogq.Logits(z)
        loss = plogq.cross_entropy(*pair, reduction="none", z_loss=0.25)
        return loss + plogq.log_normalizer(pair[1]) + plogq.kl_divergence(*pair, reduction="none")

    def textbook(p: Any, z: Any) -> Any:
        loss, log_z = -tf.reduce_sum(p * tf.nn.log_softmax(z), -1), tf.reduce_logsumexp(z, -1)
        return 2 * loss + 0.25 * tf.reduce_sum(p, -1) * log_z**2 + log_z

    with by(way):
        got = traced(way, slopes(ours), *call.inputs)
    close(got, slopes(textbook)(*call.inputs))


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_a_gradient_has_its_inputs_dtype(dtype: Any, way: str) -> None:
    def run(p: Any, z: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([p, z])
            loss = plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z))
        return loss, *tape.gradient(loss, [p, z])

    z, p = tf.cast(tf.random.normal([3, 4]), dtype), tf.fill([3, 4], 0.25)
    with by(way):
        loss, of_p, of_z = traced(way, run, p, z)
    assert loss.dtype == (tf.float64 if dtype == tf.float64 else tf.float32)
    assert of_p.dtype == tf.float32
    assert of_z.dtype == dtype


def test_variables_learn(way: str) -> None:
    """A model's variables, in a step that a tf.function may hold: the loss goes down."""
    tf.random.set_seed(0)
    x, y = tf.random.normal([64, 5]), tf.random.uniform([64], 0, 3, tf.int32)
    weight, bias = tf.Variable(tf.random.normal([3, 5])), tf.Variable(tf.zeros([3]))

    def step() -> Any:
        with tf.GradientTape() as tape:
            q = plogq.LinearLogits(x, weight, bias)
            loss = plogq.cross_entropy(plogq.Smoothed(plogq.Labels(y), 0.1), q)
        for v, g in zip((weight, bias), tape.gradient(loss, (weight, bias)), strict=True):
            v.assign_sub(0.5 * g)
        return loss

    if way in ("graph", "xla"):
        step = tf.function(step, jit_compile=way == "xla")
    with by(way):
        losses = [float(step()) for _ in range(15)]
    assert losses[-1] < losses[0] - 0.05


def test_a_variable_may_be_the_scores_themselves(way: str) -> None:
    scores = tf.Variable(tf.zeros([2, 4]))

    def run() -> Any:
        with tf.GradientTape() as tape:
            loss = plogq.cross_entropy(plogq.Labels(tf.constant([1, 2])), plogq.Logits(scores))
        return tape.gradient(loss, scores)

    with by(way):
        got = traced(way, run)
    want = np.full((2, 4), 0.125)
    want[0, 1] = want[1, 2] = -0.375
    np.testing.assert_allclose(got, want, rtol=1e-6)
