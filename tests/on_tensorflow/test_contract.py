"""Every P × Q on tensors: the losses, log Z and gradients that the oracle gives, by every way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import plogq

from .. import bounds, makers, oracle, slopes
from ..kernels import test_contract as contract
from .tensors import WAYS, Call, both, by, on_tensorflow, reached, traced

WRAPPERS = ("plain", "class_weight>smoothed", contract.TWO_BACKGROUNDS)
# To record a graph takes longer than to run it: these have one of each part of P and of Q.
RECORDED = {
    ("Labels-plain", "Logits"),
    ("Labels(ignore)-class_weight>smoothed", "Logits(softcap)"),
    ("Probs-both_weights", "Logits"),
    ("Probs-plain", "Probs"),
    ("SparseProbs-both_weights", "LogProbs"),
    (f"SparseProbs-{contract.TWO_BACKGROUNDS}", "Logits"),
    ("Labels-both_weights", "LinearLogits(bias)"),
    ("BinaryProbs(soft)-both_weights", "BinaryLogits"),
    ("BinaryProbs(bool)-smoothed", "BinaryProbs"),
}
D_LOSS, D_LOG_Z = (1.0, 0.0, -0.5, 2.0), (0.0, 0.25, 0.0, -1.0)


def _cases(targets: Iterable[str], predictions: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for p in targets:
        for q in predictions:
            for way in WAYS:
                few = way in ("graph", "xla")
                wrappers = WRAPPERS if way == "cpu" else WRAPPERS[1:]
                if (p, q) in RECORDED if few else p.partition("-")[2] in wrappers:
                    yield p, q, way


CASES = [*_cases(makers.TARGETS, makers.PREDICTIONS)]
BINARY_CASES = [*_cases(makers.BINARY_TARGETS, makers.BINARY_PREDICTIONS)]


def test_every_recorded_pair_exists() -> None:
    cases = {(p, q) for p, q, way in (*CASES, *BINARY_CASES) if way == "xla"}
    assert cases == RECORDED


def dtypes(way: str) -> tuple[Any, ...]:
    """All of them, or where that takes long, one that is wide and one that is not."""
    return bounds.DTYPES if way == "cpu" else (bounds.DTYPES[1], bounds.BFLOAT16)


def expected_kernel(p: str, q: str, way: str) -> str:
    if way in ("formula", "xla"):
        return "formula"
    if q.startswith("Linear"):
        return "linear"
    refused = p.endswith(contract.TWO_BACKGROUNDS) and not p.startswith("Binary")
    return "formula" if refused else "cpu"


@pytest.mark.parametrize(("p", "q", "way"), CASES)
def test_losses_log_z_and_gradients(p: str, q: str, way: str) -> None:
    for dtype in dtypes(way):
        target, prediction = contract.made(p, q, dtype)
        stored = prediction.kind in ("log_probs", "probs")
        d_log_z = (0.0,) * 4 if stored else D_LOG_Z
        with bounds.noted(dtype.name):
            found = both(way, target.target, prediction.prediction, D_LOSS, d_log_z)
            loss, log_z, gradient, kernel = found
            assert kernel == expected_kernel(p, q, way)
            assert loss.shape == log_z.shape == contract.EVENTS
            reached(way, copy(contract.true_losses(p, q, dtype))).check(loss)
            truth, allowed = contract.true_log_z(p, q, dtype)
            assert log_z.dtype == bounds.loss_dtype(dtype)
            bounds.within(log_z, truth, np.array(allowed), "log Z")
            check = contract.true_gradient(p, q, dtype, D_LOSS, d_log_z)
            check.expected = {n: reached(way, copy(g)) for n, g in check.expected.items()}
            check.check(gradient)


@pytest.mark.parametrize(("p", "q", "way"), BINARY_CASES)
def test_yes_no_outcomes(p: str, q: str, way: str) -> None:
    for dtype in dtypes(way):
        target, made = contract.made(p, q, dtype)
        with bounds.noted(dtype.name):
            found = both(way, target.target, made.prediction, (0.5,) * 4, (0.0,) * 4)
            loss, _, gradient, kernel = found
            assert kernel == expected_kernel(p, q, way)
            reached(way, copy(contract.true_losses(p, q, dtype))).check(loss)
            (array,) = (x for x in vars(gradient).values() if x is not None)
            slopes.check_binary(array, target, made, dtype, 0.5)


@pytest.mark.parametrize("shape", contract.SHAPES)
@pytest.mark.parametrize("base", makers.BASES)
def test_rows_columns_and_a_middle_axis(base: str, shape: str, way: str) -> None:
    axis = contract.SHAPES[shape][2]
    few = way in ("graph", "xla")
    for dtype in (bounds.DTYPES[1],) if few else (bounds.DTYPES[0], bounds.BFLOAT16):
        for q in ("Logits",) if few else ("Logits", "Probs"):
            p = f"{base}-class_weight>smoothed"
            target, prediction, losses, gradient = contract.shaped(p, q, shape, dtype)
            events = contract.SHAPES[shape][0]
            with bounds.noted(f"{q} of {dtype.name}"):
                half = np.full(events, 0.5)
                loss, _, found, kernel = both(way, target, prediction, half, 0 * half)
                assert kernel == expected_kernel(p, q, way)
                losses.check(loss)
                for name in slopes.NAMES[gradient.q.kind]:
                    setattr(found, name, np.moveaxis(getattr(found, name), axis, -1))
                gradient.check(found)


@pytest.mark.parametrize("reduction", ["mean", "sum", "sum_over_batch_size", "normalizer"])
@pytest.mark.parametrize(
    "pair",
    [("Labels(ignore)-both_weights", "Logits"), ("BinaryProbs(soft)-both_weights", "BinaryLogits")],
)
def test_reductions_with_z_loss(pair: tuple[str, str], reduction: str, way: str) -> None:
    """One number, the same as NumPy's, whose reductions are held against the oracle."""
    target, prediction = contract.made(*pair, bounds.DTYPES[1])
    call = Call(target.target, prediction.prediction)
    options: Any = {"reduction": reduction, "z_loss": 0.125}
    if reduction == "normalizer":
        options = {"normalizer": 7, "z_loss": 0.125}
    want = plogq.cross_entropy(target.target, prediction.prediction, **options)
    with by(way):
        got = traced(way, lambda *x: call.loss(*x, **options), *call.inputs)
    assert got.dtype == tf.float32
    assert got.shape == ()
    np.testing.assert_allclose(got, want, rtol=2e-6)


def test_a_normalizer_may_be_a_number_an_array_a_tensor_or_a_variable(way: str) -> None:
    z, y = tf.constant([[1.0, 0.0], [0.5, 0.0]]), tf.constant([0, 1])
    want = plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), reduction="sum").numpy() / 4
    for n in (4, np.float32(4), tf.constant(4), tf.constant(4.0), tf.Variable(4.0)):

        def loss(z: Any, n: Any = n) -> Any:
            return plogq.cross_entropy(plogq.Labels(y), plogq.Logits(z), normalizer=n)

        with by(way):
            np.testing.assert_allclose(traced(way, loss, z), want, rtol=1e-6)


@pytest.mark.parametrize(
    "index",
    [tf.int8, tf.uint8, tf.int16, tf.int32, tf.int64, tf.uint16, tf.uint32, tf.uint64],
    ids=lambda d: d.name,
)
def test_labels_of_any_integer_dtype(index: Any, way: str) -> None:
    scores = makers.dyadic(np.random.default_rng(3), (6, 5), np.dtype(np.float32))
    y = np.array([0, 4, 2, 1, 3, 3])
    for ignore in (None, 3):

        def loss(y: Any, z: Any, ignore: Any = ignore) -> Any:
            p = plogq.Labels(y, ignore=ignore)
            return plogq.cross_entropy(p, plogq.Logits(z), reduction="none")

        truth = oracle.label_costs(scores, y)
        truth = [oracle.ZERO if v == ignore else t for v, t in zip(y, truth, strict=True)]
        with by(way):
            got = traced(way, loss, tf.cast(tf.constant(y), index), tf.constant(scores))
        bounds.check_losses(np.asarray(got), truth, scores.dtype)


@pytest.mark.parametrize(
    "p",
    [
        "Probs-plain",
        "Labels-smoothed",
        "SparseProbs-both_weights",
        "BinaryProbs(soft)-both_weights",
    ],
)
def test_entropy_divergence_and_log_normalizer(p: str, way: str) -> None:
    """The same as NumPy's."""
    q = "BinaryLogits" if p.startswith("Binary") else "Logits"
    target, prediction = contract.made(p, q, bounds.DTYPES[0])
    call = Call(target.target, prediction.prediction)

    def run(*x: Any) -> Any:
        pair = list(call.pair(x))
        divergence = plogq.kl_divergence(*pair, reduction="none")
        entropy = 0.0 if p == "Labels-smoothed" else plogq.entropy(pair[0], reduction="none")
        return divergence, plogq.log_normalizer(pair[1]), entropy

    with by(way):
        got = traced(way, run, *call.inputs)
    numpy_pair = target.target, prediction.prediction
    want = plogq.kl_divergence(*numpy_pair, reduction="none")
    np.testing.assert_allclose(got[0], want, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(got[1], plogq.log_normalizer(numpy_pair[1]), rtol=1e-13)
    if p != "Labels-smoothed":
        np.testing.assert_allclose(
            got[2], plogq.entropy(numpy_pair[0], reduction="none"), rtol=1e-12
        )


def test_focal_and_poly_are_functions_of_the_loss(way: str) -> None:
    losses = np.array([0.0, 0.1, 3.0], np.float32)

    def run(x: Any) -> Any:
        return plogq.focal(x, 2.0), plogq.focal(x, 0.0), plogq.poly(x, 1.0)

    with by(way):
        got = traced(way, run, tf.constant(losses))
    for ours, want in zip(got, run(losses), strict=True):
        np.testing.assert_allclose(ours, want, rtol=1e-6)


def test_value_and_grad_gives_a_gradient_of_qs_own_type(way: str) -> None:
    """Eagerly; in a graph a sentence says what does it there."""
    p, q = contract.made("Probs-both_weights", "Logits", bounds.DTYPES[1])
    want, want_grad = plogq.value_and_grad(p.target, q.prediction, z_loss=0.1)
    call = Call(p.target, q.prediction)

    def run(*x: Any) -> Any:
        loss, grad = plogq.value_and_grad(*call.pair(x), z_loss=0.1)
        return loss, grad.scores

    with by(way):
        if way in ("graph", "xla"):
            with pytest.raises(plogq.PlogqError, match=r"tf\.GradientTape"):
                traced(way, run, *call.inputs)
            return
        loss, grad = traced(way, run, *call.inputs)
    np.testing.assert_allclose(loss, want, rtol=1e-6)
    np.testing.assert_allclose(grad, want_grad.scores, rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match="read-only"):
        plogq.value_and_grad(on_tensorflow(p.target), on_tensorflow(q.prediction), out="scores")
