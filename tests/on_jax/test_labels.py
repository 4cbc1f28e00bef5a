"""N5 on arrays of JAX: a label out of range is an error that names it, or NaN if traced."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import plogq
from plogq import LabelError, Labels, LinearLogits, Logits, LogProbs, Probs, SparseProbs

from .arrays import WAYS, by

Z = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 1.0], [2.0, 0.0, 1.0]], np.float32)
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def each(y: Any, z: Any, ignore: int | None = None) -> Any:
    return plogq.cross_entropy(Labels(y, ignore=ignore), Logits(z), reduction="none")


def with_gradient(y: Any, z: Any, ignore: int | None = None) -> Any:
    losses, back = jax.vjp(lambda z: each(y, z, ignore), z)
    return losses, back(jnp.ones_like(losses))[0]


@pytest.mark.parametrize(
    "options", [{}, {"reduction": "none"}, {"reduction": "sum"}, {"z_loss": 1}]
)
def test_a_label_out_of_range_is_an_error_that_names_it(options: Any, way: str) -> None:
    for dtype in ("float32", "bfloat16"):
        z = jnp.asarray(Z, dtype)
        with pytest.raises(LabelError, match="label 3 at event 2 is outside the 3 classes"):
            plogq.cross_entropy(Labels(jnp.array([0, 1, 3, -1])), Logits(z), **options)
    with pytest.raises(LabelError, match=r"label -100 at event 1.*ignore=-100"):
        plogq.cross_entropy(Labels(jnp.array([0, -100, 3, -1])), Logits(jnp.asarray(Z)), **options)


def test_it_is_an_error_under_grad_too_where_the_labels_are_known() -> None:
    with pytest.raises(LabelError, match="label 3 at event 2"):
        jax.grad(lambda z: each(jnp.array([0, 1, 3, 2]), z).sum())(jnp.asarray(Z))


@pytest.mark.parametrize(
    "make",
    [
        lambda y, z: (Labels(y), Logits(z)),
        lambda y, z: (plogq.Smoothed(Labels(y), 0.25), Logits(z)),
        lambda y, z: (
            plogq.Weighted(Labels(y), class_weight=jnp.array([1.0, 2.0, 3.0])),
            Logits(z),
        ),
        lambda y, z: (Labels(y), LogProbs(jax.nn.log_softmax(z))),
        lambda y, z: (Labels(y), Probs(jax.nn.softmax(z))),
        lambda y, z: (Labels(y), LinearLogits(z, jnp.eye(3, dtype=z.dtype))),
        lambda y, z: (
            SparseProbs(jnp.stack([jnp.zeros_like(y), y], -1), jnp.full((4, 2), 0.5)),
            Logits(z),
        ),
    ],
    ids=["labels", "smoothed", "weighted", "log_probs", "probs", "linear", "sparse"],
)
def test_under_jit_that_event_alone_is_nan(make: Any) -> None:
    """In value and in gradient: never a wrapped index, never 0."""

    def run(y: Any, z: Any) -> Any:
        def losses(z: Any) -> Any:
            p, q = make(y, z)
            return plogq.cross_entropy(p, q, reduction="none")

        found, back = jax.vjp(losses, z)
        return found, back(jnp.ones_like(found))[0]

    good, slopes = jax.jit(run)(jnp.array([0, 1, 0, 2]), jnp.asarray(Z))
    bad, bad_slopes = jax.jit(run)(jnp.array([0, -1, 3, 2]), jnp.asarray(Z))
    assert np.isnan(bad).tolist() == [False, True, True, False]
    np.testing.assert_array_equal(bad[jnp.array([0, 3])], good[jnp.array([0, 3])])
    assert np.isnan(bad_slopes).any(axis=1).tolist() == [False, True, True, False]
    np.testing.assert_array_equal(bad_slopes[0], slopes[0])


def test_under_vmap_that_event_alone_is_nan(way: str) -> None:
    z = jnp.asarray(Z)[:, None]
    got = jax.vmap(lambda y, z: each(y[None], z)[0])(jnp.array([0, 3, -1, 2]), z)
    assert np.isnan(got).tolist() == [False, True, True, False]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_labels_of_every_integer_dtype(dtype: str) -> None:
    want = each(jnp.array([0, 2, 1, 1]), jnp.asarray(Z))
    y = jnp.array([0, 2, 1, 1], dtype)
    for way in WAYS:
        with by(way):
            np.testing.assert_allclose(each(y, jnp.asarray(Z)), want, rtol=1e-6)
    greatest = int(jnp.iinfo(dtype).max)
    bad = jnp.array([0, greatest, 1, 1], dtype)
    for run in (jax.jit(with_gradient), jax.vmap(lambda y, z: with_gradient(y[None], z[None]))):
        losses, slopes = run(bad, jnp.asarray(Z))
        assert np.isnan(losses.reshape(-1)).tolist() == [False, True, False, False]
        assert np.isnan(slopes.reshape(4, 3)).any(axis=1).tolist() == [False, True, False, False]
    with pytest.raises(LabelError, match=f"label {greatest} at event 1"):
        each(bad, jnp.asarray(Z))


def test_the_width_of_labels_does_not_limit_the_classes() -> None:
    """int8 labels of 300 classes; 127 is one of them and so is 0."""
    z = jnp.asarray(np.random.default_rng(0).normal(size=(2, 300)))
    y = jnp.array([0, 127], jnp.int8)
    want = each(jnp.array([0, 127]), z)
    np.testing.assert_allclose(each(y, z), want)
    np.testing.assert_allclose(jax.jit(each)(y, z), want)
    np.testing.assert_allclose(jax.jit(each)(y.astype(jnp.uint8), z), want)


@pytest.mark.parametrize("ignore", [-100, -1, 0, 2, 3, 255, 2**31 - 1, 2**40])
def test_ignored_labels_within_and_without_the_classes(ignore: int) -> None:
    """Known and traced; a value that the labels' type does not have marks none of them."""
    y = np.array([1, ignore, 1, 1], np.int64)
    for run in (with_gradient, jax.jit(with_gradient, static_argnums=2)):
        losses, slopes = run(jnp.asarray(y), jnp.asarray(Z), ignore)
        assert losses[1] == 0
        assert (slopes[1] == 0).all()
        want = each(jnp.array([1, 1, 1, 1]), jnp.asarray(Z))
        np.testing.assert_allclose(losses[::2], want[::2], rtol=1e-6)
        narrow = jnp.array([1, 0, 1, 1], jnp.int8)
        kept = run(narrow, jnp.asarray(Z), ignore)[0]
        assert (kept[1] == 0) == (ignore == 0)


def test_another_label_out_of_range_is_not_ignored() -> None:
    y = jnp.array([0, -100, -1, 3])
    with pytest.raises(LabelError, match="label -1 at event 2"):
        each(y, jnp.asarray(Z), -100)
    got = jax.jit(each, static_argnums=2)(y, jnp.asarray(Z), -100)
    assert np.isnan(got).tolist() == [False, False, True, True]
    assert got[1] == 0


@pytest.mark.usefixtures("narrow")
def test_without_64_bits_the_same_holds() -> None:
    got = jax.jit(each)(jnp.array([0, 3, -1, 2]), jnp.asarray(Z))
    assert np.isnan(got).tolist() == [False, True, True, False]
    got = jax.jit(each)(jnp.array([0, 2**32 - 1, 2, 2**31], jnp.uint32), jnp.asarray(Z))
    assert np.isnan(got).tolist() == [False, True, False, True]
    with pytest.raises(LabelError, match="label 3 at event 1"):
        each(jnp.array([0, 3, -1, 2]), jnp.asarray(Z))


def test_a_mean_of_traced_labels_leaves_out_the_ignored_ones() -> None:
    def mean(y: Any) -> Any:
        return plogq.cross_entropy(Labels(y, ignore=-1), Logits(jnp.asarray(Z)))

    y = jnp.array([0, -1, 2, -1])
    np.testing.assert_allclose(jax.jit(mean)(y), mean(y), rtol=1e-6)
    np.testing.assert_allclose(mean(y), each(y[::2], jnp.asarray(Z)[::2]).mean(), rtol=1e-6)
    assert jax.jit(mean)(jnp.full(4, -1)) == 0
