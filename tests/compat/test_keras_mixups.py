"""Labels of one kind handed to the loss of the other, and plogq's own functions in `compile`."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import plogq
from plogq.compat import keras as ours

Y = np.array([0, 2, 1, 1])
HOT = np.eye(3)[Y]
Q = np.full((4, 3), 1 / 3)


def model(loss: Any) -> Any:
    made = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    made.compile(optimizer="sgd", loss=loss)
    return made


@pytest.mark.parametrize("y", [Y, Y[:, None]])
def test_indices_where_one_hot_rows_belong(y: Any) -> None:
    for call in (
        lambda: ours.CategoricalCrossentropy()(y, Q),
        lambda: ours.categorical_crossentropy(y, Q),
        lambda: ours.CategoricalFocalCrossentropy()(y, Q),
        lambda: model(ours.CategoricalCrossentropy()).fit(Q, y, verbose=0),
    ):
        with pytest.raises(ValueError, match="class indices: use SparseCategoricalCrossentropy"):
            call()
    assert np.isfinite(float(ours.SparseCategoricalCrossentropy()(y, Q)))
    assert np.isfinite(float(ours.CategoricalCrossentropy()(keras.ops.one_hot(Y, 3), Q)))


def test_one_hot_rows_where_indices_belong() -> None:
    for call in (
        lambda: ours.SparseCategoricalCrossentropy()(HOT, Q),
        lambda: ours.sparse_categorical_crossentropy(HOT, Q),
        lambda: model(ours.SparseCategoricalCrossentropy()).fit(Q, HOT, verbose=0),
    ):
        with pytest.raises(ValueError, match="one-hot rows: use CategoricalCrossentropy"):
            call()
    y = keras.ops.argmax(HOT, -1)
    assert np.isfinite(float(ours.SparseCategoricalCrossentropy()(y, Q)))


def test_indices_where_yes_and_no_belong() -> None:
    with pytest.raises(ValueError, match=r"yes or no is needed for each output.*Dense\(1\)"):
        ours.BinaryCrossentropy()(Y, Q)


def test_shapes_that_are_neither_are_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="must have the same shape") as caught:
        ours.CategoricalCrossentropy()(np.zeros((4, 5)), Q)
    assert "Sparse" not in str(caught.value)


@pytest.mark.parametrize("eager", [False, True])
def test_a_helper_as_the_loss_of_a_model_names_compat(eager: bool) -> None:
    for loss, options in (
        (plogq.sparse_categorical_cross_entropy, "()"),
        (plogq.sparse_softmax_cross_entropy, "(from_logits=True)"),
    ):
        made = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
        made.compile(loss=loss, run_eagerly=eager)
        with pytest.raises(plogq.DtypeError) as caught:
            made.fit(Q, Y, verbose=0)
        said = f"plogq.compat.keras.SparseCategoricalCrossentropy{options}"
        assert f"in compile write loss={said}" in str(caught.value)
    with pytest.raises(
        plogq.PairError, match=r"in compile write loss= one of plogq\.compat\.keras"
    ):
        model(plogq.cross_entropy).fit(Q, HOT, verbose=0)
    with pytest.raises(plogq.PairError) as raw:
        plogq.cross_entropy(Y, Q)
    assert "compile" not in str(raw.value)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none"])
def test_loss_classes_take_symbolic_tensors(reduction: str) -> None:
    loss = ours.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
    y, z = keras.Input(()), keras.Input((3,))
    node = loss(y, z)
    made = keras.Model([y, z], node)
    scores = np.random.default_rng(0).normal(size=(4, 3))
    want = np.asarray(loss(Y, scores))
    np.testing.assert_allclose(np.asarray(made([Y, scores])), want, rtol=1e-6)
    again = keras.Model.from_config(made.get_config())
    np.testing.assert_allclose(np.asarray(again([Y, scores])), want, rtol=1e-6)
