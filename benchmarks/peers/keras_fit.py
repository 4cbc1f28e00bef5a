"""Keras: an epoch of `fit` of a small network, with Keras' own loss and with plogq's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..case import Run


def _fit(loss: Callable[[], Any]) -> Callable[..., Run]:
    def prepare(images: Any, y: Any) -> Run:
        import keras

        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(128, activation="relu"), keras.layers.Dense(10)]
        model: Any = keras.Sequential([keras.Input(images.shape[1:]), *layers])
        model.compile(optimizer="sgd", loss=loss())

        def run() -> None:
            model.fit(images, y, batch_size=64, epochs=1, verbose=0)

        return run

    return prepare


def _keras() -> Any:
    import keras

    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _plogq() -> Any:
    from plogq.compat import keras

    return keras.SparseCategoricalCrossentropy(from_logits=True)


WORK = {"fit": _fit(_keras)}
OURS = {"fit": _fit(_plogq)}
