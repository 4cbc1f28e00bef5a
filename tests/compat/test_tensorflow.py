"""plogq.compat.tensorflow against the installed TensorFlow: values, gradients, dtypes, errors."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import tensorflow as tf

import plogq
import plogq.compat.tensorflow as ours

from ..together import for_each

rng = np.random.default_rng(7)
Z = rng.normal(size=(4, 3)).astype(np.float32)
P = rng.dirichlet(np.ones(3), 4).astype(np.float32)
U = rng.random((4, 3)).astype(np.float32)
Y = np.array([0, 2, 1, 2])
v1 = tf.compat.v1

# Ours and theirs, floating arguments that are differentiated, and the others.
Case = tuple[str, Any, Any, tuple[Any, ...], dict[str, Any]]
MODES: dict[str, Callable[[Any], Any]] = {
    "eager": lambda f: f,
    "graph": tf.function,
    "xla": lambda f: tf.function(f, jit_compile=True),
}


def case(name: str, *arguments: Any, **options: Any) -> Any:
    """The function of this dotted name, on both sides, with these arguments."""
    mine, theirs = ours, (tf if name.startswith("compat") else tf.nn)
    for part in name.split("."):
        mine, theirs = getattr(mine, part), getattr(theirs, part)
    said = ", ".join(f"{k}={v}" for k, v in options.items() if not isinstance(v, np.ndarray))
    return pytest.param(mine, theirs, arguments, options, id=f"{name}({said})")


SOFT, SPARSE = "softmax_cross_entropy_with_logits", "sparse_softmax_cross_entropy_with_logits"
SIGMOID = "sigmoid_cross_entropy_with_logits"
WEIGHTED = "weighted_cross_entropy_with_logits"
LOSSES = "compat.v1.losses."
W = np.array([[1.0], [0.0], [2.0], [0.5]], np.float32)
REDUCTIONS = sorted(set(v1.losses.Reduction.all()))

CASES = [
    case(SOFT, P, Z),
    case(SOFT, U, Z),
    case(SOFT, -U, Z),
    case(SOFT, P.T, Z.T, axis=0),
    case(SOFT, P.reshape(2, 2, 3), Z.reshape(2, 2, 3), axis=1),
    case(SOFT, U[:, :1], Z[:, :1]),
    case(SOFT, P[0], Z[0]),
    case(SOFT, P[:0], Z[:0]),
    case(f"compat.v1.nn.{SOFT}", P, Z, dim=-1),
    case(f"compat.v1.nn.{SOFT}", U, Z),
    case(SPARSE, Y, Z),
    case(SPARSE, Y.astype(np.int32), Z),
    case(SPARSE, Y.reshape(2, 2), Z.reshape(2, 2, 3)),
    case(SPARSE, np.int64(1), Z[0]),
    case(SPARSE, np.zeros(4, int), Z[:, :1]),
    case(SPARSE, Y[:0], Z[:0]),
    case(SIGMOID, U, Z),
    case(SIGMOID, 3 * U - 1, 9 * Z),
    case(SIGMOID, np.float32(0.5), np.float32(2.0)),
    case(WEIGHTED, U, Z, 3.0),
    case(WEIGHTED, U, Z, np.float32(0.25)),
    case(WEIGHTED, U, Z, np.array([1.0, 0.0, 3.0], np.float32)),
    case(WEIGHTED, 3 * U - 1, Z, U + 1),
    *(case(LOSSES + "softmax_cross_entropy", P, Z, weights=W[:, 0], reduction=r)
      for r in REDUCTIONS),
    case(LOSSES + "softmax_cross_entropy", U, Z, label_smoothing=0.1),
    case(LOSSES + "softmax_cross_entropy", P, Z, weights=0.0),
    *(case(LOSSES + "sigmoid_cross_entropy", U, Z, weights=W, reduction=r) for r in REDUCTIONS),
    case(LOSSES + "sigmoid_cross_entropy", U, Z, label_smoothing=0.2),
    case(LOSSES + "sparse_softmax_cross_entropy", Y, Z),
    case(LOSSES + "sparse_softmax_cross_entropy", Y[:, None], Z, weights=W),
    case(LOSSES + "log_loss", P, U),
    case(LOSSES + "log_loss", P, U, weights=W, epsilon=0.01, reduction="none"),
    case(LOSSES + "log_loss", np.array([1.0, 0.0]), np.array([0.0, 1.0])),
]  # fmt: skip
KINDS = [np.float64, np.float32, np.float16, tf.bfloat16.as_numpy_dtype]


def run(f: Any, arguments: Any, options: Any, mode: str) -> tuple[Any, list[Any]]:
    """What f returns, and the gradients of its floating arguments for different upstreams."""
    given = [x if isinstance(x, float) else tf.constant(x) for x in arguments]

    def both(*given: Any) -> Any:
        floats = [x for x in given if isinstance(x, tf.Tensor) and x.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(floats)
            loss = f(*given, **options)
            scale = tf.reshape(tf.range(1, tf.size(loss) + 1), tf.shape(loss))
            total = tf.reduce_sum(loss * tf.cast(scale, loss.dtype))
        return loss, [g for g in tape.gradient(total, floats) if g is not None]

    return MODES[mode](both)(*given)


@for_each("mode", ["eager", "graph"])
@for_each(("mine", "theirs", "arguments", "options"), CASES)
def test_values_and_gradients(
    mine: Any, theirs: Any, arguments: Any, options: Any, mode: str
) -> None:
    want, slopes = run(theirs, arguments, options, mode)
    got, ours_slopes = run(mine, arguments, options, mode)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)
    assert len(slopes) == len(ours_slopes)
    for a, b in zip(ours_slopes, slopes, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@pytest.mark.slow
@for_each(("mine", "theirs", "arguments", "options"), CASES[::4])
def test_the_same_under_xla(mine: Any, theirs: Any, arguments: Any, options: Any) -> None:
    want, slopes = run(theirs, arguments, options, "xla")
    got, ours_slopes = run(mine, arguments, options, "xla")
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6)
    for a, b in zip(ours_slopes, slopes, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@for_each("kind", KINDS, ids=lambda k: np.dtype(k).name)
def test_dtypes_are_tensorflows(kind: Any) -> None:
    """Half precision is computed in float32 and rounded once."""
    z, p = Z.astype(kind), P.astype(kind)
    tolerance = {2: 1e-2, 4: 1e-5, 8: 1e-5}[np.dtype(kind).itemsize]
    for mine, theirs, arguments in (
        (getattr(ours, SOFT), getattr(tf.nn, SOFT), (p, z)),
        (getattr(ours, SOFT), getattr(tf.nn, SOFT), (P, z)),
        (getattr(ours, SPARSE), getattr(tf.nn, SPARSE), (Y, z)),
        (getattr(ours, SIGMOID), getattr(tf.nn, SIGMOID), (p, z)),
        (getattr(ours, WEIGHTED), getattr(tf.nn, WEIGHTED), (p, z, 2.0)),
        (ours.compat.v1.losses.softmax_cross_entropy, v1.losses.softmax_cross_entropy, (P, z)),
        (ours.compat.v1.losses.log_loss, v1.losses.log_loss, (p, p)),
    ):
        got, want = mine(*arguments), theirs(*arguments)
        assert got.dtype == want.dtype
        a, b = (np.asarray(tf.cast(x, tf.float64)) for x in (got, want))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@for_each(
    ("name", "arguments", "options"),
    [
        (SOFT, (P, Z[:, :2]), {}),
        (SOFT, (P[:3], Z), {}),
        (SPARSE, (None, Z), {}),
        (SPARSE, (Y, np.float32(1.0)), {}),
        (SPARSE, (Y[None], Z), {}),
        (SPARSE, (Y[:3], Z), {}),
        (SPARSE, (np.array([0, 1, 2, 3]), Z), {}),
        (SPARSE, (np.array([0, -1, 2, 1]), Z), {}),
        (SPARSE, (np.array([0, 1, 0, 0]), Z[:, :1]), {}),
        (f"compat.v1.nn.{SOFT}", (P, Z), {"axis": -1}),
        (SIGMOID, (P, None), {}),
        (SIGMOID, (P[:3], Z), {}),
        (SIGMOID, (P.astype(np.float64), Z), {}),
        (WEIGHTED, (P[:3], Z, 1.0), {}),
        (LOSSES + "softmax_cross_entropy", (None, Z), {}),
        (LOSSES + "softmax_cross_entropy", (P[:3], Z), {}),
        (LOSSES + "softmax_cross_entropy", (P, Z), {"reduction": "average"}),
        (LOSSES + "softmax_cross_entropy", (P, Z), {"weights": np.ones(3, np.float32)}),
        (LOSSES + "sigmoid_cross_entropy", (P, Z), {"weights": None}),
        (LOSSES + "sparse_softmax_cross_entropy", (Y, None), {}),
        (LOSSES + "log_loss", (P[:3], U), {}),
    ],
)
@for_each("mode", ["eager", "graph"])
def test_errors_are_of_tensorflows_types(
    name: str, arguments: Any, options: Any, mode: str
) -> None:
    (mine, theirs, _, _) = case(name).values
    given = [x if x is None else tf.constant(x) for x in arguments]

    def failure(f: Any) -> BaseException:
        call = MODES[mode](lambda: f(*given, **options))
        try:
            call()
        except Exception as error:
            return error
        pytest.fail(f"{f} raises nothing")

    want, got = failure(theirs), failure(mine)
    assert isinstance(got, type(want)), f"{type(got)} in place of {type(want)}: {got}"
    assert str(got)


def test_labels_out_of_range_name_themselves_and_are_nan_under_xla() -> None:
    bad = tf.constant([4, 3, 0, -1])
    z = tf.zeros([4, 4])
    f = getattr(ours, SPARSE)
    for mode in ("eager", "graph"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Received a label value of"):
            MODES[mode](lambda: f(bad, z))()
    got = tf.function(f, jit_compile=True)(bad, z)
    np.testing.assert_allclose(got, [np.nan, np.log(4), np.log(4), np.nan], rtol=1e-6)


@for_each("jit", [False, True], ids=["graph", "xla"])
def test_graphs_of_open_lengths(jit: bool) -> None:
    open_ = [tf.TensorSpec([None, None], tf.float32)] * 2
    soft = tf.function(getattr(ours, SOFT), input_signature=open_, jit_compile=jit)
    for p, z in ((P, Z), (P[:1], Z), (U[:2], Z[:2])):
        np.testing.assert_allclose(soft(p, z), getattr(tf.nn, SOFT)(p, z), rtol=1e-5)
    signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, None], tf.float32)]
    sparse = tf.function(getattr(ours, SPARSE), input_signature=signature, jit_compile=jit)
    np.testing.assert_allclose(sparse(Y, Z), getattr(tf.nn, SPARSE)(Y, Z), rtol=1e-5)


def test_the_losses_of_tensorflow_1_go_to_their_collections() -> None:
    with tf.Graph().as_default():
        loss = ours.compat.v1.losses.sparse_softmax_cross_entropy(Y, Z)
        ours.compat.v1.losses.log_loss(P, U, loss_collection="mine")
        assert v1.losses.get_losses() == [loss]
        assert len(v1.get_collection("mine")) == 1


def test_gradients_flow_to_labels_but_for_those_of_tensorflow_1() -> None:
    p, z = tf.constant(P), tf.constant(Z)
    for f, flows in ((getattr(ours, SOFT), True), (getattr(ours.compat.v1.nn, SOFT), False)):
        with tf.GradientTape() as tape:
            tape.watch(p)
            loss = f(p, z)
        assert (tape.gradient(loss, p) is not None) is flows


@for_each("labels", [P[:1], U[:, :1]], ids=["one row", "one column"])
def test_labels_are_broadcast(labels: Any) -> None:
    """TensorFlow's own gradient of broadcast labels has their broadcast shape, and fails later."""
    y, z = tf.constant(labels), tf.constant(Z)
    found: list[Any] = []
    for f in (getattr(ours, SOFT), getattr(tf.nn, SOFT)):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = f(y, z)
        found += [loss, tape.gradient(loss, z)]
    np.testing.assert_allclose(found[0], found[2], rtol=1e-5)
    np.testing.assert_allclose(found[1], found[3], rtol=1e-4, atol=1e-6)
    with tf.GradientTape() as tape:
        tape.watch(y)
        loss = getattr(ours, SOFT)(y, z)
    minus_log_q = np.broadcast_to(-np.asarray(tf.nn.log_softmax(z)), Z.shape)
    axis = tuple(i for i in (0, 1) if labels.shape[i] == 1)
    want = minus_log_q.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(tape.gradient(loss, y), want, rtol=1e-5)


def test_second_derivatives() -> None:
    def product(f: Any, *given: Any) -> Any:
        z = given[-1]
        with tf.GradientTape() as outer:
            outer.watch(z)
            with tf.GradientTape() as inner:
                inner.watch(z)
                total = tf.reduce_sum(f(*given))
            squares = tf.reduce_sum(inner.gradient(total, z) ** 2)
        return outer.gradient(squares, z)

    for name, y in ((SOFT, P), (SPARSE, Y), (SIGMOID, U)):
        given = tf.constant(y), tf.constant(Z)
        got, want = (product(getattr(side, name), *given) for side in (ours, tf.nn))
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


def test_signatures_are_tensorflows() -> None:
    for mine, theirs in {tuple(c.values[:2]) for c in CASES}:
        expected = inspect.signature(inspect.unwrap(theirs)).parameters
        got = inspect.signature(mine).parameters
        # TensorFlow 1's weighted loss has an old name for its labels besides.
        assert list(got) == list(expected), mine
        for name, parameter in got.items():
            assert parameter.default == expected[name].default, (mine, name)


def test_what_is_exact_here_and_lost_there() -> None:
    sure, y = tf.constant([[40.0, 0.0]]), tf.constant([0])
    assert getattr(tf.nn, SPARSE)(y, sure)[0] == 0
    np.testing.assert_allclose(getattr(ours, SPARSE)(y, sure), np.exp(-40.0), rtol=1e-6)
    ruled_out, p = tf.constant([[0.0, -np.inf]]), tf.constant([[1.0, 0.0]])
    assert np.isnan(getattr(tf.nn, SOFT)(p, ruled_out)[0])
    assert getattr(ours, SOFT)(p, ruled_out)[0] == 0
    half = tf.constant([-np.inf, np.inf])
    assert np.isnan(getattr(tf.nn, SIGMOID)(tf.constant([0.0, 1.0]), half)).any()
    assert not np.any(getattr(ours, SIGMOID)(tf.constant([0.0, 1.0]), half))


def test_the_types_of_p_and_q_are_what_the_calls_say() -> None:
    """A mean of TensorFlow 1 is plogq's own mean, weights as sample weights."""
    want = v1.losses.sparse_softmax_cross_entropy(Y, Z, W[:, 0], reduction="weighted_mean")
    p = plogq.Weighted(plogq.Labels(tf.constant(Y)), sample_weight=tf.constant(W[:, 0]))
    np.testing.assert_allclose(plogq.cross_entropy(p, plogq.Logits(tf.constant(Z))), want, 1e-5)
