"""PQ004: scores where a yes/no loss takes probabilities."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin

_WRONG = {
    Made.SCORES: "scores, any numbers",
    Made.RELU: "the output of a relu, any numbers from 0",
    Made.TANH: "numbers between -1 and 1",
    Made.LOG_SOFTMAX: "log-probabilities, at most 0",
    Made.LOG_OF_SOFTMAX: "log-probabilities, at most 0",
    Made.LOG_SIGMOID: "log-probabilities, at most 0",
}


@rule("PQ004", "scores-for-yes-no-probabilities", Level.ERROR, Sighting)
def scores_for_yes_no_probabilities(seen: Sighting) -> Verdict | None:
    """Scores where a yes/no loss takes the probability of yes.

    `nn.BCELoss` stops with an error as soon as a value leaves [0, 1] ("all elements of input
    should be between 0 and 1"), which may take some steps. Keras' `binary_crossentropy` clips to
    [1e-7, 1 - 1e-7]: a score below 0 is a certain no, one above 1 a certain yes, with a gradient of
    0 and a loss of 0 or 16.118.

    ```python title="wrong"
    import keras

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="binary_crossentropy")
    ```

    ```python title="right"
    import keras

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy")
    ```
    """
    q = seen.prediction
    if q is None or seen.loss.exclusive or seen.loss.takes is not Takes.PROBABILITIES:
        return None
    if q.made is None or q.made not in _WRONG or (q.made is Made.TANH and q.scaled):
        return None
    if any(step.verb == "clip" for step in q.path) or q.within_one:
        return None
    option = None
    if seen.loss.flag:
        mend = "write from_logits=True in the loss, or give the last layer a sigmoid"
        option = ("from_logits", True) if q.made is Made.SCORES else None
        follows = (
            "it clips to [1e-7, 1 - 1e-7], so a score outside [0, 1] has no gradient and costs 0 "
            "or 16.118"
        )
    elif seen.loss.peer == "torch":
        mend = "write nn.BCEWithLogitsLoss (F.binary_cross_entropy_with_logits), or apply a sigmoid"
        follows = "a value outside [0, 1] stops the run, at the first batch that has one"
    else:
        mend = "use the loss that takes scores, or apply a sigmoid"
        follows = "the logarithm of a value outside (0, 1) is NaN, or a clip"
    return Verdict(
        f"{seen.loss.name} takes the probability of yes, but got {_WRONG[q.made]}, from "
        f"{origin(q, seen.place)}: {follows}",
        mend, q.place, evidence(seen), option=option,
    )  # fmt: skip
