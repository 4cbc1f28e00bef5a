"""Models: compile, fit, evaluate, save and load with our losses and metrics, beside Keras' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import plogq.compat.keras as ours

from .backend import BACKEND, CLASSES, one_hot

rng = np.random.default_rng(11)
FEATURES = rng.normal(size=(40, 5)).astype(np.float32)
LABELS = rng.integers(0, 3, 40)
WEIGHTS = rng.random(40).astype(np.float32)


def model(activation: str | None = "softmax") -> Any:
    """A small model, the same weights every time."""
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, activation=activation)])


def of_many_heads() -> Any:
    """A model with an output for every loss."""
    keras.utils.set_random_seed(0)
    x = keras.Input((5,))
    shared = keras.layers.Dense(8, activation="tanh")(x)
    kinds = {name: "sigmoid" if name.startswith("binary") else "softmax" for name in CLASSES}
    return keras.Model(
        x,
        {name: keras.layers.Dense(3, kind, name=name)(shared) for name, kind in kinds.items()},
    )


def trained(made: Any, loss: Any, y: Any, metrics: Any = None, **options: Any) -> Any:
    """What came of training and of evaluating; the last batch has another size."""
    weight = options.pop("sample_weight", None)
    made.compile(keras.optimizers.SGD(0.5), loss=loss, weighted_metrics=metrics, **options)
    given = {"sample_weight": weight, "batch_size": 16, "verbose": 0}
    history = made.fit(FEATURES, y, shuffle=False, epochs=3, **given)
    return history.history, made.evaluate(FEATURES, y, return_dict=True, **given)


def test_training_is_that_of_keras() -> None:
    """Every loss and metric at once, with sample weights."""
    y = {name: LABELS if name.startswith("sparse") else one_hot(LABELS, 3) for name in CLASSES}
    found = []
    for module, metrics in ((ours, ours.metrics), (keras.losses, keras.metrics)):
        losses = {name: getattr(module, CLASSES[name])() for name in CLASSES}
        made = {
            name: [getattr(metrics, CLASSES[name])(name="m")]
            for name in CLASSES
            if CLASSES[name] in ours.metrics.__all__
        }
        weights = dict.fromkeys(CLASSES, WEIGHTS)
        found.append(trained(of_many_heads(), losses, y, made, sample_weight=weights))
    (history, evaluated), (their_history, their_evaluated) = found
    assert set(history) == set(their_history)
    assert {f"{name}_loss" for name in CLASSES} < set(history)
    assert sum(key.endswith("_m") for key in history) == len(ours.metrics.__all__)
    for key in history:
        assert history[key][-1] < history[key][0]
        np.testing.assert_allclose(history[key], their_history[key], rtol=1e-4)
        np.testing.assert_allclose(evaluated[key], their_evaluated[key], rtol=1e-4)


# TensorFlow runs without XLA too; the others as they always do.
@pytest.mark.parametrize(
    "options", [{}, *([{"jit_compile": False}] if BACKEND == "tensorflow" else [])], ids=str
)
def test_training_on_logits_with_ignored_labels(options: dict[str, bool]) -> None:
    y = np.where(LABELS == 2, -1, LABELS)
    found = []
    for module in (ours, keras.losses):
        loss = module.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        found.append(trained(model(None), loss, y, **options)[0]["loss"])
    np.testing.assert_allclose(*found, rtol=1e-4)
    assert found[0][-1] < found[0][0]


def test_a_function_is_a_loss_too() -> None:
    found = []
    for module in (ours, keras.losses):
        history, _ = trained(model(), module.categorical_crossentropy, one_hot(LABELS, 3))
        found.append(history["loss"])
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_a_masked_sequence() -> None:
    """A mask that a layer makes goes through the model to the loss."""
    x = rng.integers(1, 6, (12, 4))
    x[:, 3] = 0
    y = rng.integers(0, 3, (12, 4))
    found = []
    for module in (ours, keras.losses):
        keras.utils.set_random_seed(0)
        made = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Embedding(6, 4, mask_zero=True),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        made.compile(keras.optimizers.SGD(0.5), loss=module.SparseCategoricalCrossentropy())
        found.append(made.fit(x, y, shuffle=False, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_a_saved_model_goes_on_where_it_was(tmp_path: Path) -> None:
    made, y = model(), one_hot(LABELS, 3)
    loss = ours.CategoricalCrossentropy(label_smoothing=0.1, dtype="float32")
    trained(made, loss, y, [ours.metrics.CategoricalCrossentropy()])
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is ours.CategoricalCrossentropy
    assert loaded.loss.get_config() == loss.get_config()
    results = [m.evaluate(FEATURES, y, verbose=0, return_dict=True) for m in (made, loaded)]
    assert results[0] == results[1]
    assert results[0]["categorical_crossentropy"] < results[0]["loss"]
    loaded.fit(FEATURES, y, verbose=0)


@pytest.mark.parametrize("name", CLASSES)
def test_serialisation(name: str) -> None:
    """Classes, functions and metrics, without custom_objects."""
    things: list[Any] = [getattr(ours, CLASSES[name])(reduction="sum"), getattr(ours, name)]
    if CLASSES[name] in ours.metrics.__all__:
        things.append(getattr(ours.metrics, CLASSES[name])(name="m"))
    for thing in things:
        config = keras.saving.serialize_keras_object(thing)
        named = config["config" if config["class_name"] == "function" else "registered_name"]
        assert named.startswith("plogq.compat.keras")
        made = keras.saving.deserialize_keras_object(config)
        assert made is thing or type(made) is type(thing)
        assert keras.saving.serialize_keras_object(made) == config
