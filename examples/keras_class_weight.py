"""`fit` of Keras with class weights and sample weights, with Keras' loss and with plogq's.

`class_weight` and `sample_weight` multiply the losses of the samples, whatever the loss is. What is
divided by differs: Keras' `sum_over_batch_size` divides by the number of samples, and
`mean_with_sample_weight` by the sum of the weights, which is plogq's mean.

    KERAS_BACKEND=jax python examples/keras_class_weight.py
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from sklearn.datasets import load_digits

import plogq
import plogq.compat.keras as losses

CLASSES, BATCH = 10, 256
WEIGHTS = {k: 1.0 + k / 4 for k in range(CLASSES)}


def data() -> tuple[np.ndarray, np.ndarray]:
    digits = load_digits()
    return (digits.data / 16).astype("float32"), digits.target


def made(loss: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(CLASSES)]
    )
    model.compile(keras.optimizers.SGD(0.1), loss=loss)
    return model


def fitted(loss: Any, **weights: Any) -> list[float]:
    """The losses of a few epochs, from the same start."""
    x, y = data()
    history = made(loss).fit(x, y, BATCH, epochs=5, shuffle=False, verbose=0, **weights)
    return history.history["loss"]


def of_each_reduction() -> None:
    """One batch, by Keras' reductions and by plogq's."""
    x, y = data()
    each = np.array(list(WEIGHTS.values()))
    p = plogq.Weighted(plogq.Labels(y), class_weight=each)
    for theirs, ours in (
        ("sum_over_batch_size", "sum_over_batch_size"),
        ("mean_with_sample_weight", "mean"),
    ):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, reduction=theirs)
        model = made(loss)
        found = model.evaluate(x, y, batch_size=len(y), sample_weight=each[y], verbose=0)
        scores = model.predict(x, batch_size=len(y), verbose=0)
        right = plogq.cross_entropy(p, plogq.Logits(scores), reduction=ours)
        print(f"{theirs:32} {found:.6f} {right:.6f}")


if __name__ == "__main__":
    print(f"on {keras.backend.backend()}")
    weights = np.array([WEIGHTS[k] for k in data()[1]])
    kind = {"from_logits": True}
    for name, loss, given in (
        ("Keras, class_weight", keras.losses.SparseCategoricalCrossentropy(**kind), None),
        ("plogq, class_weight", losses.SparseCategoricalCrossentropy(**kind), None),
        ("plogq, sample_weight", losses.SparseCategoricalCrossentropy(**kind), weights),
    ):
        how = {"class_weight": WEIGHTS} if given is None else {"sample_weight": given}
        print(f"{name:32}", " ".join(f"{x:.6f}" for x in fitted(loss, **how)))
    of_each_reduction()
