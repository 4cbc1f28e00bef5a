"""P × Logits in what XLA compiles: the kernel is what runs, and what it does not take is right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, Logits, Probs, Smoothed, Weighted
from plogq.frameworks.tensorflow import in_xla

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
Z = np.array([[2.0, 5.0, 1.0], [7.0, 1.0, 0.5], [0.0, 0.0, 90.0]], np.float32)
ROWS = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], np.float32)

if in_xla.missing:
    # What it takes is none of TensorFlow's public functions; the version tested here has it.
    tested = f"tensorflow-cpu=={tf.__version__}\n" in CONSTRAINTS.read_text("utf-8")
    assert not (tested and sys.platform == "linux"), in_xla.missing
    pytest.skip(in_xla.missing, allow_module_level=True)


def calls(f: Any, *given: Any) -> int:
    """How many calls of the kernel there are in a graph."""
    graph = f.get_concrete_function(*given).graph
    return sum(op.type == "XlaCustomCallV2" for op in graph.get_operations())


def with_slope(loss: Any, z: Any, *given: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(z)
        found = loss(z, *given)
    return found, tape.gradient(found, z)


def of_all(z: Any, y: Any, p: Any, c: Any, b: Any) -> list[Any]:
    """Losses of every kind, with gradients, of a flow of 1 and of others."""
    hard = Weighted(Smoothed(Labels(y, ignore=7), 0.1), class_weight=c)
    return [
        with_slope(lambda z: plogq.cross_entropy(hard, Logits(z)), z),
        with_slope(lambda z: plogq.cross_entropy(Probs(p), Logits(z), reduction="none"), z),
        with_slope(lambda z: plogq.cross_entropy(BinaryProbs(p), BinaryLogits(z)), z),
        with_slope(lambda z: 0.3 * plogq.cross_entropy(Labels(y, ignore=7), Logits(z)), z),
        with_slope(lambda z: plogq.cross_entropy(Labels(y, ignore=7), Logits(z)) ** 2, b),
        [plogq.cross_entropy(Labels(y, ignore=7), Logits(z, softcap=5.0), reduction="none")],
    ]


def test_the_kernel_runs_and_gives_the_same_bits() -> None:
    narrow = tf.cast(Z, tf.bfloat16)
    given = tf.constant(Z), tf.constant([1, 7, 2]), tf.constant(ROWS), tf.constant([1.0, 2, 3])
    compiled = tf.function(of_all, jit_compile=True, autograph=False)
    # One each way, but for a flow of 1, whose gradient is made with the loss.
    assert calls(compiled, *given, narrow) == 8
    pairs = zip(of_all(*given, narrow), compiled(*given, narrow), strict=True)
    for i, (eager, found) in enumerate(pairs):
        for want, x in zip(eager, found, strict=True):
            assert x.dtype == want.dtype
            # What flows back multiplies a gradient that is there, which rounds once more.
            bound = 1.2e-7 if i == 3 else 0.0
            np.testing.assert_allclose(*(tf.cast(a, tf.float64) for a in (x, want)), rtol=bound)


def test_a_label_that_is_no_class_is_nan_for_its_event() -> None:
    @tf.function(jit_compile=True)
    def losses(z: Any, y: Any) -> Any:
        found = plogq.cross_entropy(Labels(y), Logits(z), reduction="none")
        return with_slope(lambda z: plogq.cross_entropy(Labels(y), Logits(z)), z)[1], found

    slope, found = losses(tf.constant(Z), tf.constant([1, 3, -1]))
    assert np.isnan(found).tolist() == [False, True, True]
    assert np.isnan(slope).all(axis=-1).tolist() == [True, True, True]


@pytest.mark.slow
def test_gradients_of_gradients_and_of_the_target() -> None:
    def again(z: Any, p: Any, v: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch((z, p))
            loss, slope = with_slope(lambda z: plogq.cross_entropy(Probs(p), Logits(z)), z)
            along = tf.reduce_sum(slope * v) + loss
        return tape.gradient(along, (z, p))

    given = tf.constant(Z), tf.constant(ROWS), tf.constant([[1.0, 2.0, 3.0]])
    compiled = tf.function(again, jit_compile=True)
    for want, found in zip(again(*given), compiled(*given), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


def test_a_tape_outside_of_the_program() -> None:
    loss = tf.function(lambda z, y: plogq.cross_entropy(Labels(y), Logits(z)), jit_compile=True)
    given = tf.constant(Z), tf.constant([1, 0, 2])
    want = with_slope(lambda z, y: plogq.cross_entropy(Labels(y), Logits(z)), *given)
    for x, y in zip(with_slope(loss, *given), want, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_accumulator_outside_of_the_program(compiled: bool) -> None:
    def loss(z: Any, y: Any) -> Any:
        return plogq.cross_entropy(Labels(y), Logits(z))

    z, y, v = tf.constant(Z), tf.constant([1, 0, 2]), tf.constant(ROWS)
    found = []
    for run in (loss, tf.function(loss, jit_compile=compiled)):
        with tf.autodiff.ForwardAccumulator(z, v) as along:
            value = run(z, y)
        found.append(along.jvp(value))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_open_lengths_go_by_the_formula() -> None:
    open_rows = [tf.TensorSpec([None, 3], tf.float32), tf.TensorSpec([None], tf.int32)]
    loss = tf.function(
        lambda z, y: plogq.cross_entropy(Labels(y), Logits(z)),
        input_signature=open_rows,
        jit_compile=True,
        autograph=False,
    )
    assert calls(loss) == 0
    want = plogq.cross_entropy(Labels(np.array([1, 0, 2])), Logits(Z))
    np.testing.assert_allclose(loss(tf.constant(Z), tf.constant([1, 0, 2])), want, rtol=1e-6)
