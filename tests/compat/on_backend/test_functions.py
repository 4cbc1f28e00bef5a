"""The functions beside Keras' own: values, dtypes, shapes, warnings and errors."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plogq
import plogq.compat.keras as ours

from .backend import BACKEND, CLASSES, DENSE, array, close, dtype_of, one_hot, scores, tensor

theirs = keras.losses
# JAX has no float64 unless it is asked for.
DTYPES = ["float32", "float16", "bfloat16"] + ["float64"] * (BACKEND != "jax")
OPTIONS = [{}, {"label_smoothing": 0.1}]


@pytest.mark.parametrize("name", [*CLASSES, *CLASSES.values()])
def test_signatures_are_those_of_keras(name: str) -> None:
    mine, yours = (inspect.signature(getattr(m, name)) for m in (ours, theirs))
    assert [(p.name, p.default) for p in mine.parameters.values()] == [
        (p.name, p.default) for p in yours.parameters.values()
    ]


@given(
    name=st.sampled_from(DENSE),
    seed=st.integers(0, 1 << 16),
    soft=st.booleans(),
    from_logits=st.booleans(),
    label_smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    shape=st.sampled_from([(4, 3), (2, 4, 3)]),
)
def test_values(
    name: str,
    seed: int,
    soft: bool,
    from_logits: bool,
    label_smoothing: float,
    shape: tuple[int, ...],
) -> None:
    z, q, p, y = scores(shape, seed)
    p = p if soft else one_hot(y, 3)
    options = {"from_logits": from_logits, "label_smoothing": label_smoothing}
    x = z if from_logits else q
    mine, yours = (getattr(m, name)(p, x, **options) for m in (ours, theirs))
    assert tuple(mine.shape) == tuple(yours.shape) == shape[:-1]
    close(mine, yours)


@given(seed=st.integers(0, 1 << 16), from_logits=st.booleans(), ignored=st.sampled_from([None, 2]))
def test_values_of_labels(seed: int, from_logits: bool, ignored: int | None) -> None:
    z, q, _, y = scores((2, 4, 3), seed)
    options: Any = {"from_logits": from_logits, "ignore_class": ignored}
    x = z if from_logits else q
    for labels in (y, y[..., None], y.astype(np.float32), y.astype(np.uint8)):
        mine, yours = (
            m.sparse_categorical_crossentropy(labels, x, **options) for m in (ours, theirs)
        )
        assert tuple(mine.shape) == (2, 4)
        close(mine, yours)
    if ignored is not None:
        assert (array(mine)[y == ignored] == 0).all()


@given(seed=st.integers(0, 1 << 16))
def test_values_of_the_divergence(seed: int) -> None:
    _, q, p, y = scores((4, 3), seed)
    for target in (p, one_hot(y, 3), p[:1], 2 * p):
        close(ours.kl_divergence(target, q), theirs.kl_divergence(target, q), absolute=1e-5)


@pytest.mark.parametrize("name", DENSE)
@pytest.mark.parametrize("axis", [0, 1, -2])
def test_axes(name: str, axis: int) -> None:
    z, q, p, _ = scores((3, 2, 4), axis=axis)
    close(getattr(ours, name)(p, q, axis=axis), getattr(theirs, name)(p, q, axis=axis))
    # Keras on TensorFlow fails for logits on a negative axis that is not the last.
    options = {"axis": axis % 3, "from_logits": True, "label_smoothing": 0.2}
    close(getattr(ours, name)(p, z, **options), getattr(theirs, name)(p, z, **options))


@pytest.mark.parametrize("axis", [None, (0, 1), [1, 2]])
def test_binary_means_over_several_axes(axis: Any) -> None:
    _, q, p, _ = scores((3, 2, 4))
    for name in DENSE[:2]:
        close(getattr(ours, name)(p, q, axis=axis), getattr(theirs, name)(p, q, axis=axis))


@pytest.mark.parametrize("extreme", [0.0, 1e-9, 1.0])
@pytest.mark.parametrize("name", DENSE)
def test_clipping(name: str, extreme: float) -> None:
    """Keras' own bounds, as they are in float32."""
    q = np.array([[extreme, 1.0 - extreme]], np.float32)
    for y in ([[1.0, 0.0]], [[0.0, 1.0]], [[0.5, 0.5]]):
        target = np.array(y, np.float32)
        close(getattr(ours, name)(target, q), getattr(theirs, name)(target, q))


def test_other_options_of_focal_losses() -> None:
    z, q, p, y = scores((4, 3))
    for target in (p, one_hot(y, 3)):
        for options in (
            {"gamma": 0.0},
            {"gamma": 1.5, "from_logits": True},
            {"apply_class_balancing": True, "alpha": 0.7},
        ):
            x = z if "from_logits" in options else q
            close(
                ours.binary_focal_crossentropy(target, x, **options),
                theirs.binary_focal_crossentropy(target, x, **options),
            )
        for options in (
            {"gamma": 0.0, "alpha": 1.0},
            {"gamma": 3.0, "from_logits": True},
            {"alpha": [0.1, 0.5, 0.9]},
        ):
            x = z if "from_logits" in options else q
            close(
                ours.categorical_focal_crossentropy(target, x, **options),
                theirs.categorical_focal_crossentropy(target, x, **options),
            )


def test_rows_of_zeros_and_rows_that_do_not_sum_to_1() -> None:
    z, q, p, _ = scores((4, 3))
    p = p * np.array([[0.0], [1.0], [2.0], [0.5]], np.float32)
    for name in DENSE[2:]:
        for options in OPTIONS:
            close(
                getattr(ours, name)(p, 3 * q, **options), getattr(theirs, name)(p, 3 * q, **options)
            )
            options = options | {"from_logits": True}
            close(getattr(ours, name)(p, z, **options), getattr(theirs, name)(p, z, **options))


# Keras' softmax warns too.
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1:UserWarning")
@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("name", DENSE[2:])
def test_one_class_warns_and_is_computed(name: str, from_logits: bool) -> None:
    y, q = np.array([[1.0], [0.5]], np.float32), np.array([[0.3], [2.0]], np.float32)
    found = []
    for module in (ours, theirs):
        with pytest.warns(SyntaxWarning, match="with num_classes > 1") as caught:
            found.append(getattr(module, name)(y, q, from_logits=from_logits))
        assert caught[0].filename == __file__
    close(*found)


def test_one_class_of_labels_and_of_a_divergence() -> None:
    one = np.full((2, 1), 0.3, np.float32)
    close(ours.kl_divergence(2 * one, one), theirs.kl_divergence(2 * one, one))
    for from_logits in (False, True):
        found = ours.sparse_categorical_crossentropy([0, 0], one, from_logits=from_logits)
        close(found, [0.0, 0.0], absolute=2e-7)
    close(ours.sparse_categorical_crossentropy([1, 0], one), [np.inf, 0.0], absolute=2e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*DENSE, "kl_divergence"])
def test_dtypes(name: str, dtype: str) -> None:
    """That of y_pred, whatever that of y_true is."""
    _, q, p, _ = scores((4, 3))
    x, y = tensor(q, dtype), tensor(p, "float32")
    mine, yours = (getattr(m, name)(y, x) for m in (ours, theirs))
    # Of NumPy arrays, Keras makes float32 of float64 on the NumPy backend, and of bfloat16 later.
    assert mine.dtype == x.dtype or (BACKEND, dtype) == ("numpy", "float64")
    assert mine.dtype == yours.dtype or (BACKEND, dtype) == ("numpy", "bfloat16")
    assert type(mine) is type(yours)
    half = dtype in ("float16", "bfloat16")
    exact = yours if not half else getattr(ours, name)(array(y), array(x))
    close(mine, exact, 1e-2 if half else 2e-5)


def test_lists_and_arrays_become_what_keras_makes_of_them() -> None:
    y, q = [[0, 1, 0]], [[0.1, 0.8, 0.1]]
    for x in (q, np.array(q), np.array(q, np.float32), np.array(q, np.float16)):
        mine, yours = (m.categorical_crossentropy(y, x) for m in (ours, theirs))
        assert type(mine) is type(yours)
        assert mine.dtype == yours.dtype
    assert dtype_of(ours.binary_crossentropy([[0, 1]], [[0, 1]])) == "float32"


def test_the_loss_of_half_precision_is_finite_where_the_prediction_is_certain() -> None:
    """1 - 1e-7 is 1 in float16; the bound is kept in float32."""
    y, q = tensor([[1.0, 0.0]], "float16"), tensor([[0.0, 1.0]], "float16")
    for name in DENSE:
        found = array(getattr(ours, name)(y, q))
        assert np.isfinite(found).all()
        assert (found > 0.25).all()


@pytest.mark.parametrize("name", DENSE[:3])
def test_shapes_that_differ_are_refused(name: str) -> None:
    for y, q in ((np.ones((3, 1)), np.ones((3, 2))), (np.ones(3), np.ones((3, 3)))):
        for module in (ours, theirs):
            with pytest.raises(ValueError, match="must have the same"):
                getattr(module, name)(y, q)
    with pytest.raises(plogq.ShapeError, match="at least rank 1"):
        getattr(ours, name)(1.0, 0.5)


def test_class_axes_do_not_broadcast() -> None:
    """Keras multiplies a column of labels into every class."""
    labels, q = np.array([[1.0], [0.0]]), np.full((2, 3), 1 / 3)
    for name in ("categorical_focal_crossentropy", "kl_divergence"):
        assert tuple(getattr(theirs, name)(labels, q).shape) == (2,)
        with pytest.raises(plogq.ShapeError, match="must have the same shape"):
            getattr(ours, name)(labels, q)


def test_other_refusals() -> None:
    _, q, p, y = scores((4, 3))
    for module in (ours, theirs):
        for name in DENSE[2:]:
            with pytest.raises(ValueError, match="`axis` must be of type `int`"):
                getattr(module, name)(p, q, axis=True)
        with pytest.raises(ValueError, match="up until the last dimension"):
            module.sparse_categorical_crossentropy(tensor(y[:3]), tensor(q))
    with pytest.raises(plogq.ShapeError, match="axis 2 is out of bounds"):
        ours.binary_crossentropy(p, q, axis=2)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_outside_the_classes_is_refused(label: int) -> None:
    _, q, _, y = scores((4, 3))
    y[1] = label
    with pytest.raises(plogq.LabelError, match=str(label)):
        ours.sparse_categorical_crossentropy(y, q)
    assert array(ours.sparse_categorical_crossentropy(y, q, ignore_class=label))[1] == 0


def test_a_softmax_given_as_scores_warns_where_keras_left_a_note() -> None:
    z, _, p, y = scores((4, 3))
    q = keras.activations.softmax(tensor(z))
    noted = hasattr(q, "_keras_logits")
    assert noted == (BACKEND != "numpy")
    for name, target in (("categorical_crossentropy", p), ("sparse_categorical_crossentropy", y)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = getattr(ours, name)(target, q, from_logits=True)
        told = [w.filename for w in caught if "from_logits=True" in str(w.message)]
        assert told == [__file__] * noted
        close(found, getattr(ours, name)(target, array(q).astype(np.float32), from_logits=True))


def test_inputs_are_not_written_to() -> None:
    z, q, p, y = scores((4, 3))
    given = [x.copy() for x in (z, q, p, y)]
    for name in DENSE:
        getattr(ours, name)(p, q, label_smoothing=0.1)
        getattr(ours, name)(p, z, from_logits=True)
    ours.kl_divergence(p, q)
    ours.SparseCategoricalCrossentropy(ignore_class=1)(y, q, np.ones(4))
    for before, after in zip(given, (z, q, p, y), strict=True):
        assert (before == after).all()


def test_symbolic_tensors_become_a_node_that_is_saved(tmp_path: Any) -> None:
    y, q = keras.Input((3,)), keras.Input((3,))
    loss = ours.categorical_crossentropy(y, q, label_smoothing=0.1)
    assert (loss.shape, loss.dtype) == ((None,), "float32")
    model = keras.Model([y, q], loss)
    model.save(tmp_path / "model.keras")
    _, rows, p, _ = scores((4, 3))
    expected = ours.categorical_crossentropy(p, rows, label_smoothing=0.1)
    for made in (model, keras.models.load_model(tmp_path / "model.keras")):
        close(made([tensor(p), tensor(rows)]), expected)
