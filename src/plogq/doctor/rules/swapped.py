"""PQ016: the prediction in the target's place."""

from __future__ import annotations

from ..facts import OUTPUTS, PROBABILITIES, Array, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin

_TRUE = {Made.ONE_HOT, Made.LABELS, Made.MULTI_HOT, Made.DATA, Made.PADDED}
_LOGS = {Made.LOG_SOFTMAX, Made.LOG_OF_SOFTMAX, Made.LOG_SIGMOID}
_PROBS = {Made.SOFTMAX, Made.SIGMOID, Made.PROBABILITIES}


@rule(
    "PQ016", "swapped-arguments", Level.ERROR, Sighting,
    hides=("PQ003", "PQ005", "PQ009", "PQ010", "PQ012", "PQ013", "PQ014", "PQ020"),
)  # fmt: skip
def swapped_arguments(seen: Sighting) -> Verdict | None:
    """The prediction in the target's place, and the target in the prediction's.

    PyTorch, optax and Theano take the prediction first, Keras, TensorFlow and scikit-learn the
    target. H(P, Q) is not symmetric: swapped, the loss is computed of a "prediction" that holds
    only zeros and ones, and the gradient goes through the logarithm's place.

    ```python title="wrong"
    import keras
    import numpy as np

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1, activation="sigmoid")])
    y = np.random.randint(0, 2, (32, 1)).astype("float32")
    q = model(np.random.randn(32, 20).astype("float32"))
    loss = keras.losses.BinaryCrossentropy()(q, y)
    ```

    ```python title="right"
    import keras
    import numpy as np

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1, activation="sigmoid")])
    y = np.random.randint(0, 2, (32, 1)).astype("float32")
    q = model(np.random.randn(32, 20).astype("float32"))
    loss = keras.losses.BinaryCrossentropy()(y, q)
    ```
    """
    q, p = seen.prediction, seen.target
    if p is not None and p.made in PROBABILITIES and seen.loss.peer == "sklearn":
        return _first_is_true(seen, p)
    if q is None or p is None:
        return None
    if seen.loss.divergence and q.made in _PROBS and p.made in _LOGS:
        if seen.options.get("log_target", False) is not False:
            return None
    elif not _is_true(q) or p.made not in OUTPUTS or p.detached:
        return None
    first, second = ("target", "prediction") if seen.loss.target_first else (
        "prediction", "target"
    )  # fmt: skip
    return Verdict(
        f"{seen.loss.name} takes the {first} first and the {second} second; here the model's "
        f"output, from {origin(p, seen.place)}, stands as the target, and "
        f"{_what(q)} from {origin(q, seen.place)} as the prediction",
        f"swap the two: the {first} comes first",
        p.place,
        evidence(seen),
    )


def _first_is_true(seen: Sighting, p: Array) -> Verdict:
    return Verdict(
        f"{seen.loss.name} takes the labels first; here the model's probabilities, from "
        f"{origin(p, seen.place)}, stand in their place",
        f"swap the two: {seen.loss.name}(labels, probabilities)",
        p.place,
        evidence(seen),
    )


def _is_true(q: Array) -> bool:
    """Whether it is what is known, and no model's output."""
    if q.made is None and (q.low, q.high) == (0, 1) and any(
        s.verb in ("cast", "cat") for s in q.path
    ):  # fmt: skip
        return True  # of a comparison, or zeros beside ones
    return q.made in _TRUE or (q.made is None and q.kind == "int")


def _what(q: Array) -> str:
    if q.made is Made.ONE_HOT:
        return "one-hot rows"
    return (
        "log-probabilities"
        if q.made in _LOGS
        else q.made.value
        if q.made
        else ("zeros and ones" if q.high == 1 else "whole numbers")
    )
