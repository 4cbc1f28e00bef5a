"""PQ003: scores where a loss over classes takes probabilities."""

from __future__ import annotations

from ..contracts import Takes
from ..facts import HandWritten, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin

_WRONG = {
    Made.SCORES: "scores, any numbers",
    Made.RELU: "the output of a relu, any numbers from 0",
    Made.TANH: "numbers between -1 and 1",
    Made.LOG_SOFTMAX: "log-probabilities, at most 0",
    Made.LOG_OF_SOFTMAX: "log-probabilities, at most 0",
}


@rule("PQ003", "scores-for-probabilities", Level.ERROR, Sighting)
def scores_for_probabilities(seen: Sighting) -> Verdict | None:
    """Scores where a loss over exclusive classes takes probabilities.

    Keras' categorical losses take probabilities unless told `from_logits=True`: they divide each
    row by its sum and clip to [1e-7, 1 - 1e-7]. Of scores that makes nonsense: negative ones
    become 1e-7, and their gradient is 0, so the loss sticks near -ln 1e-7 = 16.118 or goes to
    zero for the wrong reason. scikit-learn's `log_loss` clips as well.

    ```python title="wrong"
    import keras

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy())
    ```

    ```python title="right"
    import keras

    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ```
    """
    q = seen.prediction
    if q is None or not seen.loss.exclusive or seen.loss.takes is not Takes.PROBABILITIES:
        return None
    if q.made is None or q.made not in _WRONG or _clipped(q.path) or q.within_one:
        return None
    if q.made is Made.TANH and q.scaled:
        return None
    mend = "put a softmax before the loss"
    option = None
    if seen.loss.flag and q.made in (Made.SCORES, Made.RELU):
        mend = "write from_logits=True in the loss, or put a softmax before it"
        option = ("from_logits", True)
    elif q.made in (Made.LOG_SOFTMAX, Made.LOG_OF_SOFTMAX):
        mend = "give it the exponentials of these, or a softmax in the log_softmax's place"
    sk = seen.loss.peer == "sklearn"
    follows = (
        "values outside [0, 1] are an error there"
        if sk
        else "it clips what it gets to [1e-7, 1 - 1e-7], so a score below 0 costs 16.118 and has "
        "no gradient"
    )
    return Verdict(
        f"{seen.loss.name} takes probabilities, but got {_WRONG[q.made]}, from "
        f"{origin(q, seen.place)}: {follows}",
        mend, q.place, evidence(seen), option=option,
    )  # fmt: skip


@rule("PQ003", "scores-for-probabilities", Level.ERROR, HandWritten, hides=("PQ021",))
def logarithm_of_scores(seen: HandWritten) -> Verdict | None:
    """A hand-written loss that takes the logarithm of scores, or of log-probabilities."""
    logs, of = seen.logs, seen.logs.source
    if logs.made is not Made.LOG_OF_SCORES or of is None:
        return None
    what = _WRONG.get(of.made or Made.SCORES, "numbers below 0")
    return Verdict(
        f"this loss takes the logarithm, {origin(logs, seen.place)}, of {what}, from "
        f"{origin(of, seen.place)}: below 0 it is NaN, and the cross-entropy is of no distribution",
        "take the logarithm of a softmax of them"
        if of.made is Made.SCORES
        else "they are logarithms already: drop the log",
        of.place,
        (f"the logarithm is of what comes from {origin(of, seen.place)}",),
    )


def _clipped(path: tuple[object, ...]) -> bool:
    return any(getattr(step, "verb", "") == "clip" for step in path)
