"""focal and poly: functions of the loss alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import tensorflow as tf
import torch

import plogq

from . import bounds, oracle
from .oracle import Real, mp
from .together import for_each

LOSSES = np.array([1e-30, 1e-12, 0.003, 0.2231435513, 1.0, 7.5, 60.0])


def focal(loss: Real, gamma: float) -> Real:
    return (-mp.expm1(-loss)) ** oracle.real(gamma) * loss


def poly(loss: Real, epsilon: float) -> Real:
    return loss - oracle.real(epsilon) * mp.expm1(-loss)


@for_each("dtype", [np.float64, np.float32])
@for_each("value", [0.0, 0.5, 1.0, 2.0, 5.0])
@for_each(("ours", "theirs"), [(plogq.focal, focal), (plogq.poly, poly)])
def test_they_keep_their_relative_precision_for_small_losses(
    ours: Callable[..., Any], theirs: Callable[..., Real], value: float, dtype: Any
) -> None:
    """1 - e^-L is L for a small L, not 0."""
    losses = LOSSES.astype(dtype)
    got = ours(losses, value)
    assert got.dtype == losses.dtype
    for x, loss in zip(got, oracle.row(losses), strict=True):
        truth = theirs(loss, value)
        allowed = (8 + 4 * value) * bounds.unit(dtype) * truth
        # A small loss to the power of gamma may be subnormal, or nothing.
        bounds.check(x, truth, max(allowed, bounds.least(dtype)))


def test_their_defaults() -> None:
    assert plogq.focal(np.array([0.5])) == pytest.approx(float(focal(oracle.real(0.5), 2.0)))
    assert plogq.poly(np.array([0.5])) == pytest.approx(float(poly(oracle.real(0.5), 1.0)))


def test_the_ends_of_the_range() -> None:
    """A loss of 0 stays 0, ∞ stays ∞ and NaN stays NaN."""
    ends = np.array([0.0, np.inf, np.nan])
    for got in (plogq.focal(ends, 2.0), plogq.focal(ends, 0.0), plogq.poly(ends, 1.0)):
        assert got[0] == 0
        assert got[1] == np.inf
        assert np.isnan(got[2])


def test_shapes_and_inputs_are_kept() -> None:
    losses = np.array([[0.5, 1.0], [2.0, 0.0]])
    kept = losses.copy()
    assert plogq.focal(losses).shape == (2, 2)
    assert plogq.poly(losses).shape == (2, 2)
    assert np.array_equal(losses, kept)
    assert plogq.focal([0.5, 1.0]).shape == (2,)


def test_a_focal_loss_is_that_of_the_probability_of_the_label() -> None:
    q = np.array([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1]])
    losses = plogq.cross_entropy(plogq.Labels([1, 2]), plogq.Probs(q), reduction="none")
    want = [-((1 - x) ** 2) * np.log(x) for x in (0.8, 0.1)]
    np.testing.assert_allclose(plogq.focal(losses, 2.0), want, rtol=1e-13)
    want = [-np.log(x) + 1.5 * (1 - x) for x in (0.8, 0.1)]
    np.testing.assert_allclose(plogq.poly(losses, 1.5), want, rtol=1e-13)


FRAMEWORKS: dict[str, Any] = {
    "numpy": np.array,
    "torch": torch.tensor,
    "jax": jnp.array,
    "tensorflow": tf.constant,
}


@for_each("framework", FRAMEWORKS)
@for_each("dtype", ["int64", "int32", "uint8", "bool"])
@for_each(("ours", "theirs"), [(plogq.focal, focal), (plogq.poly, poly)])
def test_losses_that_are_whole_numbers_become_floats(
    ours: Callable[..., Any], theirs: Callable[..., Real], dtype: str, framework: str
) -> None:
    make = FRAMEWORKS[framework]
    whole = np.array([0, 1, 1, 0] if dtype == "bool" else [0, 1, 2, 7]).astype(dtype)
    got = np.asarray(ours(make(whole), 0.5))
    assert got.dtype.kind == "f"
    want = [float(theirs(oracle.real(float(x)), 0.5)) for x in whole]
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_a_list_of_whole_numbers_is_a_list_of_losses() -> None:
    for ours in (plogq.focal, plogq.poly):
        assert np.array_equal(ours([1, 2]), ours([1.0, 2.0]))
        assert ours(1) == ours(1.0)
        for wrong in (["a"], [1j], [None]):
            with pytest.raises(plogq.DtypeError, match="losses must be floating point"):
                ours(wrong)
