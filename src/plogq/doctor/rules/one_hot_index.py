"""PQ013: one-hot rows where a loss takes class indices, or the other way round."""

from __future__ import annotations

from ..contracts import Holds
from ..facts import Array, Made, Sighting
from ..findings import Level, Verdict
from .registry import rule
from .words import evidence, origin

_INDEX = {Made.LABELS, Made.ARGMAX, Made.HARD}


@rule("PQ013", "one-hot-against-index", Level.ERROR, Sighting, hides=("PQ009", "PQ020"))
def one_hot_against_index(seen: Sighting) -> Verdict | None:
    """One-hot rows where a loss takes class indices, or indices where it takes rows.

    Most such pairs stop with an error about shapes or dtypes, which this rule explains. Some do
    not: where N = K, or where the labels broadcast over the classes, a number comes out that has
    nothing to do with the labels.

    ```python title="wrong"
    import keras
    import numpy as np

    y = keras.utils.to_categorical(np.random.randint(0, 10, 32), 10)
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    try:
        model.fit(np.random.randn(32, 20), y, verbose=0)
    except Exception as error:
        print(error)
    ```

    ```python title="right"
    import keras
    import numpy as np

    y = keras.utils.to_categorical(np.random.randint(0, 10, 32), 10)
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    model.fit(np.random.randn(32, 20), y, verbose=0)
    ```
    """
    p, q = seen.target, seen.prediction
    if p is None or p.made is None or seen.loss.peer == "sklearn":
        return None
    if p.made is Made.ONE_HOT and seen.loss.holds is Holds.INDEX and _rows(p, q):
        return Verdict(
            f"{seen.loss.name} takes class indices, but got one-hot rows from "
            f"{origin(p, seen.place)}: {_crash(seen)}",
            _for_rows(seen), _head(q), evidence(seen),
        )  # fmt: skip
    if p.made is Made.ONE_HOT and seen.loss.holds is Holds.EITHER and p.kind == "int":
        if not _rows(p, q):
            return None
        return Verdict(
            f"{seen.loss.name} takes whole numbers for class indices, but got one-hot rows of "
            f"whole numbers from {origin(p, seen.place)}: it stops with an error about the shape "
            "or the dtype of the target",
            "give it the labels themselves, or the rows as floats: .float()",
            _head(q), evidence(seen),
        )  # fmt: skip
    if p.made in _INDEX and _is_index(p, q) and seen.loss.holds is Holds.DISTRIBUTION:
        return Verdict(
            f"{seen.loss.name} takes one-hot or soft rows, but got class indices from "
            f"{origin(p, seen.place)}: {_crash(seen)}",
            _for_index(seen), _head(q), evidence(seen),
        )  # fmt: skip
    if seen.loss.holds in (Holds.EITHER, Holds.INDEX) and seen.loss.peer == "torch":
        return _of_torch(seen, p, q)
    return None


def _of_torch(seen: Sighting, p: Array, q: Array | None) -> Verdict | None:
    """Indices that PyTorch refuses: floats, or a column."""
    if p.made not in _INDEX:
        return None
    if p.kind == "float" and _is_index(p, q):
        return Verdict(
            f"{seen.loss.name} takes class indices as int64, but got them as floats, from "
            f"{origin(p, seen.place)}: it stops with an error about the dtype or the shape",
            "write .long()", _head(q), evidence(seen),
        )  # fmt: skip
    column = p.shape is not None and len(p.shape) == 2 and p.shape[1] == 1
    if column and q is not None and q.rank == 2 and p.kind == "int":
        return Verdict(
            f"{seen.loss.name} takes one index per event, shape (N,), but got a column (N, 1) "
            f"from {origin(p, seen.place)}: it stops with \"0D or 1D target tensor expected\"",
            "write .squeeze(1)", _head(q), evidence(seen),
        )  # fmt: skip
    return None


def _rows(p: Array, q: Array | None) -> bool:
    """Whether the one-hot axis is still there."""
    if p.axis is None:
        return False
    return p.rank is None or q is None or q.rank is None or p.rank == q.rank


def _is_index(p: Array, q: Array | None) -> bool:
    """Whether these are indices beside the classes of the prediction."""
    bits = p.low is not None and p.high is not None and p.low >= 0 and p.high <= 1
    if bits and (p.rank is None or q is None or q.rank is None):
        return False  # they may be a yes or no for each outcome: no axis is seen to be missing
    if q is not None and p.rank is not None and q.rank is not None:
        if p.rank == q.rank:
            return p.shape is not None and p.shape[-1] == 1 and q.classes not in (None, 1)
        return p.rank == q.rank - 1
    return q is None or q.classes != 1


def _head(q: Array | None):
    return q.place if q is not None else None


def _crash(seen: Sighting) -> str:
    if seen.loss.broadcasts:
        return "the two broadcast where their lengths allow it, and the loss is of no event"
    return "it stops with an error about their shapes, or pairs the wrong numbers where they fit"


def _for_rows(seen: Sighting) -> str:
    return {
        "keras": "write categorical_crossentropy, or give the labels without to_categorical",
        "tensorflow": "write tf.nn.softmax_cross_entropy_with_logits, or give the indices",
        "optax": "write optax.softmax_cross_entropy, or give the indices",
        "torch": "give it the labels: targets.argmax(1)",
    }.get(seen.loss.peer, "give it the indices")


def _for_index(seen: Sighting) -> str:
    return {
        "keras": "write sparse_categorical_crossentropy, or to_categorical(y, K)",
        "tensorflow": "write tf.nn.sparse_softmax_cross_entropy_with_logits, or tf.one_hot(y, K)",
        "optax": "write optax.softmax_cross_entropy_with_integer_labels, or jax.nn.one_hot(y, K)",
    }.get(seen.loss.peer, "give it one-hot rows, as floats")
