"""Whole numbers of every width, 0 features, and sums that overflow, on every framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq
from plogq import BinaryLogits, BinaryProbs, Labels, LinearLogits, Logits, Smoothed, Weighted

from .together import for_each

# What is called is asked here, and how exact it is elsewhere.
pytestmark = pytest.mark.usefixtures("unoptimised")

WHOLE = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"]


def tensor(x: Any) -> torch.Tensor:
    x = np.asarray(x)
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.astype(np.float32)).bfloat16()
    return torch.from_numpy(np.ascontiguousarray(x))


FRAMEWORKS: dict[str, Callable[[Any], Any]] = {
    "numpy": np.asarray,
    "torch": tensor,
    "jax": jnp.asarray,
    "tensorflow": tf.constant,
}
every_framework = for_each("framework", FRAMEWORKS)
Y, Z = np.array([1, 0, 1]), np.array([0.5, -1.0, 2.0])
DTYPES = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}


def host(x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        x = x.detach().double()
    return np.asarray(x).astype(np.float64)


@every_framework
@for_each("dtype", WHOLE)
def test_outcomes_are_whole_numbers_of_any_width(dtype: str, framework: str) -> None:
    make = FRAMEWORKS[framework]
    p, q = BinaryProbs(make(Y.astype(dtype))), BinaryLogits(make(Z))
    soft = BinaryProbs(Y.astype(float))
    for target, other in (
        (p, soft),
        (Smoothed(p, 0.25), Smoothed(soft, 0.25)),
        (Weighted(p, class_weight=(2.0, 3.0)), Weighted(soft, class_weight=(2.0, 3.0))),
        (Weighted(p, sample_weight=p.probs), Weighted(soft, sample_weight=Y)),
    ):
        for level in ("on", "off", "full"):
            with plogq.validation(level):
                loss, gradient = plogq.value_and_grad(target, q)
                want, slope = plogq.value_and_grad(other, BinaryLogits(Z))
                np.testing.assert_allclose(host(loss), want, rtol=1e-6)
                np.testing.assert_allclose(host(gradient.scores), slope.scores, rtol=1e-5)
                found = plogq.cross_entropy(target, q, reduction="none")
                each = plogq.cross_entropy(other, BinaryLogits(Z), reduction="none")
                np.testing.assert_allclose(host(found), each, rtol=1e-6)
                np.testing.assert_allclose(
                    host(plogq.kl_divergence(target, q)),
                    plogq.kl_divergence(other, BinaryLogits(Z)),
                    rtol=1e-6,
                )
    if dtype != "bool":
        for wrong in (2, np.iinfo(dtype).max):
            y = make(np.array([0, 1, wrong], dtype))
            with pytest.raises(plogq.ProbabilityError, match=r"outside \[0, 1\], first at \(2,\)"):
                plogq.cross_entropy(BinaryProbs(y), q)


@every_framework
@for_each("dtype", DTYPES)
def test_no_features_are_scores_of_the_bias_alone(dtype: str, framework: str) -> None:
    def make(x: Any) -> Any:
        return FRAMEWORKS[framework](np.asarray(x, DTYPES[dtype]))

    y = FRAMEWORKS[framework](np.array([0, 2, 1, 0]))
    hidden, weight, bias = make(np.zeros((4, 0))), make(np.zeros((3, 0))), make([1.0, 0.5, 0.0])
    for held in (None, bias):
        q = LinearLogits(hidden, weight, held)
        rows = np.zeros((4, 3)) if held is None else np.tile([1.0, 0.5, 0.0], (4, 1))
        for options in ({}, {"z_loss": 0.1}, {"reduction": "none"}):
            want, slope = plogq.value_and_grad(Labels([0, 2, 1, 0]), Logits(rows), **options)
            loss, gradient = plogq.value_and_grad(Labels(y), q, **options)
            np.testing.assert_allclose(host(loss), want, rtol=1e-6)
            assert tuple(gradient.hidden.shape) == (4, 0)
            assert tuple(gradient.weight.shape) == (3, 0)
            if held is not None:
                exact = slope.scores.sum(0)
                np.testing.assert_allclose(host(gradient.bias), exact, rtol=1e-2, atol=1e-6)
    nothing = FRAMEWORKS[framework](np.zeros(0, np.int32))
    assert float(plogq.cross_entropy(Labels(nothing), LinearLogits(hidden[:0], weight))) == 0


@every_framework
def test_what_half_precision_cannot_hold_is_infinite_and_no_warning(framework: str) -> None:
    def make(x: Any) -> Any:
        return FRAMEWORKS[framework](np.asarray(x, np.float16))

    weight = np.arange(1.0, 4.0)[:, None] * np.full((3, 8), 200.0)
    q = LinearLogits(make(np.full((4, 8), 200.0)), make(weight))
    y = FRAMEWORKS[framework](np.array([0, 2, 1, 0]))
    loss, gradient = plogq.value_and_grad(Labels(y), q, z_loss=100.0)
    assert np.isfinite(host(loss))
    assert np.isinf(host(gradient.hidden)).all()
    assert not np.isnan(host(gradient.weight)).any()
    infinite = LinearLogits(make([[np.inf, 1.0]]), make([[1.0, 1.0], [-1.0, 1.0]]))
    found = plogq.value_and_grad(Labels(y[:1]), infinite)[0]
    assert host(found) == 0
