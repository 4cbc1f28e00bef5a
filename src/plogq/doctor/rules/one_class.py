"""PQ007: a softmax over one unit, or one class."""

from __future__ import annotations

from ..facts import Array, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin

_OVER = {Made.SOFTMAX, Made.LOG_SOFTMAX}


@rule(
    "PQ007", "softmax-over-one-class", Level.ERROR, Sighting,
    hides=("PQ001", "PQ002", "PQ003", "PQ005", "PQ006", "PQ008", "PQ009", "PQ011", "PQ013",
           "PQ014", "PQ020"),
)  # fmt: skip
def softmax_over_one_class(seen: Sighting) -> Verdict | None:
    """A softmax over one unit, or a loss over one class: always 1, whatever the model says.

    exp(z) / exp(z) = 1. A loss over exclusive classes is then 0 for every event (or the clip),
    its gradient 0, and nothing is learnt; a yes/no loss behind a one-unit softmax always sees a
    certain yes. One unit is a yes/no outcome: a sigmoid and a yes/no loss, or two units.

    ```python title="wrong"
    import keras

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1, activation="softmax")])
    model.compile(optimizer="adam", loss="binary_crossentropy")
    ```

    ```python title="right"
    import keras

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy")
    ```
    """
    q = seen.prediction
    if q is None or q.made is None:
        return None
    if q.made in _OVER and q.width == 1:
        return Verdict(
            f"{origin(q, seen.place)} is a softmax over one unit: its output is always "
            f"{'1' if q.made is Made.SOFTMAX else '0'}, so {seen.loss.name} is constant and its "
            "gradient 0",
            "for a yes/no outcome write a sigmoid and a yes/no loss; else one unit per class",
            q.place,
            evidence(seen),
        )
    if seen.loss.exclusive and q.axis is not None and q.classes == 1 and _counts(q, seen):
        return Verdict(
            f"{seen.loss.name} is a loss over exclusive classes, but {origin(q, seen.place)} has "
            "one: the probability of a single class is 1, so the loss is constant and its "
            "gradient 0",
            "for a yes/no outcome write a yes/no loss (BCEWithLogitsLoss, BinaryCrossentropy); "
            "else one unit per class",
            q.place,
            evidence(seen),
        )
    return None


def _counts(q: Array, seen: Sighting) -> bool:
    """Whether the one class is that of the loss: the head's axis is the loss's."""
    if seen.loss.peer == "sklearn" or q.made not in (
        Made.SCORES, Made.SIGMOID, Made.RELU, Made.TANH
    ):  # fmt: skip
        return False
    return q.shape is None or (q.rank or 0) >= 2
