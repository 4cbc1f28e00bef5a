"""P × Logits as operations of TensorFlow: that they run, what they read, where they go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, Logits, Probs, Smoothed, Weighted
from plogq.frameworks.tensorflow import operation

Z = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]], np.float32)
Y, W, C = [1, 0], [2.0, 0.5], [1.0, 2.0, 3.0]


def loss_and_slope(p: Any, z: Any, reduction: str = "mean") -> Any:
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = plogq.cross_entropy(p, Logits(z), reduction=reduction)
    return loss, tape.gradient(loss, z)


def kinds(f: Any, *given: Any) -> set[str]:
    graph = tf.function(f).get_concrete_function(*given).graph
    return {op.type for op in graph.get_operations() if op.type.startswith(("Plogq", "PyFunc"))}


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_operations_are_what_runs(reduction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(y: Any, w: Any, c: Any, z: Any) -> Any:
        p = Weighted(Smoothed(Labels(y, ignore=2), 0.1), sample_weight=w, class_weight=c)
        return loss_and_slope(p, z, reduction)

    given = [tf.constant(x) for x in (Y, W, C, Z)]
    forward = "PlogqLabelsLosses" if reduction == "none" else "PlogqLabelsLoss"
    assert kinds(step, *given) == {forward, "PlogqLabelsGradient"}
    ran: list[Any] = []
    run = operation.loss_of
    monkeypatch.setattr(operation, "loss_of", lambda *a, **k: ran.append(a) or run(*a, **k))
    step(*given)
    assert len(ran) == 1


ROWS = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], np.float32)


@pytest.mark.parametrize("kind", ["Rows", "YesNo"])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_probabilities_have_operations_too(kind: str, reduction: str) -> None:
    of_p, of_q = (Probs, Logits) if kind == "Rows" else (BinaryProbs, BinaryLogits)

    def step(p: Any, z: Any) -> Any:
        with tf.GradientTape() as outer:
            outer.watch((p, z))
            with tf.GradientTape() as tape:
                tape.watch(z)
                loss = plogq.cross_entropy(of_p(p), of_q(z), reduction=reduction)
            slope = tape.gradient(loss, z)
            along = tf.reduce_sum(slope * tf.constant([[1.0, 2.0, 3.0]]))
        return loss, slope, *outer.gradient(along, (p, z))

    def loss_alone(p: Any, z: Any) -> Any:
        return plogq.cross_entropy(of_p(p), of_q(z), reduction=reduction)

    given = tf.constant(ROWS), tf.constant(Z)
    forward = f"Plogq{kind}Loss{'es' if reduction == 'none' else ''}"
    assert kinds(step, *given) == {forward, f"Plogq{kind}Gradient"}
    want, slopes = plogq.value_and_grad(of_p(ROWS), of_q(Z), reduction=reduction)
    q = tf.nn.softmax(Z) if kind == "Rows" else tf.sigmoid(Z)
    v, n = np.array([[1.0, 2.0, 3.0]]), 2 if kind == "Rows" else 6
    n = 1 if reduction == "none" else n
    # Along v: the change of -p, and of q, in the gradient q - p; means of rows also divide by Σ p.
    of_z = q * (v - tf.reduce_sum(q * v, -1, keepdims=True)) if kind == "Rows" else q * (1 - q) * v
    for run in (step, tf.function(step)):
        loss, slope, by_p, by_z = run(*given)
        np.testing.assert_allclose(loss, want, rtol=1e-6)
        np.testing.assert_allclose(slope, slopes.scores, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(by_z, of_z / n, rtol=1e-4, atol=1e-6)
        if kind == "YesNo":
            np.testing.assert_allclose(by_p, -v.repeat(2, 0) / n, rtol=1e-5)
        elif reduction == "none":
            # Their mass is what multiplies q.
            mass = tf.reduce_sum(q * v, -1, keepdims=True)
            np.testing.assert_allclose(by_p, mass - v, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(tf.function(loss_alone)(*given), want, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "bool"])
def test_probabilities_of_every_type(dtype: str) -> None:
    rows = tf.cast([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], dtype)
    want = plogq.cross_entropy(Labels(Y), Logits(Z))
    outcomes = plogq.cross_entropy(BinaryProbs([[0, 1, 0], [1, 0, 0]]), BinaryLogits(Z))
    for run in (lambda f: f(), lambda f: tf.function(f)()):
        if dtype != "bool":
            found = run(lambda: plogq.cross_entropy(Probs(rows), Logits(tf.constant(Z))))
            np.testing.assert_allclose(found, want, rtol=1e-6)
        found = run(lambda: plogq.cross_entropy(BinaryProbs(rows), BinaryLogits(tf.constant(Z))))
        np.testing.assert_allclose(found, outcomes, rtol=1e-6)


def test_lengths_of_probabilities_are_compared_when_a_graph_runs() -> None:
    rows = [tf.TensorSpec([None, None], tf.float32)] * 2
    for of_p, of_q in ((Probs, Logits), (BinaryProbs, BinaryLogits)):

        def losses(p: Any, z: Any, of_p: Any = of_p, of_q: Any = of_q) -> Any:
            return plogq.cross_entropy(of_p(p), of_q(z), reduction="none")

        run = tf.function(losses, input_signature=rows)
        assert run(ROWS, Z).shape == (Z.shape if of_p is BinaryProbs else (2,))
        with pytest.raises(tf.errors.InvalidArgumentError, match="describe the same events"):
            run(ROWS[:1], Z)


def test_probabilities_that_are_none_are_refused_eagerly() -> None:
    z = tf.constant(Z)
    with pytest.raises(plogq.ProbabilityError, match="event 1 of Probs"):
        plogq.cross_entropy(Probs(tf.constant(ROWS * [[1.0], [0.5]])), Logits(z))
    with pytest.raises(plogq.ProbabilityError, match="outside"):
        plogq.cross_entropy(BinaryProbs(tf.constant(ROWS + 1)), BinaryLogits(z))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_labels_of_every_type_and_scores_of_every_type(dtype: str) -> None:
    z = tf.cast(tf.constant(Z), dtype)
    want, slope = plogq.value_and_grad(Labels(Y), Logits(Z.astype(np.float64)))
    near = {"float16": 1e-3, "bfloat16": 1e-2}.get(dtype, 1e-6)
    for bits in (8, 16, 32, 64):
        for sign in ("", "u"):
            y = tf.constant(Y, f"{sign}int{bits}")
            loss, found = loss_and_slope(Labels(y), z)
            assert loss.dtype == ("float64" if dtype == "float64" else "float32")
            assert found.dtype == dtype
            np.testing.assert_allclose(loss, want, rtol=1e-5)
            np.testing.assert_allclose(tf.cast(found, "float64"), slope.scores, rtol=near)


def test_shapes_are_known_while_a_graph_is_recorded() -> None:
    rows = [tf.TensorSpec([None, 4], tf.int64), tf.TensorSpec([None, 3, 4], tf.float32)]

    def ask(y: Any, z: Any) -> Any:
        p, q = Labels(y), Logits(z, axis=1)
        losses = plogq.cross_entropy(p, q, reduction="none")
        return losses, plogq.cross_entropy(p, q), *tf.gradients(losses, z)

    found = tf.function(ask).get_concrete_function(*rows).outputs
    assert [x.shape.as_list() for x in found] == [[None, 4], [], [None, 3, 4]]


def test_what_was_not_kept_for_the_gradient_is_found_again() -> None:
    run = tf.function(lambda y, z: plogq.cross_entropy(Labels(y), Logits(z)))
    y, z = tf.constant(Y), tf.constant(Z)
    run(y, z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = run(y, z)
    want = plogq.value_and_grad(Labels(Y), Logits(Z))
    np.testing.assert_allclose(loss, want[0], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, z), want[1].scores, rtol=1e-6)


def test_weights_that_float32_does_not_carry_have_a_mean() -> None:
    want = plogq.cross_entropy(Weighted(Labels(Y), sample_weight=W), Logits(Z))
    w = tf.constant(np.array(W) * 1e-100)

    def step(w: Any, z: Any) -> Any:
        return loss_and_slope(Weighted(Labels(tf.constant(Y)), sample_weight=w), z)

    for run in (step, tf.function(step)):
        loss, slope = run(w, tf.constant(Z))
        np.testing.assert_allclose(loss, want, rtol=1e-6)
        np.testing.assert_allclose(tf.reduce_sum(slope), 0, atol=1e-7)
        assert np.abs(slope).max() > 0.01


def test_where_there_is_no_operation_the_kernels_run_through_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    y, z = tf.constant(Y), tf.constant(Z)
    p = Labels(y)
    said = str(plogq.explain(p, Logits(z)))
    want = [np.asarray(x) for x in loss_and_slope(p, z)]
    monkeypatch.setattr(operation, "missing", "this TensorFlow is another")
    assert str(plogq.explain(p, Logits(z))) == (
        f"{said}\n  in graphs through Python, as there is no operation of its own: this TensorFlow "
        "is another"
    )
    step = lambda y, z: loss_and_slope(Labels(y), z)  # noqa: E731
    assert kinds(step, y, z) == {"PyFuncStateless"}
    for run in (step, tf.function(step)):
        for found, expected in zip(run(y, z), want, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-6)


# What another process does with a graph that holds the operations, and with a SavedModel.
ELSEWHERE = """
import sys
import tensorflow as tf
import plogq

with open(sys.argv[1], "rb") as file:
    graph = tf.compat.v1.GraphDef.FromString(file.read())
run = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
y, z = tf.constant([1, 0]), tf.constant([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5]])
loss = run.prune(["y:0", "z:0"], "loss:0")(y, z)
print(float(loss), float(tf.saved_model.load(sys.argv[2]).loss(y, z)))
"""


@pytest.mark.slow
def test_a_graph_and_a_saved_model_run_in_another_process(tmp_path: Path) -> None:
    def loss(y: Any, z: Any) -> Any:
        found = plogq.cross_entropy(Labels(y), Logits(z))
        return tf.identity(found, name="loss")

    rows = [tf.TensorSpec([None], tf.int32, "y"), tf.TensorSpec([None, 3], tf.float32, "z")]
    graph = tf.function(loss, input_signature=rows).get_concrete_function().graph
    assert "PlogqLabelsLoss" in {op.type for op in graph.get_operations()}
    (tmp_path / "graph").write_bytes(graph.as_graph_def().SerializeToString())
    module = tf.Module()
    module.loss = tf.function(loss, input_signature=rows)
    tf.saved_model.save(module, str(tmp_path / "model"))
    given = [str(tmp_path / name) for name in ("graph", "model")]
    ran = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *given], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    want = plogq.cross_entropy(Labels(Y), Logits(Z))
    np.testing.assert_allclose([float(x) for x in ran.stdout.split()], want, rtol=1e-6)
