"""The classes and the metrics beside Keras' own: reductions, weights, masks, dtypes, options."""

from __future__ import annotations

from itertools import product
from typing import Any

import keras
import numpy as np
import pytest

import plogq
import plogq.compat.keras as ours

from .backend import BACKEND, CLASSES, array, close, one_hot, scores, tensor

theirs = keras.losses
REDUCTIONS = ["sum_over_batch_size", "mean", "sum", "none", None, "mean_with_sample_weight"]
# What comes after the losses is one for all classes.
SOME = ["binary_crossentropy", "sparse_categorical_crossentropy"]
METRICS = ours.metrics.__all__


def inputs(name: str, shape: tuple[int, ...] = (4, 3)) -> tuple[Any, Any]:
    _, q, p, y = scores(shape, seed=7)
    return (y if name.startswith("sparse") else p), q


def both(name: str, *given: Any, **options: Any) -> tuple[Any, Any]:
    sample_weight = options.pop("sample_weight", None)
    mine, yours = (getattr(m, CLASSES[name])(**options) for m in (ours, theirs))
    return tuple(loss(*given, sample_weight=sample_weight) for loss in (mine, yours))


@pytest.mark.parametrize(
    ("name", "reduction"),
    sorted({*product(SOME, REDUCTIONS), *product(CLASSES, REDUCTIONS[:1])}, key=str),
)
def test_reductions_and_sample_weights(name: str, reduction: str | None) -> None:
    y, q = inputs(name)
    each = np.array([0.5, 0.0, 2.0, 1.0])
    for weight in (None, 2.5, each, each[:, None], np.zeros(4), each[:1]):
        mine, yours = both(name, y, q, reduction=reduction, sample_weight=weight)
        assert tuple(mine.shape) == tuple(yours.shape)
        assert mine.dtype == yours.dtype
        # NumPy's own numbers and arrays without axes are one to Keras.
        assert type(mine) is type(yours) or BACKEND == "numpy"
        close(mine, yours)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_weights_of_timesteps(reduction: str | None) -> None:
    weights = [np.ones((2, 1)), np.arange(8.0).reshape(2, 4), np.arange(8.0).reshape(2, 4, 1)]
    for name, weight in product(SOME, weights):
        y, q = inputs(name, (2, 4, 3))
        close(*both(name, y, q, reduction=reduction, sample_weight=weight))


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_masks(name: str, reduction: str | None) -> None:
    """A mask of y_pred, alone and with weights; nothing valid at all."""
    y, q = inputs(name, (2, 4, 3))
    some = np.array([[True, True, False, False], [True, False, False, False]])
    for mask, weight in product((some, ~some & False), (None, np.arange(8.0).reshape(2, 4))):
        found = []
        for module in (ours, theirs):
            x = tensor(q)
            keras.src.backend.set_keras_mask(x, tensor(mask))
            loss = getattr(module, CLASSES[name])(reduction=reduction)
            found.append(loss(y, x, sample_weight=weight))
        close(*found)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ignored_labels_are_a_mask(reduction: str | None) -> None:
    _, q, _, y = scores((2, 4, 3), seed=8)
    mask = np.array([[True, True, True, False], [True, False, True, True]])
    for ignored, weight in product((1, 7), (None, np.arange(8.0).reshape(2, 4))):
        options: Any = {"ignore_class": ignored, "reduction": reduction, "sample_weight": weight}
        close(*both("sparse_categorical_crossentropy", y, q, **options))
        found = []
        for module in (ours, theirs):
            x = tensor(q)
            keras.src.backend.set_keras_mask(x, tensor(mask))
            loss = module.SparseCategoricalCrossentropy(ignore_class=ignored, reduction=reduction)
            found.append(loss(y, x, sample_weight=weight))
        close(*found)
    close(*both("sparse_categorical_crossentropy", 0 * y, q, ignore_class=0))


@pytest.mark.parametrize("name", CLASSES)
def test_a_last_axis_of_1_is_added_or_left_out(name: str) -> None:
    y, q = inputs(name)
    if name.startswith("sparse"):
        close(*both(name, y[:, None], q))
        return
    close(*both(name, y[..., None], q))
    if name.startswith("binary"):
        close(*both(name, np.array([0.0, 1.0]), np.array([[0.2], [0.7]])))
        close(*both(name, np.array([[0.0], [1.0]]), np.array([0.2, 0.7])))


@pytest.mark.parametrize("name", CLASSES)
def test_shapes_that_come_back_as_they_are(name: str) -> None:
    """One loss, and none in a batch of one axis."""
    y, q = inputs(name)
    for given in ((y[0], q[0]), (y[:0], q[:0])):
        if name.startswith("sparse") and not np.ndim(given[0]):
            continue
        mine, yours = both(name, *given)
        assert tuple(mine.shape) == tuple(yours.shape)
        close(mine, yours)


@pytest.mark.parametrize("name", CLASSES)
def test_dtypes_and_policies(name: str) -> None:
    y, q = inputs(name)
    for dtype in ("float32", "float16", "bfloat16", keras.DTypePolicy("mixed_bfloat16"), None):
        mine, yours = both(name, y, q, dtype=dtype)
        assert mine.dtype == yours.dtype
        tolerance = 1e-6 if dtype in ("float32", None) else 5e-2
        close(mine, yours, max(tolerance, 2e-5), tolerance)
    x64 = tensor(q, "float16")
    assert both(name, y, x64)[0].dtype == both(name, y, x64)[1].dtype


def test_labels_are_not_rounded_to_the_dtype() -> None:
    """bfloat16 has no 257: Keras takes the label 256 for it."""
    q = np.full((1, 300), 0.5 / 299, np.float32)
    q[0, 257] = 0.5
    mine, yours = both("sparse_categorical_crossentropy", np.array([257]), q, dtype="bfloat16")
    close(mine, np.log(2), 1e-2)
    assert float(array(yours)) > 6


def test_a_reduction_that_does_not_exist() -> None:
    for module in (ours, theirs):
        for name in CLASSES.values():
            with pytest.raises(ValueError, match="Invalid value for argument `reduction`"):
                getattr(module, name)(reduction="average")


@pytest.mark.parametrize("name", CLASSES.values())
def test_configurations(name: str) -> None:
    """Keras' own entries, and what Keras leaves out: the dtype, and the axis of sparse losses."""
    cls = getattr(ours, name)
    assert issubclass(cls, keras.losses.Loss)
    loss = cls(reduction="sum", name="mine", dtype="float16")
    config = loss.get_config()
    expected = getattr(theirs, name)(reduction="sum", name="mine").get_config()
    extra = {"dtype": "float16"} | ({"axis": -1} if name.startswith("Sparse") else {})
    assert config == {**expected, **extra}
    made = cls.from_config(config)
    assert made.get_config() == config
    assert made.dtype == "float16"
    assert "dtype" not in cls().get_config()


def test_a_subclass_with_another_call() -> None:
    class Doubled(ours.CategoricalCrossentropy):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return 2 * super().call(y_true, y_pred)

    y, q = inputs("categorical_crossentropy")
    close(Doubled()(y, q), 2 * array(ours.CategoricalCrossentropy()(y, q)))


def state(metric: Any) -> Any:
    return array(metric.result())


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name: str) -> None:
    found = []
    for module in (ours.metrics, keras.metrics):
        metric = getattr(module, name)()
        assert isinstance(metric, keras.metrics.Metric)
        assert metric._direction == "down" or name == "KLDivergence"
        steps = [state(metric)]
        for seed in (1, 2):
            _, q, p, y = scores((4, 3), seed)
            for weight in (None, np.arange(4.0), np.arange(4.0)[:, None], np.zeros(4)):
                metric.update_state(y if name.startswith("Sparse") else p, q, weight)
                steps.append(state(metric))
        metric.reset_state()
        assert state(metric) == 0
        found.append(steps)
    np.testing.assert_allclose(*found, rtol=2e-5)


def test_metrics_with_options() -> None:
    z, q, _, y = scores((2, 4, 3), seed=3)
    p = one_hot(y, 3)
    weights = (None, np.arange(2.0)[:, None], np.arange(8.0).reshape(2, 4))
    cases: list[tuple[str, Any, Any, dict[str, Any]]] = [
        ("BinaryCrossentropy", p, z, {"from_logits": True, "label_smoothing": 0.1}),
        ("CategoricalCrossentropy", p, z, {"from_logits": True, "label_smoothing": 0.1}),
        ("CategoricalCrossentropy", np.moveaxis(p, 2, 1), np.moveaxis(q, 2, 1), {"axis": 1}),
        ("SparseCategoricalCrossentropy", y, q, {"ignore_class": 1}),
        ("SparseCategoricalCrossentropy", y, z, {"ignore_class": 9, "from_logits": True}),
    ]
    mask = tensor(np.array([[True, True, True, False], [True, False, True, True]]))
    for (name, target, x, options), weight, masked in product(cases, weights, (False, True)):
        # Keras multiplies a mask into weights of its shape, and into no others.
        known = 4 if masked or "ignore_class" in options else 1
        if weight is not None and ("axis" in options or known > 1) and weight.shape[1] != known:
            continue
        found = []
        for module in (ours.metrics, keras.metrics):
            metric, prediction = getattr(module, name)(**options), tensor(x)
            if masked and "axis" not in options:
                keras.src.backend.set_keras_mask(prediction, mask)
            metric.update_state(target, prediction, weight)
            found.append(state(metric))
        np.testing.assert_allclose(*found, rtol=2e-5)


def test_metrics_are_merged_and_made_from_their_configurations() -> None:
    for name in METRICS:
        cls = getattr(ours.metrics, name)
        assert cls().get_config() == getattr(keras.metrics, name)().get_config()
        assert cls.from_config(cls(name="m", dtype="float16").get_config()).dtype == "float16"
        whole, first, second = cls(), cls(), cls()
        for seed, part in ((1, first), (2, second)):
            _, q, p, y = scores((4, 3), seed)
            for metric in (whole, part):
                metric.update_state(y if name.startswith("Sparse") else p, q)
        first.merge_state([second])
        np.testing.assert_allclose(state(first), state(whole), rtol=1e-6)


def test_arrays_of_another_framework_stay_there() -> None:
    """A tensor of another framework than the backend's comes back as one, with its gradient."""
    y, q = inputs("categorical_crossentropy")
    expected = array(ours.categorical_crossentropy(y, q))
    import torch

    x = torch.tensor(q, requires_grad=True)
    found = ours.categorical_crossentropy(torch.tensor(y), x)
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-6)
    loss = ours.CategoricalCrossentropy()(y, x, sample_weight=np.ones(4))
    loss.backward()
    assert isinstance(x.grad, torch.Tensor)
    metric = ours.metrics.CategoricalCrossentropy()
    metric.update_state(y, x)
    np.testing.assert_allclose(state(metric), expected.mean(), rtol=1e-6)

    import jax.numpy as jnp

    for given in ((jnp.asarray(y), jnp.asarray(q)), (y.tolist(), jnp.asarray(q))):
        found = ours.categorical_crossentropy(*given)
        assert isinstance(found, jnp.ndarray)
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6)
    if BACKEND != "torch":
        with pytest.raises(plogq.DtypeError, match="nothing is moved silently"):
            ours.categorical_crossentropy(jnp.asarray(y), torch.tensor(q))
