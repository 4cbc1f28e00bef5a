"""What a graph does that eager code does not: open lengths, labels unread, saving, loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq
from plogq import LabelError, ShapeError

from .tensors import by, traced

nan = np.nan


def losses(y: Any, z: Any, **options: Any) -> Any:
    return plogq.cross_entropy(plogq.Labels(y, **options), plogq.Logits(z), reduction="none")


def loss_and_slope(y: Any, z: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = losses(y, z, ignore=-100)
    return loss, tape.gradient(loss, z)


@pytest.mark.parametrize("bad", [7, -1, 3, -(2**31)])
def test_a_label_out_of_range_raises_or_is_nan(bad: int, way: str) -> None:
    """Never a wrapped index, never 0; an error wherever one can be raised."""
    y, z = tf.constant([0, bad, -100]), tf.constant([[0.0, 1.0, 2.0]] * 3)
    with by(way):
        if way in ("cpu", "formula"):
            with pytest.raises(
                LabelError, match=f"label {bad} at event 1 is outside the 3 classes"
            ):
                loss_and_slope(y, z)
        elif way == "graph":
            with pytest.raises(tf.errors.InvalidArgumentError, match=rf"(?s)LabelError.*\[{bad}\]"):
                traced(way, loss_and_slope, y, z)
        else:
            loss, slope = traced(way, loss_and_slope, y, z)
            np.testing.assert_allclose(loss, [2.407606, nan, 0], rtol=1e-6)
            assert np.isnan(slope[1]).all()
            assert np.isfinite(slope[0]).all()
            assert not np.any(slope[2])


def test_a_sparse_target_out_of_range_is_found_too(way: str) -> None:
    def run(index: Any, p: Any, z: Any) -> Any:
        return plogq.cross_entropy(plogq.SparseProbs(index, p), plogq.Logits(z), reduction="none")

    given = (tf.constant([[0, 1], [9, 1]]), tf.fill([2, 2], 0.5), tf.zeros([2, 3]))
    with by(way):
        if way == "xla":
            np.testing.assert_allclose(traced(way, run, *given), [np.log(3), nan], rtol=1e-6)
            return
        error = LabelError if way in ("cpu", "formula") else tf.errors.InvalidArgumentError
        with pytest.raises(error, match=r"(?s)9"):
            traced(way, run, *given)


SPECS = {
    "open batch": ([None], [None, 3]),
    "open batch and classes": ([None], [None, None]),
    "one of them open": ([2], [None, 3]),
    "the other open": ([None], [2, 3]),
}


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("spec", SPECS)
def test_lengths_may_be_open(spec: str, jit: bool) -> None:
    """The same numbers, for batches of any length; the mean divides by the length there is."""
    signature = [
        tf.TensorSpec(s, d) for s, d in zip(SPECS[spec], ("int64", "float32"), strict=True)
    ]

    @tf.function(input_signature=signature, jit_compile=jit)
    def run(y: Any, z: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            p = plogq.Smoothed(plogq.Labels(y), 0.25)
            loss = plogq.cross_entropy(p, plogq.Logits(z, softcap=3.0))
            loss += plogq.cross_entropy(p, plogq.Logits(z), reduction="sum_over_batch_size")
        return loss, tape.gradient(loss, z)

    for n in (2,) if 2 in (*SPECS[spec][0], *SPECS[spec][1]) else (2, 5):
        rng = np.random.default_rng(n)
        y, z = rng.integers(0, 3, n), rng.normal(size=(n, 3)).astype(np.float32)
        p = plogq.Smoothed(plogq.Labels(y), 0.25)
        each = [
            plogq.value_and_grad(p, plogq.Logits(z, softcap=3.0)),
            plogq.value_and_grad(p, plogq.Logits(z)),
        ]
        loss, slope = run(tf.constant(y), tf.constant(z))
        np.testing.assert_allclose(loss, each[0][0] + each[1][0], rtol=1e-5)
        want = each[0][1].scores + each[1][1].scores
        np.testing.assert_allclose(slope, want, rtol=1e-4, atol=1e-6)


def weighted(y: Any, w: Any, z: Any) -> Any:
    p = plogq.Weighted(plogq.Labels(y), sample_weight=w)
    return plogq.cross_entropy(p, plogq.Logits(z), reduction="sum")


def soft(p: Any, z: Any) -> Any:
    with plogq.validation("off"):
        return plogq.cross_entropy(plogq.Probs(p), plogq.Logits(z), reduction="sum")


def yes_no(y: Any, z: Any) -> Any:
    return plogq.cross_entropy(plogq.BinaryProbs(y), plogq.BinaryLogits(z), reduction="sum")


def linear(y: Any, h: Any, w: Any) -> Any:
    return plogq.cross_entropy(plogq.Labels(y), plogq.LinearLogits(h, w), reduction="sum")


MISFITS: list[tuple[Any, list[Any]]] = [
    (losses, [tf.constant([0]), tf.zeros([4, 3])]),
    (losses, [tf.constant([0] * 5), tf.zeros([4, 3])]),
    (weighted, [tf.constant([0] * 4), tf.ones([1]), tf.zeros([4, 3])]),
    (weighted, [tf.constant([0]), tf.ones([4]), tf.zeros([4, 3])]),
    (soft, [tf.fill([1, 3], 1 / 3), tf.zeros([4, 3])]),
    (soft, [tf.fill([4, 1], 1.0), tf.zeros([4, 3])]),
    (yes_no, [tf.ones([1, 3]), tf.zeros([4, 3])]),
    (linear, [tf.constant([0]), tf.zeros([4, 2]), tf.zeros([3, 2])]),
    (linear, [tf.constant([0] * 4), tf.zeros([4, 1]), tf.zeros([3, 2])]),
]


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("case", range(len(MISFITS)))
def test_open_lengths_that_do_not_fit_are_found_when_the_graph_runs(case: int, jit: bool) -> None:
    """Nothing is broadcast, and nothing is read that is not there."""
    f, given = MISFITS[case]
    specs = [tf.TensorSpec([None] * x.shape.rank, x.dtype) for x in given]
    run = tf.function(f, input_signature=specs, jit_compile=jit)
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
        run(*given)
    with pytest.raises((ShapeError, ValueError)):
        f(*given)


def test_a_graph_without_ranks_is_told_what_to_say(way: str) -> None:
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def run(z: Any) -> Any:
        return losses(tf.constant([0]), z)

    with pytest.raises(ShapeError, match=r"Logits has no known rank.*tf\.ensure_shape"):
        run(tf.zeros([1, 3]))


def test_errors_that_are_known_while_recording_keep_their_class_and_sentence() -> None:
    for f in (tf.function(losses), tf.function(losses, autograph=False)):
        with pytest.raises(ShapeError, match="P and Q must describe the same events"):
            f(tf.constant([0, 1]), tf.zeros([3, 4]))


def test_which_way_runs() -> None:
    said: list[str] = []

    def ask(y: Any, z: Any) -> Any:
        said.append(str(plogq.explain(plogq.Labels(y), plogq.Logits(z))))
        return z

    y, z = tf.constant([0]), tf.zeros([1, 3])
    for f in (ask, tf.function(ask), tf.function(ask, jit_compile=True)):
        f(y, z)
    assert said[0] == said[1] == "Labels × Logits on tensorflow, cpu: cpu"
    assert said[2].startswith("Labels × Logits on tensorflow, cpu: formula\n  cpu refused: XLA")


def test_large_arrays_share_memory_with_the_kernel_and_its_results(way: str) -> None:
    """More than is copied: the same numbers, at every alignment of what came in."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=(1031, 1100)).astype(np.float32)
    y = rng.integers(0, 1100, 1031)
    want, grad = plogq.value_and_grad(plogq.Labels(y), plogq.Logits(z))
    for dtype, off in ((tf.float32, 1e-6), (tf.bfloat16, 0.02)):
        given = tf.cast(tf.constant(z), dtype)
        before = given.numpy()
        with by(way):
            loss, slope = traced(way, loss_and_slope, tf.constant(y), given)
        np.testing.assert_allclose(tf.reduce_mean(loss), want, rtol=off)
        got = np.asarray(slope).astype(np.float32) / 1031
        np.testing.assert_allclose(got, grad.scores, rtol=0.1, atol=off * 1e-3)
        np.testing.assert_array_equal(given.numpy(), before)
        # What TensorFlow's own kernels make of the memory that they were given.
        whole = tf.reduce_sum(tf.cast(slope * 1, tf.float32))
        np.testing.assert_allclose(whole, 0.0, atol=0.5)


def test_a_saved_model_holds_tensorflows_operations_alone(tmp_path: Path) -> None:
    class Module(tf.Module):
        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 3], tf.float32)]
        )
        def loss(self, y: Any, z: Any) -> Any:
            return losses(y, z)

    module = Module()
    y, z = tf.constant([0, 1], tf.int64), tf.constant([[1.0, 0.0, 0.0]] * 2)
    want = module.loss(y, z)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_allclose(loaded.loss(y, z), want, rtol=1e-6)
    operations = {op.type for op in loaded.loss.concrete_functions[0].graph.get_operations()}
    assert not any("PyFunc" in name for name in operations)


def test_loops_branches_and_maps(way: str) -> None:
    """Within tf.while_loop, tf.cond, tf.map_fn and tf.vectorized_map."""
    y = tf.constant([[0, 1], [2, 0], [1, 1]])
    z = tf.constant(np.random.default_rng(1).normal(size=(3, 2, 3)))
    want = losses(y, z)

    def run(y: Any, z: Any) -> Any:
        def one(x: Any) -> Any:
            return losses(*x)

        mapped = tf.map_fn(one, (y, z), fn_output_signature=tf.float64)
        chosen = tf.cond(tf.reduce_sum(y) > 0, lambda: losses(y, z), lambda: mapped)
        return mapped, chosen, tf.vectorized_map(one, (y, z))

    with by(way):
        for got in traced(way, run, y, z, unknown=False):
            np.testing.assert_allclose(got, want, rtol=1e-12)
